//! The obvious alternative, for comparison alone (feature `one-process`): a vendor as a task of the
//! core's own process, over the same link. Stands in the place of `spawn.rs`; never shipped. What it
//! costs is in `docs/decisions/0020-one-process-per-vendor.md`.

use std::future::Future;
use std::os::unix::process::ExitStatusExt as _;
use std::pin::Pin;
use std::process::ExitStatus;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use super::cgroup::{Leaf, cgroup_layer};
use crate::link::{Connection, Layer, VendorSetup};

/// How long a task told to end may take before it is aborted.
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// What runs a vendor on its end of the link.
pub type Runner = fn(UnixStream) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

static RUNNER: OnceLock<Runner> = OnceLock::new();

/// Says what runs a vendor. The first one counts.
pub fn run_with(runner: Runner) {
    let _ = RUNNER.set(runner);
}

/// Why a vendor ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// As in the schema of `vendor.isolated`.
    pub word: &'static str,
    pub detail: String,
}

/// Our ends of what a vendor was given.
pub(super) struct Sockets {
    pub link: UnixStream,
    /// Never there: ports are handed over between processes.
    pub port: Option<UnixStream>,
    /// None bounds a task.
    pub cgroup: Layer,
}

/// A vendor's task.
pub(super) struct Process(JoinHandle<anyhow::Result<()>>);

/// How a task ended; `None`: it did not.
pub(super) type Ending = Option<ExitStatus>;

impl Process {
    /// None bounds a task.
    #[expect(clippy::unused_self, reason = "as a process's")]
    pub fn leaf(&self) -> Option<&Leaf> {
        None
    }

    /// It has no process of its own.
    #[expect(clippy::unused_self, reason = "as a process's")]
    pub fn id(&self) -> Option<u32> {
        None
    }

    /// Ends it at its next wait; one that never waits goes on.
    pub async fn kill(&mut self) -> std::io::Result<()> {
        self.0.abort();
        std::future::ready(Ok(())).await
    }
}

pub(super) fn spawn(setup: &VendorSetup) -> std::io::Result<(Process, Sockets)> {
    let runner = RUNNER.get().ok_or_else(|| std::io::Error::other("nothing runs vendors"))?;
    if matches!(setup.connection, Connection::Serial(_)) {
        return Err(std::io::Error::other("this build has no serial ports"));
    }
    let (link, its_link) = UnixStream::pair()?;
    let sockets = Sockets { link, port: None, cgroup: cgroup_layer(false) };
    Ok((Process(tokio::spawn(runner(its_link))), sockets))
}

pub(super) async fn reap(child: &mut Process) -> Ending {
    let ended = tokio::time::timeout(END_TIMEOUT, &mut child.0).await;
    if ended.is_err() {
        child.0.abort();
    }
    // As of a process that ended with 1.
    ended.ok().map(|_| ExitStatus::from_raw(1 << 8))
}

pub(super) fn cause_of(status: Ending) -> Cause {
    let detail = match status {
        Some(_) => "its task ended",
        None => "it closed the link and did not end",
    };
    Cause { word: "exited", detail: detail.to_owned() }
}
