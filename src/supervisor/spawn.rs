//! A vendor's process: how it begins, what it is given, and why it ended.

use std::ops::{Deref, DerefMut};
use std::os::fd::OwnedFd;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::process::Child;

use super::cgroup::{Leaf, cgroup_layer};
use super::log;
use super::program::process;
use crate::link::{Connection, Layer, VendorSetup};

/// How long a process told to end may take before it is killed.
const END_TIMEOUT: Duration = Duration::from_secs(2);
/// What ends a process that makes a call of the plainly hostile ones.
const SIGSYS: i32 = rustix::process::Signal::SYS.as_raw();

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
    /// Whether a control group bounds the process.
    pub cgroup: Layer,
}

/// A vendor's process, with the control group that bounds it.
pub(super) struct Process {
    child: Child,
    leaf: Option<Leaf>,
}

/// How a process ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ending {
    /// `None`: it did not end by itself, and was killed.
    status: Option<ExitStatus>,
    /// The kernel ended it for want of memory.
    out_of_memory: bool,
}

impl Process {
    /// The control group that bounds it.
    pub fn leaf(&self) -> Option<&Leaf> {
        self.leaf.as_ref()
    }
}

impl Deref for Process {
    type Target = Child;

    fn deref(&self) -> &Child {
        &self.child
    }
}

impl DerefMut for Process {
    fn deref_mut(&mut self) -> &mut Child {
        &mut self.child
    }
}

pub(super) fn spawn(setup: &VendorSetup) -> std::io::Result<(Process, Sockets)> {
    // A child begins where its parent is, and a group with processes gets no leaves.
    super::cgroup::settle();
    let (link, its_link) = pair()?;
    let (port, its_output) = match &setup.connection {
        Connection::Mqtt(_) => (None, Stdio::null()),
        Connection::Serial(_) => {
            let (port, its_port) = pair()?;
            (Some(port), Stdio::from(its_port))
        }
    };
    let verbosity = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
    let mut child = process(setup.vendor.as_str(), &verbosity)?
        .stdin(Stdio::from(its_link))
        .stdout(its_output)
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(log) = child.stderr.take() {
        // It ends with the process, after its last words.
        tokio::spawn(log::follow(setup.vendor.clone(), log));
    }
    // It is not answered before it is in there, and reads nothing before it is answered.
    let leaf = child.id().and_then(|process| Leaf::hold(&setup.vendor, process));
    let cgroup = cgroup_layer(leaf.is_some());
    Ok((Process { child, leaf }, Sockets { link, port, cgroup }))
}

fn pair() -> std::io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    Ok((UnixStream::from_std(ours)?, OwnedFd::from(theirs)))
}

pub(super) async fn reap(process: &mut Process) -> Ending {
    let status = if let Ok(status) = tokio::time::timeout(END_TIMEOUT, process.wait()).await {
        status.ok()
    } else {
        let _ = process.kill().await;
        None
    };
    let out_of_memory = process.leaf.as_ref().is_some_and(Leaf::out_of_memory);
    Ending { status, out_of_memory }
}

pub(super) fn cause_of(ending: Ending) -> Cause {
    use std::os::unix::process::ExitStatusExt;
    if ending.out_of_memory {
        let detail = "it had all the memory that its control group may".to_owned();
        return Cause { word: "out_of_memory", detail };
    }
    match ending.status.map(|status| (status.code(), status.signal())) {
        Some((Some(code), _)) => Cause { word: "exited", detail: format!("exit code {code}") },
        Some((None, Some(SIGSYS))) => Cause {
            word: "signalled",
            detail: format!("signal {SIGSYS}: a system call that no translator makes"),
        },
        Some((None, Some(signal))) => {
            Cause { word: "signalled", detail: format!("signal {signal}") }
        }
        _ => Cause { word: "exited", detail: "it closed the link and did not end".to_owned() },
    }
}
