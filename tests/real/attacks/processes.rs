//! A vendor's process that stands still, or dies, while it has a command.

use std::time::Duration;

use jiff::SignedDuration;
use serde_json::Value;

use super::opens_for_the_right_one;
use crate::access::Stand;
use crate::access::courier::{deliver, stand};
use crate::support::gateway::signal;
use crate::support::wait_for;

const ENDS: [&str; 7] = [
    "confirmed",
    "confirmed_assumed",
    "rejected",
    "timed_out",
    "expired",
    "cancelled",
    "indeterminate",
];

/// Waits until the command of this request has its end, and gives it.
fn end_of(stand: &Stand, request: &str) -> String {
    let ended = stand.sink.gets("command.state_changed", |entry| {
        let data = &entry.detail["data"];
        data["request_id"] == request && ENDS.contains(&data["state"].as_str().unwrap())
    });
    ended.detail["data"]["state"].as_str().unwrap().to_owned()
}

/// It holds the command until its time is over, and goes on then.
#[test]
fn a_hung_vendor_process_opens_nothing_late() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let vendor = stand.gateway.vendor_pid().unwrap();
    assert!(signal(vendor, "STOP"));
    let grant = service.grant();
    // Two seconds of its time are left: less than a process may be silent.
    let request = service.late(grant.to_use().unwrap(), SignedDuration::from_secs(13));
    let deadline: jiff::Timestamp = request.data.not_after.parse().unwrap();
    let answer = deliver(&stand, &request.draft.finish());
    assert_eq!(answer["outcome"], "granted", "{answer}");
    // Nobody else waits for it: the gateway answers, and refuses what would have to.
    let other = service.request(service.grant().to_use().unwrap());
    assert_eq!(deliver(&stand, &other.draft.finish())["reason"], "entry_busy");
    wait_for("its time is over", Duration::from_secs(60), || {
        (jiff::Timestamp::now() > deadline).then_some(())
    });
    assert!(signal(vendor, "CONT"));
    let end = end_of(&stand, &request.data.request_id);
    assert!(["rejected", "timed_out", "expired", "indeterminate"].contains(&end.as_str()), "{end}");
    stand.known();
    assert!(stand.lock.acts().is_empty(), "it ended {end}");
    opens_for_the_right_one(&stand, &service, 0);
}

/// It stands still for so long that it is killed and started anew: the new one is given nothing of
/// the old one's.
#[test]
fn a_vendor_process_that_hangs_for_good_is_replaced_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let vendor = stand.gateway.vendor_pid().unwrap();
    let readies = stand.gateway.readies();
    assert!(signal(vendor, "STOP"));
    let request = service.request(service.grant().to_use().unwrap());
    assert_eq!(deliver(&stand, &request.draft.finish())["outcome"], "granted");
    let end = end_of(&stand, &request.data.request_id);
    assert!(["timed_out", "indeterminate"].contains(&end.as_str()), "{end}");
    stand.gateway.ready_again(readies);
    assert_ne!(stand.gateway.vendor_pid(), Some(vendor), "another process runs");
    stand.known();
    assert!(stand.lock.acts().is_empty(), "it ended {end}");
    opens_for_the_right_one(&stand, &service, 0);
}

#[test]
fn a_crashed_vendor_process_in_mid_unlock_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let mut acts = 0;
    // One more, and it would be isolated.
    for pause in [0, 2, 10, 100] {
        stand.relock();
        let request = service.request(service.grant().to_use().unwrap()).draft;
        let vendor = stand.gateway.vendor_pid().unwrap();
        let readies = stand.gateway.readies();
        let sent = || stand.gateway.log().matches("state=Dispatched").count();
        let before = sent();
        let answer = std::thread::scope(|scope| {
            let asking = scope.spawn(|| deliver(&stand, &request.finish()));
            wait_for("the command is on its way", Duration::from_secs(20), || {
                (sent() > before).then_some(())
            });
            std::thread::sleep(Duration::from_millis(pause));
            signal(vendor, "KILL");
            asking.join().unwrap()
        });
        assert_eq!(answer["outcome"], "granted", "{answer}");
        let id = answer["request_id"].as_str().unwrap().to_owned();
        let end = end_of(&stand, &id);
        stand.gateway.ready_again(readies);
        stand.known();
        let so_far = stand.lock.acts().len();
        assert!(so_far <= acts + 1, "{pause} ms: {so_far} acts, {acts} before; it ended {end}");
        assert!(end != "confirmed" || so_far == acts + 1, "{pause} ms");
        acts = so_far;
        // What was asked is not done again, whatever became of it.
        let again: Value = deliver(&stand, &request.finish());
        assert_eq!(again["outcome"], "repeated", "{again}");
        assert_eq!(stand.lock.acts().len(), acts);
    }
    opens_for_the_right_one(&stand, &service, acts);
}
