//! Who operated a lock.

use std::time::Duration;

use serde_json::{Value, json};

use crate::house::House;
use crate::told::{kinds, lines};

const TOLD: &str = "entry.attribution_updated";

fn unlock_by_keypad() -> Value {
    json!({"action": "unlock", "action_source_name": "keypad", "action_user": 3})
}

fn locked_house() -> House {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.told();
    house
}

#[test]
fn when_the_act_comes_before_the_state_then_the_state_names_the_act_once() {
    let mut house = locked_house();
    house.says("front_door_yale", unlock_by_keypad());
    house.pass(Duration::from_secs(3));
    house.says("front_door_yale", json!({"lock_state": "unlocked"}));
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.says("front_door_yale", json!({"lock_state": "unlocked"}));
    let told = house.told();
    let of = |n: usize| told[n].correlation();
    assert_eq!(kinds(&told)[..2], [TOLD, "entry.lock_changed"]);
    assert_eq!((of(0), of(1), of(2), of(3)), (None, Some(told[0].id()), None, None));
}

#[test]
fn when_the_state_comes_before_the_act_then_the_act_names_the_state_once() {
    let mut house = locked_house();
    house.says("front_door_yale", json!({"lock_state": "unlocked"}));
    house.pass(Duration::from_secs(3));
    house.says("front_door_yale", unlock_by_keypad());
    house.says("front_door_yale", unlock_by_keypad());
    let told = house.told();
    assert_eq!(kinds(&told), ["entry.lock_changed", TOLD, TOLD]);
    assert_eq!(told[1].correlation(), Some(told[0].id()));
    assert_eq!((told[0].correlation(), told[2].correlation()), (None, None));
}

#[test]
fn when_the_attribution_comes_late_then_it_is_told_and_joined_within_ten_seconds_only() {
    for (late, joined) in [(9, true), (11, false)] {
        let mut house = locked_house();
        house.says("front_door_yale", json!({"lock_state": "unlocked"}));
        house.pass(Duration::from_secs(late));
        house.says("front_door_yale", unlock_by_keypad());
        let told = house.told();
        assert_eq!(kinds(&told), ["entry.lock_changed", TOLD]);
        assert_eq!(told[1].correlation().is_some(), joined, "{late} s");
    }
}

#[test]
fn when_a_half_waits_over_a_restart_then_it_is_joined_after_it() {
    let mut house = locked_house();
    house.says("front_door_yale", unlock_by_keypad());
    let act = house.told().remove(0);
    house.crash();
    house.connect();
    house.told();
    house.says("front_door_yale", json!({"lock_state": "unlocked"}));
    assert_eq!(house.told()[0].correlation(), Some(act.id()));
}

#[test]
fn when_the_act_is_the_other_way_or_failed_then_it_is_not_joined() {
    for act in [
        json!({"action": "manual_lock"}),
        json!({"action": "unlock_failure_invalid_pin_or_id", "action_source_name": "keypad"}),
    ] {
        let mut house = locked_house();
        house.says("front_door_yale", act.clone());
        house.says("front_door_yale", json!({"lock_state": "unlocked"}));
        assert_eq!(house.told()[1].correlation(), None, "{act}");
    }
}

#[test]
fn when_a_lock_names_an_act_then_means_user_and_outcome_are_told() {
    let cases = [
        (
            json!({"action": "unlock", "action_source_name": "rfid", "action_user": 7}),
            "operation=unlock operation_source=card outcome=succeeded user_slot=7",
        ),
        (
            json!({"action": "manual_unlock", "action_source_name": "manual", "action_user": 65535}),
            "operation=unlock operation_source=manual_inside outcome=succeeded",
        ),
        (
            json!({"action": "key_unlock", "action_source_name": "manual"}),
            "operation=unlock operation_source=mechanical_key outcome=succeeded",
        ),
        (
            json!({"action": "auto_lock", "action_source_name": "manual"}),
            "operation=lock operation_source=auto_relock outcome=succeeded",
        ),
        (
            json!({"action": "unlock_failure_invalid_pin_or_id", "action_source_name": "keypad", "action_user": null}),
            "failure_reason=invalid_credential operation=unlock operation_source=keypad outcome=failed",
        ),
        (
            json!({"action": "unlock_failure_invalid_schedule", "action_source_name": "keypad", "action_user": 3}),
            "failure_reason=not_permitted_at_this_time operation=unlock operation_source=keypad outcome=failed user_slot=3",
        ),
    ];
    for (message, expected) in cases {
        let mut house = locked_house();
        house.says("front_door_yale", message.clone());
        assert_eq!(lines(&house.told()), [format!("{TOLD} front {expected}")], "{message}");
    }
}

#[test]
fn when_the_bridge_says_an_act_three_times_over_then_it_is_told_once() {
    let mut house = locked_house();
    house.says("front_door_yale", unlock_by_keypad());
    house.says("front_door_yale", json!({"action": "", "lock_state": "locked"}));
    house.publish("front_door_yale/action", "unlock");
    assert_eq!(kinds(&house.told()), [TOLD]);
}

#[test]
fn when_an_act_comes_twice_then_it_is_told_once_if_it_carries_its_time() {
    let mut house = locked_house();
    let timed = r#"{"action":"unlock","last_seen":"2026-11-21T04:59:59Z"}"#;
    house.publish("front_door_yale", timed);
    // Published twice, by a bridge that had not heard that it was taken.
    house.publish("front_door_yale", timed);
    // Handed over twice.
    house.connection(false);
    house.connection(true);
    house.publish("front_door_yale", timed);
    house.crash();
    house.connect();
    house.publish("front_door_yale", timed);
    assert_eq!(house.told_of(&[TOLD]).len(), 1);
    // Two acts without a time look the same: rather told twice than never.
    house.publish("front_door_yale", r#"{"action":"unlock"}"#);
    house.publish("front_door_yale", r#"{"action":"unlock"}"#);
    assert_eq!(kinds(&house.told()), [TOLD, TOLD]);
}

#[test]
fn when_a_nimly_repeats_its_last_unlock_then_only_another_one_is_an_act() {
    let mut house = House::new();
    let mut says = |source: &str, user: &str| {
        house.says(
            "nimly",
            json!({"last_unlock_source": source, "last_unlock_user": user, "battery": 90}),
        );
        let told = house.told_of(&[TOLD]);
        lines(&told)
    };
    assert_eq!(says("keypad", "3"), [""; 0], "it may be years old");
    assert_eq!(says("keypad", "3"), [""; 0], "a repetition");
    assert_eq!(
        says("keypad", "4"),
        [format!(
            "{TOLD} side operation=unlock operation_source=keypad outcome=succeeded user_slot=4"
        )]
    );
    assert_eq!(says("keypad", "4"), [""; 0], "a repetition");
    assert_eq!(says("fingerprintsensor", "4").len(), 1);
}

#[test]
fn when_a_latched_act_is_known_then_it_stays_known_over_a_crash() {
    let mut house = House::new();
    house.says("nimly", json!({"last_unlock_source": "keypad", "last_unlock_user": "3"}));
    house.crash();
    house.connect();
    house.told();
    house.says("nimly", json!({"last_unlock_source": "keypad", "last_unlock_user": "3"}));
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.says("nimly", json!({"last_unlock_source": "keypad", "last_unlock_user": "4"}));
    assert_eq!(kinds(&house.told()), [TOLD]);
}

#[test]
fn when_a_code_is_programmed_at_the_lock_then_that_is_told_without_the_code() {
    let mut house = locked_house();
    house.says(
        "front_door_yale",
        json!({"action": "pin_code_added", "action_source_name": "keypad", "action_user": 4,
            "pin_code": "9876", "users": {"4": {"pin_code": "9876"}}}),
    );
    house.says("front_door_yale", json!({"action": "pin_code_deleted", "action_user": 4}));
    let told = house.told();
    assert_eq!(
        lines(&told),
        [
            "credential.set front credential=pin operation_source=keypad user_slot=4",
            "credential.removed front credential=pin operation_source=unknown user_slot=4",
        ]
    );
    assert!(told.iter().all(|told| !told.stored.detail.contains("9876")));
}
