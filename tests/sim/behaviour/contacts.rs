//! Where the leaf is, and the alarms that devices report.

use serde_json::json;

use crate::house::House;
use crate::told::{kinds, lines};

fn moved(entry: &str, from: &str, to: &str) -> String {
    format!(
        "entry.position_changed {entry} position={to} previous={from} \
         quality=observed"
    )
}

#[test]
fn when_the_contact_is_false_then_the_door_is_open() {
    let mut house = House::new();
    for contact in [true, false, true] {
        house.says("front_contact", json!({"contact": contact}));
    }
    assert_eq!(
        lines(&house.told()),
        [
            moved("front", "unknown", "closed"),
            moved("front", "closed", "open"),
            moved("front", "open", "closed"),
        ]
    );
}

#[test]
fn when_a_door_bounces_within_the_second_that_its_clock_shows_then_every_move_is_told_once() {
    // zigbee2mqtt's `ISO_8601_local` ends with the second, so the first and the third message
    // are the same.
    let bounce = |house: &mut House| {
        for contact in [false, true, false, true, false] {
            let payload = json!({"contact": contact, "last_seen": "2026-11-21T06:00:10+01:00"});
            house.publish("front_contact", payload.to_string());
        }
        assert_eq!(house.fact("front", "position").split(' ').next(), Some("open"));
        house.told_of(&["entry.position_changed"]).len()
    };
    let mut house = House::new();
    house.says("front_contact", json!({"contact": true}));
    house.told();
    assert_eq!(bounce(&mut house), 5);
    house.connection(false);
    house.connection(true);
    assert_eq!(bounce(&mut house), 0, "handed over again");
    house.crash();
    house.connect();
    assert_eq!(bounce(&mut house), 0, "and again");
}

#[test]
fn when_the_lock_sees_the_leaf_then_bolt_and_leaf_are_told_apart() {
    let mut house = House::new();
    house.says("danalock", json!({"lock_state": "unlocked", "door_state": "open"}));
    let mut told = lines(&house.told());
    told.sort();
    assert_eq!(told.len(), 2);
    assert_eq!(told[1], moved("back", "unknown", "open"));
    assert!(told[0].starts_with("entry.lock_changed back lock=unlocked"));
}

#[test]
fn when_a_door_is_forced_then_the_alarm_is_raised_once_and_cleared_once() {
    let mut house = House::new();
    for state in ["closed", "error_forced_open", "error_forced_open", "open", "closed"] {
        house.says("danalock", json!({"door_state": state}));
    }
    let told = house.told_of(&["alarm.raised", "alarm.cleared"]);
    assert_eq!(kinds(&told), ["alarm.raised", "alarm.cleared"]);
    assert_eq!(told[0].line(), "alarm.raised back alarm=forced_open severity=critical");
    assert_eq!(told[1].data("raised_event_id"), told[0].id());
    assert_eq!(told[1].data("cleared_by"), "observation");
    assert_eq!(house.alarms("back"), [""; 0]);
}

#[test]
fn when_an_alarm_stands_over_a_crash_then_it_is_not_raised_again_and_its_end_names_it() {
    let mut house = House::new();
    house.says("danalock", json!({"door_state": "error_forced_open"}));
    let raised = house.told_of(&["alarm.raised"]).remove(0);
    house.crash();
    house.connect();
    house.told();
    assert_eq!(house.alarms("back"), ["forced_open"]);
    house.says("danalock", json!({"door_state": "error_forced_open"}));
    assert_eq!(lines(&house.told()), [""; 0]);
    house.says("danalock", json!({"door_state": "closed"}));
    let cleared = house.told_of(&["alarm.cleared"]).remove(0);
    assert_eq!(cleared.data("raised_event_id"), raised.id());
}

#[test]
fn when_two_devices_of_a_door_report_tampering_then_it_stands_until_neither_does() {
    let mut house = House::new();
    let mut says = |device: &str, tamper: bool| {
        house.says(device, json!({"tamper": tamper}));
        kinds(&house.told())
    };
    assert_eq!(says("front_door_yale", true), ["alarm.raised"]);
    assert_eq!(says("front_contact", false), [""; 0], "the other one's word clears nothing");
    assert_eq!(says("front_contact", true), [""; 0], "it stands already");
    assert_eq!(says("front_door_yale", false), [""; 0]);
    assert_eq!(says("front_contact", false), ["alarm.cleared"]);
}

#[test]
fn when_the_device_that_reported_tampering_is_replaced_then_its_alarm_can_end() {
    let mut house = House::new();
    house.says("front_contact", json!({"tamper": true}));
    let front = &mut house.entries[0];
    front.roles.insert(doorward::domain::entry::Role::Position, crate::house::endpoint("danalock"));
    house.restart();
    house.connect();
    house.told();
    house.says("danalock", json!({"tamper": false}));
    assert_eq!(kinds(&house.told_of(&["alarm.cleared"])), ["alarm.cleared"]);
}

#[test]
fn when_the_battery_falls_by_five_points_or_its_flag_changes_then_that_is_told() {
    let mut house = House::new();
    for (percent, low) in [(80, false), (78, false), (75, false), (75, true), (74, true)] {
        house.says("front_contact", json!({"battery": percent, "battery_low": low}));
    }
    let name = "endpoint.battery_changed zigbee2mqtt:0x00158d0001a2b3c4 ";
    assert_eq!(
        lines(&house.told()),
        [
            format!("{name}low=false percent=80.0 vendor=zigbee2mqtt"),
            format!("{name}low=false percent=75.0 vendor=zigbee2mqtt"),
            format!("{name}low=true percent=75.0 vendor=zigbee2mqtt"),
        ]
    );
}
