//! After a gap: devices are asked again, and facts are stale until one answers.

use std::time::Duration;

use serde_json::json;

use crate::house::House;
use crate::told::kinds;
use crate::wire::Wired;

const LOCKS: [&str; 3] = ["danalock", "front_door_yale", "nimly"];

fn observed_house() -> House {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.says("front_contact", json!({"contact": true}));
    house.told();
    house
}

#[test]
fn when_the_connection_comes_up_then_every_bound_lock_is_asked() {
    let mut house = observed_house();
    for _ in 0..2 {
        house.connection(false);
        assert_eq!(house.reads(), [""; 0]);
        house.connection(true);
        assert_eq!(house.reads(), LOCKS);
    }
}

#[test]
fn when_the_bridge_comes_back_then_every_bound_lock_is_asked() {
    let mut house = observed_house();
    house.publish("bridge/state", r#"{"state":"offline"}"#);
    assert_eq!(house.reads(), [""; 0]);
    house.publish("bridge/state", r#"{"state":"online"}"#);
    assert_eq!(house.reads(), LOCKS);
    house.publish("bridge/state", r#"{"state":"online"}"#);
    assert_eq!(house.reads(), [""; 0], "it said nothing new");
}

#[test]
fn when_the_gateway_meets_its_devices_for_the_first_time_then_the_locks_are_asked() {
    let mut house = House::dark();
    house.connect();
    assert_eq!(house.reads(), LOCKS);
}

#[test]
fn when_a_device_comes_back_then_it_alone_is_asked_and_its_next_word_counts() {
    let mut house = observed_house();
    for device in ["front_door_yale", "front_contact"] {
        house.publish(&format!("{device}/availability"), r#"{"state":"offline"}"#);
        house.pass(Duration::from_secs(60));
        house.publish(&format!("{device}/availability"), r#"{"state":"online"}"#);
    }
    assert_eq!(house.reads(), ["front_door_yale"]);
    assert_eq!(house.fact("front", "position"), "closed stale");
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.says("front_contact", json!({"contact": true}));
    assert_eq!(house.fact("front", "lock"), "locked observed");
    assert_eq!(house.fact("front", "position"), "closed observed");
    assert_eq!(kinds(&house.told_of(&["entry.lock_changed", "entry.position_changed"])), [""; 0]);
}

#[test]
fn when_a_message_is_older_than_the_gaps_end_then_it_is_no_answer_and_a_newer_one_is() {
    let mut house = observed_house();
    house.connection(false);
    let away = house.now.wall;
    house.pass(Duration::from_secs(5));
    house.connection(true);
    let queued = json!({"lock_state": "locked", "last_seen": away.to_string()});
    house.publish("front_door_yale", queued.to_string());
    assert_eq!(house.fact("front", "lock"), "locked stale");
    let at = house.now.wall;
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    assert_eq!(house.fact("front", "lock"), "locked observed");
    assert_eq!(house.observed_at("front"), Some(at));
}

#[test]
fn when_one_device_has_answered_then_its_next_repetition_refreshes_nothing_again() {
    let mut house = observed_house();
    house.connection(false);
    house.connection(true);
    let answered = house.now.wall;
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    assert_eq!(house.observed_at("front"), Some(answered));
    assert_eq!(house.fact("front", "position"), "closed stale", "the other has not");
}

#[test]
fn when_the_devices_clock_is_far_behind_then_its_word_counts_once_the_queue_has_run_dry() {
    let mut house = observed_house();
    house.connection(false);
    house.connection(true);
    let mut says = |minutes_ago: i64| {
        let then = house.now.wall - jiff::SignedDuration::from_mins(minutes_ago);
        let message = json!({"lock_state": "locked", "last_seen": then.to_string()});
        house.publish("front_door_yale", message.to_string());
        let fact = house.fact("front", "lock");
        house.pass(Duration::from_secs(10));
        fact
    };
    assert_eq!(says(50), "locked stale");
    assert_eq!(says(49), "locked observed");
}

#[test]
fn when_what_the_broker_kept_comes_after_a_gap_then_it_is_no_answer() {
    let mut house = observed_house();
    house.connection(false);
    house.connection(true);
    house.kept("front_door_yale", r#"{"lock_state":"locked"}"#);
    assert_eq!(house.fact("front", "lock"), "locked stale");
    house.publish("front_door_yale", r#"{"lock_state":"locked"}"#);
    assert_eq!(house.fact("front", "lock"), "locked observed");
}

#[test]
fn when_an_act_comes_after_a_gap_then_the_old_state_beside_it_is_no_answer() {
    let mut house = observed_house();
    house.connection(false);
    house.connection(true);
    house.says("front_door_yale", json!({"action": "auto_lock", "lock_state": "locked"}));
    assert_eq!(house.fact("front", "lock"), "locked stale");
}

#[test]
fn when_a_change_comes_from_before_the_gaps_end_then_it_is_told_in_its_place() {
    let mut house = observed_house();
    house.connection(false);
    let away = house.now.wall;
    house.pass(Duration::from_secs(5));
    house.connection(true);
    house.told();
    let queued = json!({"lock_state": "unlocked", "last_seen": away.to_string()});
    house.publish("front_door_yale", queued.to_string());
    let told = house.told();
    assert_eq!(kinds(&told), ["entry.lock_changed"]);
    assert_eq!(told[0].time(), away);
}

#[test]
fn when_a_topic_is_heard_at_qos_0_then_its_endpoint_is_marked_as_lossy() {
    let mut house = observed_house();
    let lossy = |house: &House| {
        let doors = house.gateway.doors();
        let front = doors.into_iter().find(|door| door.entry == "front").unwrap();
        front.endpoints.into_iter().map(|endpoint| endpoint.lossy_source).collect::<Vec<_>>()
    };
    assert_eq!(lossy(&house), [false, false]);
    let live = Wired::live("zigbee2mqtt/front_door_yale", r#"{"lock_state":"locked"}"#);
    house.hear(&Wired { lossy: true, ..live });
    assert_eq!(lossy(&house), [false, true]);
    house.crash();
    assert_eq!(lossy(&house), [false, true]);
}
