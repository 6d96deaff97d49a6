//! A vendor's process: how it begins, what it is given, and why it ended.

use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::{Child, Command};

use crate::link::{Connection, VendorSetup};

/// How long a process told to end may take before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Why a process ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// As in the schema of `vendor.isolated`.
    pub word: &'static str,
    pub detail: String,
}

/// Our ends of what a vendor process was given.
pub(super) struct Sockets {
    pub link: UnixStream,
    /// Over which it gets its serial port, where it has one.
    pub port: Option<UnixStream>,
}

pub(super) fn spawn(setup: &VendorSetup) -> std::io::Result<(Child, Sockets)> {
    let (link, its_link) = pair()?;
    let (port, its_output) = match &setup.connection {
        Connection::Mqtt(_) => (None, Stdio::null()),
        Connection::Serial(_) => {
            let (port, its_port) = pair()?;
            (Some(port), Stdio::from(its_port))
        }
    };
    let log = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
    let child = process(setup.vendor.as_str(), &log)
        .stdin(Stdio::from(its_link))
        .stdout(its_output)
        .stderr(Stdio::inherit())
        .spawn()?;
    Ok((child, Sockets { link, port }))
}

/// A vendor's process, to be started: this very program, with an empty environment but for `log`,
/// how much it writes.
pub(super) fn process(vendor: &str, log: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("doorward")
        .args(["vendor", vendor])
        .env_clear()
        .env("RUST_LOG", log)
        .kill_on_drop(true);
    command
}

fn pair() -> std::io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, OwnedFd::from(theirs)))
}

pub(super) async fn reap(child: &mut Child) -> Option<ExitStatus> {
    if let Ok(status) = tokio::time::timeout(END_TIMEOUT, child.wait()).await {
        return status.ok();
    }
    let _ = child.kill().await;
    None
}

pub(super) fn cause_of(status: Option<ExitStatus>) -> Cause {
    use std::os::unix::process::ExitStatusExt;
    match status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => Cause { word: "exited", detail: format!("exit code {code}") },
        Some((None, Some(signal))) => {
            Cause { word: "signalled", detail: format!("signal {signal}") }
        }
        _ => Cause { word: "exited", detail: "it closed the link and did not end".to_owned() },
    }
}
