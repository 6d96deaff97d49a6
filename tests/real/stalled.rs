//! A disk that does not answer is told while it lasts: by `queue`, which does not wait for it, and
//! in the log.

use std::time::{Duration, Instant};

use crate::support::disk::{STALLED, Stand};
use crate::support::wait_for;

/// From the last answer of the disk to its being told.
const SOON: Duration = Duration::from_secs(15);
/// The longest that a command may wait meanwhile.
const AT_ONCE: Duration = Duration::from_secs(3);

#[test]
fn a_stall_is_told_while_it_lasts() {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = Stand::start(folder.path());
    let devices = stand.devices();
    let processes = stand.processes();
    stand.disk.order(STALLED);
    stand.stands_still(&devices);
    let told = wait_for("the stall is told", SOON, || {
        let begun = Instant::now();
        let told = stand.trouble();
        assert!(begun.elapsed() < AT_ONCE, "queue waits for the disk");
        told.filter(|told| told.contains("has not answered"))
    });
    let output = stand.gateway.command().arg("queue").output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("disk trouble"), "{said}");
    stand.gateway.says(&["ERROR", "has not answered"]);
    let log = stand.gateway.log();
    let in_log = |line: &str| line.contains("ERROR") && line.contains("has not answered");
    assert_eq!(log.lines().filter(|line| in_log(line)).count(), 1, "it is said once");
    assert!(stand.gateway.json(&["doors"]).is_some(), "{told}");
    stand.disk.heal();
    stand.trouble_is_over();
    stand.all_arrived(&devices.finish());
    assert_eq!(stand.processes(), processes);
}
