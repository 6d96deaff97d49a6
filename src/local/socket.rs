//! The Unix socket itself: who may have it, and how much of us a connection may hold.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::{Context as _, bail};
use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// Connections at once; further ones wait in the system's queue.
const CONNECTIONS: usize = 32;
/// How long a request may take to arrive, and to be begun to be answered.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// After a connection could not be taken (no descriptors left), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The bound socket. Its file is removed when this is dropped.
pub struct Socket {
    listener: UnixListener,
    connections: Arc<Semaphore>,
    path: PathBuf,
    inode: u64,
}

impl Socket {
    /// Binds the socket. One left behind by a killed process is replaced; one that answers, and
    /// a file of any other kind, is not.
    pub fn bind(path: &Path) -> anyhow::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).with_context(|| {
                format!("the socket's folder {} cannot be made", folder.display())
            })?;
        }
        if let Ok(metadata) = std::fs::symlink_metadata(path) {
            if !metadata.file_type().is_socket() {
                bail!(
                    "{} exists and is no socket\n  remedy: remove it, or set another gateway.socket",
                    path.display()
                );
            }
            match std::os::unix::net::UnixStream::connect(path) {
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                    std::fs::remove_file(path).with_context(|| {
                        format!("the old socket {} cannot be removed", path.display())
                    })?;
                }
                Ok(_) => bail!(
                    "another doorward answers on {}\n  remedy: stop it first, or give this one a gateway.socket and a gateway.state_dir of its own",
                    path.display()
                ),
                Err(error) => bail!("{} is in use: {error}", path.display()),
            }
        }
        let listener = UnixListener::bind(path)
            .with_context(|| format!("the socket {} cannot be made", path.display()))?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
        let inode = std::fs::symlink_metadata(path)?.ino();
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        Ok(Self { listener, connections, path: path.to_owned(), inode })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if std::fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl axum::serve::Listener for Socket {
    type Io = Connection;
    type Addr = ();

    async fn accept(&mut self) -> (Connection, ()) {
        loop {
            let Ok(permit) = Arc::clone(&self.connections).acquire_owned().await else {
                return std::future::pending().await;
            };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let overdue = Some(Box::pin(tokio::time::sleep(REQUEST_TIMEOUT)));
                    let peer = Peer { uid: stream.peer_cred().ok().map(|peer| peer.uid()) };
                    return (Connection { stream, overdue, peer, _permit: permit }, ());
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the local socket was not taken");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<()> {
        Ok(())
    }
}

/// One connection, which has [`REQUEST_TIMEOUT`] until its answer begins. There is one answer a
/// connection, so nothing idles.
pub struct Connection {
    stream: UnixStream,
    overdue: Option<Pin<Box<Sleep>>>,
    peer: Peer,
    _permit: OwnedSemaphorePermit,
}

/// Who is on the other side, as the system says it (`SO_PEERCRED`): nothing that a client can
/// choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    /// The user who connected; `None` if the system does not say.
    pub uid: Option<u32>,
}

impl Connected<IncomingStream<'_, Socket>> for Peer {
    fn connect_info(stream: IncomingStream<'_, Socket>) -> Self {
        stream.io().peer
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(overdue) = &mut self.overdue
            && overdue.as_mut().poll(context).is_ready()
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.overdue = None;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.overdue = None;
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
