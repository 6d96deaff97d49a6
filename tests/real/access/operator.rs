//! An operator's acts on the command line.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::{Around, LOCK, Stand, detail};

#[test]
fn an_operator_unlocks_and_locks_a_door_and_the_story_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path(), "");
    let (lines, code) = stand.lines(&["unlock", "front"]);
    assert_eq!(code, Some(0), "{lines:?}\n{}", stand.gateway.log());
    let states: Vec<&str> = lines.iter().filter_map(|line| line["state"].as_str()).collect();
    assert_eq!(states, ["accepted", "dispatched", "acknowledged", "confirmed"]);
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
    stand.gateway.fact("front", "lock", "unlocked", "observed");

    let confirmed = detail(&stand.ends("confirmed"));
    let correlation = &confirmed["correlation_id"];
    let told: BTreeSet<String> = stand
        .sink
        .accepted()
        .iter()
        .map(detail)
        .filter(|event| event["correlation_id"] == *correlation)
        .map(|event| event["type"].as_str().unwrap().to_owned())
        .collect();
    for kind in [
        "access.requested",
        "grant.installed",
        "access.granted",
        "grant.consumed",
        "command.state_changed",
    ] {
        assert!(told.contains(kind), "{kind} is not in {told:?}");
    }
    let granted = detail(&stand.sink.gets("access.granted", |_| true));
    assert_eq!(granted["data"]["channel"], "console");
    assert_eq!(granted["data"]["issuer"], "doorward.console");

    let (lines, code) = stand.lines(&["lock", "front"]);
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(stand.lock.acts(), ["UNLOCK", "LOCK"]);
    // Nothing of it was kept for whoever comes next.
    assert_eq!(stand.gateway.json(&["grants", "list"]).unwrap(), serde_json::json!([]));
}

/// Its radio repeats whatever it says hundreds of times a second: what it says of the command comes
/// with the next token, long before the command's time is up.
#[test]
fn a_lock_that_floods_confirms_its_command_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::amid(folder.path(), Around { limited: true, ..Around::default() });
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flooding = scope.spawn(|| {
            // Also when something below panics.
            let begun = Instant::now();
            while !stop.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(180) {
                stand.lock.repeat();
            }
        });
        let flood = stand.sink.gets("endpoint.flooding", |_| true);
        let of_lock = format!("zigbee2mqtt:{LOCK}");
        let unlocked = stand.lines(&["unlock", "front"]);
        let shown = stand.gateway.json(&["queue"]).unwrap();
        stop.store(true, Ordering::Relaxed);
        flooding.join().unwrap();
        assert_eq!(detail(&flood)["endpoint_id"], of_lock);
        let (lines, code) = unlocked;
        assert_eq!(code, Some(0), "{lines:?}\n{}", stand.gateway.log());
        let states: Vec<&str> = lines.iter().filter_map(|line| line["state"].as_str()).collect();
        assert_eq!(states, ["accepted", "dispatched", "acknowledged", "confirmed"]);
        assert_eq!(shown["status"]["flooding"], serde_json::json!([of_lock]));
    });
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
    stand.gateway.fact("front", "lock", "unlocked", "observed");
}

#[test]
fn a_lock_that_does_nothing_is_not_said_to_have_moved() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path(), "");
    stand.lock.jam(true);
    let (lines, code) = stand.lines(&["unlock", "front"]);
    assert_eq!(code, Some(4), "{lines:?}");
    assert_eq!(lines.last().unwrap()["state"], "timed_out");
    assert!(stand.lock.acts().is_empty());
    // Both say anew what they said before: nothing moved, and the use comes back.
    stand.leaf(true);
    let restored = stand.sink.gets("grant.use_restored", |_| true);
    assert_eq!(detail(&restored)["data"]["reason"], "timed_out_unchanged");
}

#[test]
fn what_cannot_be_done_is_denied_with_its_reason() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path(), "");
    for (arguments, reason) in [
        (["unlock", "back"], "unknown_entry"),
        // It has no actuator.
        (["open", "front"], "endpoint_offline"),
    ] {
        let (lines, code) = stand.lines(&arguments);
        assert_eq!(code, Some(3), "{lines:?}");
        assert_eq!(lines[0]["reason"], reason, "{lines:?}");
    }
    assert!(stand.lock.acts().is_empty());
}

#[test]
fn a_grant_is_issued_shown_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let stand = Stand::start(folder.path(), "");
    let issue = ["grants", "issue", "--entry", "front", "--subject", "cleaner-9", "--uses", "3"];
    let (lines, code) = stand.lines(&issue);
    assert_eq!(code, Some(0), "{lines:?}");
    let id = lines[0]["grant_id"].as_str().unwrap().to_owned();
    let held = stand.gateway.json(&["grants", "show", &id]).unwrap();
    assert_eq!((&held["uses_left"], &held["subject"]), (&3.into(), &"cleaner-9".into()));
    let (lines, code) = stand.lines(&["grants", "revoke", &id]);
    assert_eq!(code, Some(0), "{lines:?}");
    assert_eq!(stand.gateway.json(&["grants", "list"]).unwrap(), serde_json::json!([]));
    let removed = stand.sink.gets("grant.removed", |_| true);
    assert_eq!(detail(&removed)["data"]["reason"], "revoked");
}
