//! A disk that is full, broken, read-only or does not answer, below the real binary under load. It
//! stays up, says so, acknowledges nothing that is not durable, and goes on when the disk does.

use std::time::{Duration, Instant};

use crate::support::device::Devices;
use crate::support::disk::{STALLED, Stand, acts};
use crate::support::wait_for;

/// Kills during each fault.
const KILLS: usize = 4;

/// The fault comes under load, lasts for more acts than may be unacknowledged, and goes.
fn survives(orders: &str, word: &str) {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = Stand::start(folder.path());
    let devices = stand.devices();
    let processes = stand.processes();
    stand.disk.order(orders);
    let trouble = stand.says_trouble();
    assert!(trouble.contains(word), "{trouble}");
    let output = stand.gateway.command().arg("queue").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("disk trouble"), "{said}");
    acts(&devices, 1500);
    assert!(stand.trouble().is_some(), "it must not think that all is well");
    assert_eq!(stand.processes(), processes);
    stand.disk.heal();
    stand.trouble_is_over();
    stand.arrives(1500);
    stand.all_arrived(&devices.finish());
    assert_eq!(stand.processes(), processes);
    stand.said_both();
}

#[test]
fn a_full_disk() {
    survives("enospc", "full");
}

#[test]
fn a_full_disk_that_writes_nothing_in_place() {
    survives("enospc-all", "full");
}

#[test]
fn a_broken_disk() {
    survives("eio", "I/O");
}

#[test]
fn a_disk_mounted_read_only_anew() {
    survives("erofs", "I/O");
}

#[test]
fn syncs_that_fail() {
    survives("sync-eio", "I/O");
}

#[test]
fn a_sync_that_fails_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = Stand::start(folder.path());
    let devices = stand.devices();
    let processes = stand.processes();
    for _ in 0..6 {
        stand.disk.order("sync-eio 1");
        // Enough commits that one sync has failed. If it was a checkpoint's, nothing is to be said.
        stand.arrives(200);
    }
    stand.all_arrived(&devices.finish());
    assert_eq!(stand.processes(), processes);
    stand.said_both();
}

/// Killed several times while the fault lasts. A start under it comes up, ends with words, or
/// waits for the disk.
fn survives_kills(orders: &str, bites: impl Fn(&Stand, &Devices)) {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = Stand::start(folder.path());
    let devices = stand.devices();
    let mut given_up = 0;
    for _ in 0..KILLS {
        stand.disk.order(orders);
        bites(&stand, &devices);
        stand.gateway.kill();
        stand.gateway.up();
        let ended = wait_for("it comes up, gives up or waits", Duration::from_secs(30), || {
            if orders == STALLED {
                return stand.has_journal().then_some(None);
            }
            let ended = stand.gateway.ended();
            (ended.is_some() || stand.gateway.json(&["doors"]).is_some()).then_some(ended)
        });
        stand.disk.heal();
        if let Some(status) = ended {
            given_up += 1;
            assert_eq!(status.code(), Some(2));
            stand.gateway.up();
        }
        stand.arrives(100);
    }
    stand.all_arrived(&devices.finish());
    println!("{orders}: {given_up} of {KILLS} starts gave up");
    let said = stand.gateway.log().matches("journal.db cannot be").count();
    assert_eq!(said, given_up, "who gives up says why");
}

fn is_told(stand: &Stand, _: &Devices) {
    stand.says_trouble();
}

#[test]
fn kills_while_the_disk_is_full() {
    survives_kills("enospc", is_told);
}

#[test]
fn kills_while_the_disk_is_broken() {
    survives_kills("eio", is_told);
}

#[test]
fn kills_while_the_disk_is_read_only() {
    survives_kills("erofs", is_told);
}

#[test]
fn kills_while_syncs_fail() {
    survives_kills("sync-eio", is_told);
}

#[test]
fn kills_while_the_disk_does_not_answer() {
    survives_kills(STALLED, Stand::stands_still);
}

/// How long a stall lasts; `make soak` makes it longer.
fn stall() -> Duration {
    let seconds = std::env::var("DOORWARD_STALL_S").map_or(20, |text| text.parse().unwrap());
    Duration::from_secs(seconds)
}

#[test]
fn a_disk_that_does_not_answer_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = Stand::start(folder.path());
    let devices = stand.devices();
    let processes = stand.processes();
    stand.disk.order(STALLED);
    let begun = Instant::now();
    stand.stands_still(&devices);
    let before = stand.sink.count();
    wait_for("the stall lasts its time", stall() + Duration::from_secs(10), || {
        assert_eq!(stand.processes(), processes);
        (begun.elapsed() >= stall()).then_some(())
    });
    assert_eq!(stand.sink.count(), before, "something was taken for durable");
    stand.disk.heal();
    let owed = devices.finish();
    stand.all_arrived(&owed);
    assert_eq!(stand.processes(), processes);
    println!("{:?} of stall, {} acts", begun.elapsed(), owed.acknowledged.len());
}
