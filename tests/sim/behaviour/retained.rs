//! What the broker kept, nobody knows since when.

use doorward::domain::ids::VendorId;
use doorward::gateway::Input;
use serde_json::json;

use crate::house::{House, VENDOR};
use crate::told::{kinds, lines};
use crate::wire::Wired;

const CONTACT: &str = "front_contact";

#[test]
fn when_only_the_broker_knows_a_state_then_it_is_told_as_stale() {
    let mut house = House::new();
    house.kept(CONTACT, r#"{"contact":true}"#);
    assert_eq!(
        lines(&house.told()),
        ["entry.position_changed front position=closed \
          previous=unknown quality=stale"]
    );
    assert_eq!(house.fact("front", "position"), "closed stale");
}

#[test]
fn when_the_device_has_spoken_later_then_what_the_broker_kept_changes_nothing() {
    let mut house = House::new();
    let before = house.now.wall;
    house.pass(std::time::Duration::from_secs(5));
    house.says(CONTACT, json!({"contact": false}));
    house.told();
    house.connection(false);
    house.connection(true);
    house.kept(CONTACT, json!({"contact": true, "last_seen": before.to_string()}).to_string());
    assert_eq!(house.fact("front", "position"), "open stale");
    assert_eq!(lines(&house.told_of(&["entry.position_changed"])), [""; 0]);
}

#[test]
fn when_the_device_is_under_observation_then_an_undated_kept_state_changes_nothing() {
    let mut house = House::new();
    house.says(CONTACT, json!({"contact": false}));
    house.told();
    house.kept(CONTACT, r#"{"contact":true}"#);
    assert_eq!(house.fact("front", "position"), "open observed");
    assert_eq!(lines(&house.told()), [""; 0]);
}

#[test]
fn when_the_broker_kept_something_newer_over_a_gap_then_it_is_taken_as_stale() {
    let mut house = House::new();
    house.says(CONTACT, json!({"contact": false}));
    house.connection(false);
    house.pass(std::time::Duration::from_secs(5));
    let later = house.now.wall;
    house.connection(true);
    house.told();
    house.kept(CONTACT, json!({"contact": true, "last_seen": later.to_string()}).to_string());
    assert_eq!(house.fact("front", "position"), "closed stale");
    assert_eq!(kinds(&house.told()), ["entry.position_changed"]);
}

#[test]
fn when_the_broker_kept_an_act_then_it_is_none() {
    let mut house = House::new();
    for payload in [
        r#"{"action":"unlock","action_source_name":"keypad","action_user":3}"#,
        r#"{"action":"pin_code_added","action_user":4}"#,
        r#"{"action":"unlock_failure_invalid_pin_or_id"}"#,
    ] {
        house.kept("front_door_yale", payload);
    }
    assert_eq!(lines(&house.told()), [""; 0]);
}

#[test]
fn when_a_translator_lets_a_kept_act_pass_then_the_gateway_does_not() {
    let mut house = House::new();
    for act in [r#"{"action":"unlock"}"#, r#"{"action":"pin_code_added","action_user":4}"#] {
        let live = Wired::live("zigbee2mqtt/front_door_yale", act);
        let mut signal = house.wire.signal(&live, house.now.wall);
        signal.retained = true;
        house.step(Input::Signal { vendor: VendorId::new(VENDOR), signal });
    }
    house.commit();
    assert_eq!(lines(&house.told()), [""; 0]);
}

#[test]
fn when_the_kept_copy_comes_before_the_act_itself_then_the_act_is_told() {
    let mut house = House::new();
    let act = r#"{"action":"unlock","battery":80,"last_seen":"2026-11-21T05:00:01Z"}"#;
    house.kept("front_door_yale", act);
    assert_eq!(kinds(&house.told()), ["endpoint.battery_changed"]);
    house.publish("front_door_yale", act);
    assert_eq!(kinds(&house.told()), ["entry.attribution_updated"]);
    house.kept("front_door_yale", act);
    assert_eq!(kinds(&house.told()), [""; 0]);
}

#[test]
fn when_a_latched_act_first_shows_in_a_kept_message_then_the_next_live_one_tells_it() {
    let mut house = House::new();
    let latched = |user: &str| json!({"last_unlock_source": "keypad", "last_unlock_user": user});
    house.says("nimly", latched("3"));
    house.told();
    house.kept("nimly", latched("4").to_string());
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.says("nimly", latched("4"));
    assert_eq!(kinds(&house.told()), ["entry.attribution_updated"]);
}

#[test]
fn when_the_broker_kept_the_end_of_an_alarm_then_the_alarm_stands() {
    let mut house = House::new();
    house.says(CONTACT, json!({"tamper": true}));
    house.told();
    house.kept(CONTACT, r#"{"tamper":false}"#);
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.says(CONTACT, json!({"tamper": false}));
    assert_eq!(kinds(&house.told()), ["alarm.cleared"]);
}

#[test]
fn when_the_broker_kept_what_the_gateway_has_handled_then_it_is_not_handled_again() {
    let mut house = House::new();
    let first = json!({"tamper": true, "last_seen": house.now.wall.to_string()}).to_string();
    house.publish(CONTACT, first.as_str());
    house.says(CONTACT, json!({"tamper": false}));
    assert_eq!(kinds(&house.told()), ["alarm.raised", "alarm.cleared"]);
    house.kept(CONTACT, first.as_str());
    assert_eq!(kinds(&house.told()), [""; 0]);
}

#[test]
fn when_the_broker_keeps_a_command_then_it_is_quarantined_without_its_payload() {
    let mut house = House::new();
    house.kept("front_door_yale/set", r#"{"pin_code":{"user":4,"pin_code":9876}}"#);
    let told = house.told();
    assert_eq!(kinds(&told), ["security.retained_command_found"]);
    assert_eq!(told[0].data("topic"), "zigbee2mqtt/front_door_yale/set");
    assert_eq!(house.quarantine()[0].reason, "retained_command");
    assert_eq!(house.quarantine()[0].raw, None);
}
