//! What a service manager hears: that the gateway is ready, how it does, that its loops turn; and
//! that a disk which does not answer is told, and is no reason to start the gateway again.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::disk::{STALLED, Stand};
use crate::support::gateway::signal;
use crate::support::wait_for;

/// The manager wants to be told within this, in microseconds.
const WATCHDOG_US: &str = "2000000";
const PATIENCE: Duration = Duration::from_secs(60);

/// The test as a service manager.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
    heard: Vec<String>,
}

impl Manager {
    fn new(folder: &Path) -> Self {
        let path = folder.join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, path, heard: Vec::new() }
    }

    fn environment(&self) -> Vec<(&'static str, PathBuf)> {
        vec![("NOTIFY_SOCKET", self.path.clone()), ("WATCHDOG_USEC", WATCHDOG_US.into())]
    }

    /// The lines so far.
    fn lines(&mut self) -> &[String] {
        let mut message = [0; 4096];
        while let Ok(length) = self.socket.recv(&mut message) {
            let text = String::from_utf8(message[..length].to_vec()).unwrap();
            self.heard.extend(text.lines().map(str::to_owned));
        }
        &self.heard
    }

    fn count(&mut self, line: &str) -> usize {
        self.lines().iter().filter(|heard| *heard == line).count()
    }

    /// Waits for so many more of a line.
    fn hears(&mut self, line: &str, more: usize) {
        let so_far = self.count(line);
        wait_for(line, PATIENCE, || (self.count(line) >= so_far + more).then_some(()));
    }

    fn says(&mut self, words: &str) {
        wait_for(words, PATIENCE, || {
            let status = self.lines().iter().rfind(|line| line.starts_with("STATUS="))?;
            status.contains(words).then_some(())
        });
    }
}

#[test]
fn ready_turning_reloading_and_stopping_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(folder.path());
    let mut stand = Stand::start_under(folder.path(), manager.environment());
    manager.hears("WATCHDOG=1", 3);
    assert_eq!(manager.count("READY=1"), 1);
    manager.says("vendors: 1 of 1 up");
    assert_eq!(manager.count("RELOADING=1"), 0);
    signal(stand.gateway.pid(), "HUP");
    wait_for("it is ready again", PATIENCE, || (manager.count("READY=1") == 2).then_some(()));
    assert_eq!(manager.count("RELOADING=1"), 1);
    let lines = manager.lines();
    let place = |line: &str| lines.iter().rposition(|heard| heard == line).unwrap();
    assert!(place("RELOADING=1") < place("READY=1"), "{lines:?}");
    assert!(lines[place("RELOADING=1") + 1].starts_with("MONOTONIC_USEC="), "{lines:?}");
    assert!(stand.gateway.stop().success());
    assert_eq!(manager.count("STOPPING=1"), 1);
}

#[test]
fn a_stalled_disk_is_told_and_is_no_missed_turn() {
    let folder = tempfile::tempdir().unwrap();
    let mut manager = Manager::new(folder.path());
    let stand = Stand::start_under(folder.path(), manager.environment());
    let devices = stand.devices();
    stand.disk.order(STALLED);
    stand.stands_still(&devices);
    manager.says("storage_failure: the disk has not answered");
    // Longer than the manager waits.
    manager.hears("WATCHDOG=1", 10);
    stand.disk.heal();
    stand.trouble_is_over();
    stand.all_arrived(&devices.finish());
    manager.hears("WATCHDOG=1", 2);
}
