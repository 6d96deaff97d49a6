//! What runs inside a vendor process: a transport around a pure translator, and nothing else.
//! No cloud credential, no journal, no other vendor's devices.

mod commands;
mod conversation;
mod evidence;
pub mod faults;
mod flow;
mod messages;
mod mqtt;
mod newest;
mod probe;
mod sandbox;
mod serial;
mod session;
mod side;
mod tls;

use std::ffi::CStr;
use std::os::fd::AsFd;

use anyhow::Context;
use doorward_sandbox::{Limits, Prepared};

pub use doorward_sandbox::attempts::{Attempt, Outcome};
pub use probe::{Verdict, examine, probe, shown};
pub use tls::usable;

use crate::link::Signal;
use commands::Ended;
use mqtt::Receipt;

/// Something from the devices' side, whatever the transport.
#[expect(clippy::large_enum_variant, reason = "nearly all of them are signals")]
enum Happening {
    Connected {
        epoch: u32,
    },
    Disconnected {
        epoch: u32,
        detail: String,
    },
    /// What became of the command in hand.
    Ended(Ended),
    /// Not numbered yet.
    Signal {
        signal: Signal,
        receipt: Option<Receipt>,
    },
}

/// What the process is called by the kernel, which keeps fifteen letters.
const NAME: &CStr = c"doorward-vendor";

/// The first thing in the process, before it has a thread or a descriptor of its own: gives up what
/// it surely does not need.
///
/// # Errors
/// A layer that every kernel has is not in force.
pub fn prepare() -> anyhow::Result<Prepared> {
    // Started by its descriptor it would be called by that one's number in `ps`, `top` and the
    // kernel's words.
    rustix::thread::set_name(NAME).context("the process's name")?;
    // Also one that hangs ends with its core. The core spawns from its main thread, which lives
    // as long as it does.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .context("the death signal")?;
    doorward_sandbox::prepare(&Limits::VENDOR).context("the sandbox")
}

/// Runs the process to its end: the core closing the link, or a fault that the supervisor
/// answers with a restart. The link is the standard input; where the devices are on a serial line,
/// the standard output is the socket over which the core hands over the port's descriptor.
pub async fn run(prepared: Prepared) -> anyhow::Result<()> {
    session::run(socket(&std::io::stdin())?, Some(prepared)).await
}

/// Runs a vendor on its end of a link, within another process.
#[cfg(feature = "one-process")]
pub async fn run_within(link: tokio::net::UnixStream) -> anyhow::Result<()> {
    session::run(link, None).await
}

/// A socket that was inherited as one of the standard streams.
fn socket(stream: &impl AsFd) -> anyhow::Result<tokio::net::UnixStream> {
    let socket = stream.as_fd().try_clone_to_owned().context("an inherited socket")?;
    let socket = std::os::unix::net::UnixStream::from(socket);
    socket.set_nonblocking(true).context("an inherited socket")?;
    tokio::net::UnixStream::from_std(socket).context("an inherited socket")
}
