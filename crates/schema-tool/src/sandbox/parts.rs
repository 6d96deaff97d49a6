//! The processes that a sandbox is made of: each with a log, none of which outlives it.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

/// How long a process that was asked to end may take before it is ended by force.
const FAREWELL: Duration = Duration::from_secs(5);
/// How often a condition is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// How much of a log is shown when its process fails.
const LAST_LINES: usize = 15;

/// A process in the background. Dropped, it is killed; if we are killed, so is it.
pub struct Part {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Part {
    /// Starts a program; `NAME.log` in `folder` has what it says.
    pub fn start<A: AsRef<OsStr>>(
        name: &'static str,
        folder: &Path,
        program: &Path,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let log = folder.join(format!("{name}.log"));
        let said = File::create(&log).with_context(|| format!("{}", log.display()))?;
        // The kernel ends it with us, whatever becomes of us.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(said.try_clone()?)
            .stderr(said)
            // A Ctrl-C is for us alone: we end the parts in their order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| {
                format!("{name} cannot be started through setpriv, which is in util-linux")
            })?;
        Ok(Self { name, child, log })
    }

    /// Waits until `condition` gives something; fails if the process ends before, or in time not.
    pub async fn until<T, F: Future<Output = Option<T>>>(
        &mut self,
        patience: Duration,
        what: &str,
        mut condition: impl FnMut() -> F,
    ) -> anyhow::Result<T> {
        let end = Instant::now() + patience;
        loop {
            if let Some(found) = condition().await {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{}: it ended with {status}\n{}", self.name, self.last_lines());
            }
            if Instant::now() > end {
                let seconds = patience.as_secs();
                bail!("{}: it did not {what} within {seconds} s\n{}", self.name, self.last_lines());
            }
            sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until it ends by itself, which no part of a sandbox should.
    pub async fn ended(&mut self) -> anyhow::Error {
        match self.child.wait().await {
            Ok(status) => anyhow!("{}: it ended with {status}\n{}", self.name, self.last_lines()),
            Err(error) => anyhow!("{}: {error}", self.name),
        }
    }

    /// Asks it to end, and ends it by force when it does not.
    pub async fn end(mut self) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        if timeout(FAREWELL, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }

    fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let from = lines.len().saturating_sub(LAST_LINES);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

/// A port on 127.0.0.1 that was free a moment ago.
pub async fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    Ok(listener.local_addr()?.port())
}

/// The first file of this name that may be run: as given, beside this program, or in `PATH`.
pub fn find(given: Option<&Path>, name: &str) -> Option<PathBuf> {
    if let Some(given) = given {
        return given.is_file().then(|| given.to_owned());
    }
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(name)));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let in_path = std::env::split_paths(&path).map(|folder| folder.join(name));
    // Debian keeps servers where a user's PATH does not look.
    let mut places = beside.into_iter().chain(in_path).chain([Path::new("/usr/sbin").join(name)]);
    places.find(|place| place.is_file())
}
