//! The journal's files deleted or replaced below the running binary, under load and with the bus
//! away, so that what waits is in them alone. It notices, says so, brings its own journal back
//! into place, and keeps what was put there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::device::Devices;
use crate::support::disk::{Stand, acts};
use crate::support::wait_for;

/// What waits when the files go: acts of the devices.
const WAITING: u64 = 400;
/// From the deed to the journal being back.
const SOON: Duration = Duration::from_secs(10);

struct Scene {
    stand: Stand,
    devices: Devices,
    processes: (u32, Option<u32>),
    state: PathBuf,
}

impl Scene {
    /// Nothing of `WAITING` acts has left.
    fn set(folder: &Path) -> Self {
        let mut stand = Stand::start(folder);
        let devices = stand.devices();
        let processes = stand.processes();
        stand.sink.down();
        acts(&devices, WAITING);
        let state = stand.gateway.folder.join("state");
        Self { stand, devices, processes, state }
    }

    fn journal(&self) -> PathBuf {
        self.state.join("journal.db")
    }

    fn log(&self) -> PathBuf {
        self.state.join("journal.db-wal")
    }

    /// Waits until it has said so `times` times, and its own journal is there and written to.
    fn is_back(&self, times: usize) {
        wait_for("it is said at ERROR", SOON, || {
            let log = self.stand.gateway.log();
            let said = log
                .lines()
                .filter(|line| line.contains("ERROR") && line.contains("deleted or replaced"));
            (said.count() >= times).then_some(())
        });
        wait_for("its own journal is under its name", SOON, || {
            self.stand.has_journal().then_some(())
        });
    }

    /// All that was taken over arrives, of one journal, although the core dies now: it is in the
    /// files under their names.
    fn nothing_is_lost(mut self) {
        acts(&self.devices, WAITING);
        assert_eq!(self.stand.processes(), self.processes);
        self.stand.gateway.kill();
        self.stand.gateway.up();
        acts(&self.devices, WAITING);
        self.stand.sink.up();
        self.stand.all_arrived(&self.devices.finish());
    }

    /// Whether a file in the state folder, other than the journal, is `text` to the byte.
    fn keeps(&self, text: &[u8]) -> bool {
        std::fs::read_dir(&self.state).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            path != self.journal() && std::fs::read(path).unwrap() == text
        })
    }

    /// Puts a file in a name's place, in one step.
    fn put(&self, text: &[u8], name: &Path) {
        let new = self.state.with_file_name("stranger");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, name).unwrap();
    }
}

#[test]
fn the_journal_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::set(folder.path());
    std::fs::remove_file(scene.journal()).unwrap();
    scene.is_back(1);
    scene.nothing_is_lost();
}

#[test]
fn its_log_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::set(folder.path());
    std::fs::remove_file(scene.log()).unwrap();
    scene.is_back(1);
    scene.nothing_is_lost();
}

#[test]
fn both_are_deleted_twice() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::set(folder.path());
    for times in 1..=2 {
        for path in [scene.journal(), scene.log()] {
            std::fs::remove_file(path).unwrap();
        }
        scene.is_back(times);
        acts(&scene.devices, WAITING);
    }
    scene.nothing_is_lost();
}

#[test]
fn a_file_that_is_no_database_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let scene = Scene::set(folder.path());
    let stranger = b"what somebody else had to say\n".repeat(1000);
    scene.put(&stranger, &scene.journal());
    scene.is_back(1);
    assert!(scene.keeps(&stranger), "the stranger's file is gone");
    scene.nothing_is_lost();
}

#[test]
fn an_older_copy_of_itself_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene::set(folder.path());
    // A copy made while nothing writes, as from a backup.
    scene.stand.gateway.kill();
    let copies = [scene.journal(), scene.log()].map(|path| (std::fs::read(&path).unwrap(), path));
    scene.stand.gateway.up();
    acts(&scene.devices, WAITING);
    wait_for("it is up", Duration::from_secs(30), || scene.stand.gateway.json(&["queue"]));
    wait_for("its vendor is too", Duration::from_secs(30), || scene.stand.gateway.vendor_pid());
    scene.processes = scene.stand.processes();
    for (text, path) in &copies {
        scene.put(text, path);
    }
    scene.is_back(1);
    assert!(scene.keeps(&copies[0].0), "the copy is gone");
    scene.nothing_is_lost();
}

/// The files go, and the way back is hindered at each of its renames in turn.
fn is_hindered(word: &str, numbers: std::ops::RangeInclusive<u32>, stranger: Option<&[u8]>) {
    let folder = tempfile::tempdir().unwrap();
    let mut scene = Scene::set(folder.path());
    let mut hindered = 0;
    for number in numbers {
        scene.stand.disk.order(&format!("{word} {number}"));
        match stranger {
            Some(text) => scene.put(text, &scene.journal()),
            None => std::fs::remove_file(scene.journal()).unwrap(),
        }
        std::fs::remove_file(scene.log()).unwrap();
        let ended = wait_for("its journal is there, or it is dead", SOON, || {
            let ended = scene.stand.gateway.ended().is_some();
            (ended || scene.stand.has_journal()).then_some(ended)
        });
        scene.stand.disk.heal();
        if ended {
            hindered += 1;
            scene.stand.gateway.up();
            wait_for("it comes up", SOON, || scene.stand.has_journal().then_some(()));
        }
        acts(&scene.devices, WAITING);
    }
    wait_for("its vendor is there", SOON, || scene.stand.gateway.vendor_pid());
    scene.processes = scene.stand.processes();
    println!("{word}: died {hindered} times");
    scene.nothing_is_lost();
}

#[test]
fn a_rename_fails_on_the_way_back() {
    is_hindered("rename-eio", 1..=5, None);
}

#[test]
fn a_rename_fails_on_the_way_back_past_a_stranger() {
    is_hindered("rename-eio", 1..=5, Some(b"a stranger"));
}

/// Killed before its copy has a name that says that it is whole, it has lost what was deleted.
#[test]
fn it_is_killed_on_the_way_back() {
    is_hindered("rename-kill", 2..=5, None);
}

#[test]
fn it_is_killed_on_the_way_back_past_a_stranger() {
    is_hindered("rename-kill", 2..=5, Some(b"a stranger"));
}
