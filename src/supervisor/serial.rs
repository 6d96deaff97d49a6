//! Serial ports: opened here, since a vendor process may open no device, and handed over as
//! descriptors. A port that goes is opened again when its name is back.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::fs::{Access, Mode, OFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags};
use rustix::termios::{ControlModes, InputModes, OptionalActions, QueueSelector, SpecialCodeIndex};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::Notify;

use crate::domain::ids::VendorId;
use crate::link::{Parity, SerialLine};

/// A port that cannot be opened is tried again this often, and one that was lost not sooner.
const RETRY: Duration = Duration::from_secs(1);

/// Opens the port: raw, 8 data bits, no flow control, not blocking, and for us alone.
fn open(line: &SerialLine) -> anyhow::Result<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let port = rustix::fs::open(&line.port, flags, Mode::empty())?;
    if !rustix::termios::isatty(&port) {
        bail!("this is no serial port");
    }
    rustix::termios::ioctl_tiocexcl(&port).context("it cannot be had alone")?;
    let mut settings = rustix::termios::tcgetattr(&port)?;
    settings.make_raw();
    settings.input_modes.remove(InputModes::IXOFF | InputModes::IXANY);
    let modes = &mut settings.control_modes;
    modes.remove(ControlModes::CSIZE | ControlModes::CRTSCTS | ControlModes::HUPCL);
    modes.remove(ControlModes::PARENB | ControlModes::PARODD | ControlModes::CSTOPB);
    modes.insert(ControlModes::CS8 | ControlModes::CREAD | ControlModes::CLOCAL);
    match line.parity {
        Parity::None => {}
        Parity::Even => modes.insert(ControlModes::PARENB),
        Parity::Odd => modes.insert(ControlModes::PARENB | ControlModes::PARODD),
    }
    if line.stop_bits == 2 {
        modes.insert(ControlModes::CSTOPB);
    }
    // What does not block is never held back by these two.
    settings.special_codes[SpecialCodeIndex::VMIN] = 1;
    settings.special_codes[SpecialCodeIndex::VTIME] = 0;
    settings.set_speed(line.baud).context("its speed")?;
    rustix::termios::tcsetattr(&port, OptionalActions::Now, &settings).context("its settings")?;
    // What came before is of a conversation that is over.
    rustix::termios::tcflush(&port, QueueSelector::IOFlush)?;
    Ok(port)
}

/// Whether the port is there and may be used, without opening it: that alone may move control
/// lines, and it may be in use.
pub fn probe(port: &Path) -> anyhow::Result<()> {
    let metadata = std::fs::metadata(port)?;
    if !metadata.file_type().is_char_device() {
        bail!("this is no serial port");
    }
    rustix::fs::access(port, Access::READ_OK | Access::WRITE_OK)?;
    Ok(())
}

/// Hands the vendor process its port, now and whenever `lost` says that it has none. Ends when the
/// process takes no more.
pub async fn lend(vendor: &VendorId, line: &SerialLine, process: UnixStream, lost: &Notify) {
    let mut told = String::new();
    loop {
        let wanted = line.clone();
        let opened = tokio::task::spawn_blocking(move || open(&wanted)).await;
        match opened.map_err(anyhow::Error::from).and_then(std::convert::identity) {
            Ok(port) => {
                told.clear();
                if let Err(error) = hand_over(&process, &port).await {
                    tracing::debug!(%vendor, %error, "the vendor process takes no port");
                    return;
                }
                drop(port);
                lost.notified().await;
            }
            Err(error) => {
                let trouble = format!("{error:#}");
                if trouble != told {
                    let port = line.port.display().to_string();
                    tracing::warn!(%vendor, port, trouble, "the port cannot be opened; it is tried on");
                    told = trouble;
                }
            }
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn hand_over(process: &UnixStream, port: &OwnedFd) -> std::io::Result<()> {
    process.async_io(Interest::WRITABLE, || send(process, port)).await
}

/// One byte, and the descriptor with it (`SCM_RIGHTS`, unix(7)).
fn send(process: &UnixStream, port: &OwnedFd) -> std::io::Result<()> {
    let descriptors = [port.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(std::io::Error::other("no room for a descriptor"));
    }
    rustix::net::sendmsg(process, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}
