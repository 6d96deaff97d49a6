//! What a device infers, does not know, or says of its remote controls.

use std::time::Duration;

use doorward_translators::{AlarmKind, LockState, Position, Quality, What};
use serde_json::json;

use crate::house::House;
use crate::told::lines;

fn strike(state: LockState) -> What {
    What::Lock { state, quality: Quality::Assumed }
}

fn lock_words(house: &House) -> String {
    house.fact("front", "lock")
}

fn house_with_lock(said: &str) -> House {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": said}));
    house.told();
    house
}

#[test]
fn when_nothing_confirms_an_assumption_then_it_ends_unknown_after_a_minute() {
    let mut house = house_with_lock("locked");
    house.observe("front_door_yale", strike(LockState::Unlocked));
    assert!(lock_words(&house).starts_with("unlocked assumed"), "{}", lock_words(&house));
    house.pass(Duration::from_secs(59));
    assert!(lock_words(&house).starts_with("unlocked assumed"), "{}", lock_words(&house));
    house.pass(Duration::from_secs(2));
    assert!(lock_words(&house).starts_with("unknown unknown"), "{}", lock_words(&house));
    let told = lines(&house.told_of(&["entry.lock_changed"]));
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("lock=unlocked") && told[0].contains("quality=assumed"), "{told:?}");
    assert!(told[1].contains("lock=unknown") && told[1].contains("quality=unknown"), "{told:?}");
}

#[test]
fn when_a_device_confirms_an_assumption_then_it_stands() {
    let mut house = house_with_lock("locked");
    house.observe("front_door_yale", strike(LockState::Unlocked));
    house.observe(
        "front_door_yale",
        What::Lock { state: LockState::Unlocked, quality: Quality::Reported },
    );
    house.pass(Duration::from_secs(120));
    assert!(lock_words(&house).starts_with("unlocked observed"), "{}", lock_words(&house));
}

#[test]
fn when_an_assumption_is_renewed_then_its_minute_begins_anew() {
    let mut house = house_with_lock("locked");
    for _ in 0..4 {
        house.observe("front_door_yale", strike(LockState::Unlocked));
        house.pass(Duration::from_secs(40));
    }
    assert!(lock_words(&house).starts_with("unlocked assumed"), "{}", lock_words(&house));
}

#[test]
fn when_an_assumption_repeats_what_is_observed_then_it_stays_observed() {
    let mut house = house_with_lock("locked");
    house.observe("front_door_yale", strike(LockState::Locked));
    house.pass(Duration::from_secs(120));
    assert!(lock_words(&house).starts_with("locked observed"), "{}", lock_words(&house));
}

#[test]
fn when_the_gateway_restarts_then_an_assumption_ends() {
    let mut house = house_with_lock("locked");
    house.observe("front_door_yale", strike(LockState::Unlocked));
    house.told();
    house.crash();
    house.pass(Duration::from_secs(1));
    assert!(lock_words(&house).starts_with("unknown unknown"), "{}", lock_words(&house));
    let told = lines(&house.told_of(&["entry.lock_changed"]));
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn when_the_connection_goes_then_an_assumption_ends_all_the_same() {
    let mut house = house_with_lock("locked");
    house.observe("front_door_yale", strike(LockState::Unlocked));
    house.connection(false);
    assert!(lock_words(&house).starts_with("unlocked assumed"), "{}", lock_words(&house));
    house.pass(Duration::from_secs(61));
    assert!(lock_words(&house).starts_with("unknown unknown"), "{}", lock_words(&house));
}

#[test]
fn when_telemetry_repeats_an_assumption_that_ended_then_nothing_is_told() {
    let mut house = house_with_lock("unlocked");
    house.observe("front_door_yale", strike(LockState::Locked));
    house.pass(Duration::from_secs(61));
    house.told();
    for _ in 0..3 {
        house.observe("front_door_yale", strike(LockState::Locked));
        house.pass(Duration::from_secs(300));
    }
    assert_eq!(lines(&house.told_of(&["entry.lock_changed"])), Vec::<String>::new());
    // An act is another value: from then on everything counts.
    house.observe("front_door_yale", strike(LockState::Unlocked));
    house.observe("front_door_yale", strike(LockState::Locked));
    assert!(lock_words(&house).starts_with("locked assumed"), "{}", lock_words(&house));
}

#[test]
fn when_an_opener_locks_its_remotes_out_then_no_lock_is_told() {
    let mut house = House::new();
    house.says("front_contact", json!({"contact": true}));
    house.told();
    house.observe("front_contact", What::RemoteLockout { active: Some(true) });
    assert_eq!(lines(&house.told()), Vec::<String>::new());
    assert!(lock_words(&house).starts_with("unknown"), "{}", lock_words(&house));
    assert_eq!(house.remote_lockout("front"), Some(true));
    house.observe("front_contact", What::RemoteLockout { active: None });
    assert_eq!(house.remote_lockout("front"), None);
}

#[test]
fn when_a_device_does_not_know_of_an_alarm_then_it_stands_as_it_stood() {
    let mut house = House::new();
    let obstruction =
        |active| What::Alarm { alarm: AlarmKind::Obstruction, active, quality: Quality::Reported };
    house.observe("front_contact", obstruction(None));
    assert!(house.alarms("front").is_empty());
    house.observe("front_contact", obstruction(Some(true)));
    house.observe("front_contact", obstruction(None));
    assert_eq!(house.alarms("front"), ["obstruction"]);
    house.observe("front_contact", obstruction(Some(false)));
    assert!(house.alarms("front").is_empty());
}

#[test]
fn when_a_position_is_dead_reckoned_then_it_ends_too() {
    let mut house = House::new();
    let shutter = What::Position { position: Position::Closed, quality: Quality::Assumed };
    house.observe("front_contact", shutter);
    assert!(house.fact("front", "position").starts_with("closed assumed"));
    house.pass(Duration::from_secs(61));
    assert!(house.fact("front", "position").starts_with("unknown"));
}
