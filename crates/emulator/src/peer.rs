//! A process of another make: where its Python is, its port, its log, and that it ends with us.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// Waits for a condition; panics with `what` when it does not come in time.
#[expect(clippy::disallowed_methods, reason = "a test waits on its own thread")]
pub fn wait_for<T>(what: &str, deadline: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(begun.elapsed() < deadline, "not within {deadline:?}: {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The Python with the packages that the emulators need: `DOORWARD_PYTHON`, else the workspace's
/// own, which `make tools` makes.
pub fn python() -> PathBuf {
    std::env::var_os("DOORWARD_PYTHON").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/python"),
        PathBuf::from,
    )
}

/// A running process. Dropped, it is killed.
pub(crate) struct Peer {
    child: Child,
    log: PathBuf,
}

impl Peer {
    /// Starts Python with these arguments. What it says is in `log`, which is begun anew.
    pub(crate) fn start<A: AsRef<OsStr>>(
        arguments: impl IntoIterator<Item = A>,
        log: PathBuf,
    ) -> Self {
        let python = python();
        std::fs::create_dir_all(log.parent().unwrap()).unwrap();
        let said = File::create(&log).unwrap();
        let child = Command::new(&python)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}; make tools installs it", python.display())
            });
        Self { child, log }
    }

    /// Waits for an answer; panics with the log when the process ends instead.
    pub(crate) fn answers<T>(&mut self, what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
        wait_for(what, Duration::from_secs(60), || {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = std::fs::read_to_string(&self.log).unwrap();
                panic!("not so: {what}: it ended, {status}; make tools installs it\n{log}");
            }
            answer()
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
