//! What runs inside a vendor process: a transport around a pure translator, and nothing else.
//! No cloud credential, no journal, no other vendor's devices.

mod evidence;
mod flow;
mod mqtt;
mod session;
mod tls;

use std::os::fd::AsFd;

use anyhow::Context;
use doorward_translators::{Translator, zigbee2mqtt::Zigbee2Mqtt};

use crate::link::Ecosystem;

pub use mqtt::probe;

/// Runs the process to its end: the core closing the link, or a fault that the supervisor
/// answers with a restart. The link is the standard input.
pub async fn run() -> anyhow::Result<()> {
    // Also one that hangs ends with its core. The core spawns from its main thread, which lives
    // as long as it does.
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
        .context("the death signal")?;
    let socket = std::io::stdin().as_fd().try_clone_to_owned().context("the link")?;
    let socket = std::os::unix::net::UnixStream::from(socket);
    socket.set_nonblocking(true).context("the link")?;
    let socket = tokio::net::UnixStream::from_std(socket).context("the link")?;
    session::run(socket).await
}

/// The translator of an ecosystem.
pub fn translator(ecosystem: &Ecosystem) -> anyhow::Result<Box<dyn Translator>> {
    Ok(match ecosystem {
        Ecosystem::Zigbee2mqtt(settings) => Box::new(Zigbee2Mqtt::new(settings.clone())?),
    })
}
