//! Where the bolt is.

use serde_json::json;

use crate::house::House;
use crate::told::lines;

const CHANGED: &str = "entry.lock_changed";

fn changed(entry: &str, from: &str, to: &str) -> String {
    format!("{CHANGED} {entry} lock={to} previous={from} quality=observed")
}

#[test]
fn when_a_lock_reports_another_state_then_the_change_is_told_with_what_was_before() {
    let mut house = House::new();
    for word in ["locked", "unlocked", "not_fully_locked", "locked"] {
        house.says("front_door_yale", json!({"state": "LOCK", "lock_state": word}));
    }
    assert_eq!(
        lines(&house.told()),
        [
            changed("front", "unknown", "locked"),
            changed("front", "locked", "unlocked"),
            changed("front", "unlocked", "not_fully_locked"),
            changed("front", "not_fully_locked", "locked"),
        ]
    );
    assert_eq!(house.fact("front", "lock"), "locked observed");
}

#[test]
fn when_a_change_is_told_then_it_names_place_device_and_the_devices_time() {
    let mut house = House::new();
    let at = house.now.wall;
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    let told = house.told().remove(0);
    assert_eq!(told.event["endpoint_id"], "zigbee2mqtt:0x000d6f0011223344");
    assert_eq!(
        (&told.event["site_id"], &told.event["tenant_id"]),
        (&json!("berlin"), &json!("acme"))
    );
    assert_eq!((&told.event["test"], told.time()), (&json!(true), at));
    assert_eq!(
        told.stored.vendor.as_ref().map(ToString::to_string).as_deref(),
        Some("zigbee2mqtt")
    );
}

#[test]
fn when_a_cached_state_is_repeated_then_nothing_is_told_and_nothing_refreshed() {
    let mut house = House::new();
    let first = house.now.wall;
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.told();
    house.says("front_door_yale", json!({"lock_state": "locked", "linkquality": 80}));
    assert_eq!(lines(&house.told()), [""; 0]);
    assert_eq!(house.observed_at("front"), Some(first));

    house.connection(false);
    house.says("front_door_yale", json!({"lock_state": "locked", "linkquality": 90}));
    assert_eq!(house.fact("front", "lock"), "locked stale");
}

#[test]
fn when_the_lock_does_not_know_where_its_bolt_is_then_it_is_unknown_whatever_state_says() {
    let mut house = House::new();
    house.says("front_door_yale", json!({"state": "LOCK", "lock_state": "locked"}));
    house.told();
    // The attribute is 255: the bridge says UNLOCK and leaves lock_state out.
    house.says("front_door_yale", json!({"state": "UNLOCK"}));
    assert_eq!(lines(&house.told()), [changed("front", "locked", "unknown")]);
}

#[test]
fn when_the_word_is_none_that_is_known_then_the_lock_is_unknown_and_the_message_quarantined() {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.told();
    house.says("front_door_yale", json!({"lock_state": "Locked"}));
    let told = house.told();
    assert_eq!(told[0].line(), changed("front", "locked", "unknown"));
    assert_eq!(told[1].data("reason"), "unmapped_value");
    assert_eq!(told.len(), 2);
}

#[test]
fn when_a_message_carries_an_act_then_the_old_state_beside_it_is_not_taken() {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.told();
    house.says(
        "front_door_yale",
        json!({"action": "unlock", "action_source_name": "keypad", "action_user": 3,
            "state": "UNLOCK", "lock_state": "not_fully_locked"}),
    );
    assert_eq!(
        lines(&house.told()),
        ["entry.attribution_updated front operation=unlock operation_source=keypad \
          outcome=succeeded user_slot=3"]
    );
    assert_eq!(house.fact("front", "lock"), "locked observed");
}

#[test]
fn when_the_lock_jams_then_it_is_told_as_a_state() {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.told();
    house.says("front_door_yale", json!({"action": "error_jammed", "lock_state": "locked"}));
    assert_eq!(lines(&house.told()), [changed("front", "locked", "jammed")]);
}

#[test]
fn when_the_device_is_bound_to_no_entry_then_its_state_is_nobodys() {
    let mut house = House::new();
    house.entries.retain(|entry| entry.id.as_str() != "front");
    house.restart();
    house.connect();
    house.told();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    assert_eq!(lines(&house.told()), [""; 0]);
}

#[test]
fn when_the_device_lives_in_the_future_then_its_time_is_ours() {
    let mut house = House::new();
    house.publish(
        "front_door_yale",
        r#"{"lock_state":"locked","last_seen":"2031-01-01T00:00:00Z"}"#,
    );
    assert_eq!(house.told()[0].time(), house.now.wall);
    assert_eq!(house.observed_at("front"), Some(house.now.wall));
}

#[test]
fn when_the_device_lives_before_all_calendars_then_its_act_is_told_all_the_same() {
    let mut house = House::new();
    for time in ["\"-009000-01-01T00:00:00Z\"", "-300000000000000", "0"] {
        house.publish(
            "front_door_yale",
            format!(r#"{{"action":"unlock","action_source_name":"keypad","last_seen":{time}}}"#),
        );
        assert_eq!(house.told().len(), 1, "{time}");
    }
}
