//! The serial transport: a port whose descriptor the core hands over, and hands over again after
//! the adapter was unplugged. This process opens no device itself.

use std::io::{Error, ErrorKind, IoSliceMut, Read};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::net::UnixStream;

/// Most bytes taken from the port at a time.
const PORTION: usize = 256;
/// Most bytes that have gathered and are taken in one turn: the rest is taken in the next.
const MOST_WAITING: usize = 4096;

/// A port that stands.
pub struct Port {
    file: AsyncFd<std::fs::File>,
}

impl Port {
    /// `descriptor` is set up and does not block.
    fn new(descriptor: OwnedFd) -> std::io::Result<Self> {
        #[expect(deprecated, reason = "its successor is unsafe; a `File` keeps its descriptor")]
        let file = AsyncFd::new(std::fs::File::from(descriptor))?;
        Ok(Self { file })
    }

    /// What has come already, as far as one turn takes it; nothing is waited for. An error says that
    /// the port is gone.
    pub fn waiting(&self) -> std::io::Result<Vec<u8>> {
        let mut waiting = Vec::new();
        let mut bytes = [0; PORTION];
        while waiting.len() < MOST_WAITING {
            match self.file.get_ref().read(&mut bytes) {
                Ok(0) => return Err(hung_up()),
                Ok(count) => waiting.extend_from_slice(bytes.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(waiting)
    }

    /// The next bytes. An error says that the port is gone: a hung-up port reads as its end.
    pub async fn read(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = [0; PORTION];
        loop {
            let mut ready = self.file.readable().await?;
            match ready.try_io(|file| file.get_ref().read(&mut bytes)) {
                Ok(Ok(0)) => return Err(hung_up()),
                Ok(Ok(count)) => return Ok(bytes.get(..count).unwrap_or_default().to_vec()),
                Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Writes a frame. A port that does not take it whole has lost it: the protocol's own time-out
    /// deals with that, and nothing waits here.
    pub fn write(&self, frame: &[u8]) -> std::io::Result<()> {
        use std::io::Write;
        match self.file.get_ref().write(frame) {
            Ok(count) if count == frame.len() => Ok(()),
            Ok(count) => {
                tracing::debug!(count, of = frame.len(), "the port took a part of a frame");
                Ok(())
            }
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) =>
            {
                tracing::debug!("the port takes nothing");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

fn hung_up() -> Error {
    Error::new(ErrorKind::UnexpectedEof, "the port hung up")
}

/// Where descriptors come from.
pub struct Handover {
    socket: UnixStream,
}

impl Handover {
    pub fn new(socket: UnixStream) -> Self {
        Self { socket }
    }

    /// The next port. An error says that the core has closed its side.
    pub async fn port(&self) -> std::io::Result<Port> {
        loop {
            self.socket.readable().await?;
            match self.socket.try_io(Interest::READABLE, || receive(&self.socket)) {
                Ok(Some(descriptor)) => return Port::new(descriptor),
                Ok(None) => return Err(Error::new(ErrorKind::UnexpectedEof, "no more ports")),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// One descriptor (`SCM_RIGHTS`, unix(7)) with the one byte that carries it. `None`: the end.
fn receive(socket: &UnixStream) -> std::io::Result<Option<OwnedFd>> {
    let mut byte = [0; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut byte)];
    rustix::net::recvmsg(socket, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    Ok(control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    }))
}
