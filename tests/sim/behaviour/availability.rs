//! Whether devices can be reached: the AND over device, bridge and broker.

use std::time::Duration;

use serde_json::json;

use crate::house::House;
use crate::told::{Told, kinds};

const ONLINE: &str = r#"{"state":"online"}"#;
const OFFLINE: &str = r#"{"state":"offline"}"#;
const TOLD: &[&str] = &["endpoint.online", "endpoint.offline"];

/// Locked and closed, everything reachable.
fn observed_house() -> House {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.says("front_contact", json!({"contact": true}));
    house.told();
    house
}

fn facts(house: &House) -> [String; 2] {
    [house.fact("front", "lock"), house.fact("front", "position")]
}

fn causes(told: &[Told]) -> Vec<String> {
    told.iter().map(|told| told.data("unavailable").to_string()).collect()
}

#[test]
fn when_one_device_goes_then_it_is_told_at_once_and_its_facts_alone_are_stale() {
    let mut house = observed_house();
    house.publish("front_contact/availability", OFFLINE);
    let told = house.told();
    assert_eq!(kinds(&told), ["endpoint.offline"]);
    assert_eq!(told[0].subject(), "zigbee2mqtt:0x00158d0001a2b3c4");
    assert_eq!(causes(&told), [r#"["availability"]"#]);
    assert_eq!(facts(&house), ["locked observed", "closed stale"]);

    house.publish("front_contact/availability", OFFLINE);
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.pass(Duration::from_secs(60));
    house.publish("front_contact/availability", ONLINE);
    let told = house.told();
    assert_eq!(kinds(&told), ["endpoint.online"]);
    assert_eq!(told[0].data("unavailable_for_s"), 60);
}

#[test]
fn when_the_bridge_stops_then_facts_are_stale_at_once_and_the_endpoints_told_after_ten_seconds() {
    let mut house = observed_house();
    // Every device's own topic still says online, as the bridge leaves it.
    house.publish("bridge/state", OFFLINE);
    assert_eq!(facts(&house), ["locked stale", "closed stale"]);
    house.pass(Duration::from_millis(9_990));
    assert_eq!(kinds(&house.told_of(TOLD)), [""; 0]);
    house.pass(Duration::from_millis(10));
    let told = house.told_of(TOLD);
    assert_eq!(kinds(&told), ["endpoint.offline"; 4]);
    assert_eq!(causes(&told), [r#"["bridge"]"#; 4]);

    house.publish("bridge/state", ONLINE);
    assert_eq!(kinds(&house.told_of(TOLD)), ["endpoint.online"; 4]);
}

#[test]
fn when_bridge_or_broker_return_within_the_grace_then_no_endpoint_was_offline() {
    let mut house = observed_house();
    house.publish("bridge/state", OFFLINE);
    house.pass(Duration::from_secs(9));
    house.publish("bridge/state", ONLINE);
    house.connection(false);
    house.pass(Duration::from_secs(9));
    house.connection(true);
    house.pass(Duration::from_secs(60));
    assert_eq!(kinds(&house.told_of(TOLD)), [""; 0]);
    assert_eq!(facts(&house), ["locked stale", "closed stale"], "nobody has answered yet");
}

#[test]
fn when_the_broker_is_lost_then_every_endpoint_is_offline_for_that() {
    let mut house = observed_house();
    house.connection(false);
    assert_eq!(facts(&house), ["locked stale", "closed stale"]);
    house.pass(Duration::from_secs(10));
    let told = house.told_of(TOLD);
    assert_eq!(causes(&told), [r#"["connection"]"#; 4]);
    house.connection(true);
    assert_eq!(kinds(&house.told_of(TOLD)), ["endpoint.online"; 4]);
}

#[test]
fn when_broker_bridge_and_device_are_all_away_then_each_must_return() {
    let mut house = observed_house();
    house.publish("front_contact/availability", OFFLINE);
    house.publish("bridge/state", OFFLINE);
    house.connection(false);
    house.pass(Duration::from_secs(10));
    let told = house.told_of(&["endpoint.offline"]);
    assert_eq!(causes(&told)[0], r#"["availability"]"#, "told when it went");
    assert_eq!(causes(&told)[1..], [r#"["connection","bridge"]"#; 3]);

    house.connection(true);
    assert_eq!(kinds(&house.told_of(TOLD)), [""; 0]);
    house.publish("bridge/state", ONLINE);
    assert_eq!(kinds(&house.told_of(TOLD)), ["endpoint.online"; 3]);
    house.publish("front_contact/availability", ONLINE);
    assert_eq!(kinds(&house.told_of(TOLD)), ["endpoint.online"]);
}

#[test]
fn when_a_device_goes_while_the_bridge_is_away_then_it_is_told_soon_after_the_bridge_returns() {
    let mut house = observed_house();
    house.publish("bridge/state", OFFLINE);
    house.publish("front_contact/availability", OFFLINE);
    assert_eq!(kinds(&house.told_of(TOLD)), [""; 0]);
    house.publish("bridge/state", ONLINE);
    // What it said last is from before: it has a while to say it anew.
    assert_eq!(kinds(&house.told_of(TOLD)), [""; 0]);
    house.pass(Duration::from_secs(10));
    let told = house.told_of(TOLD);
    assert_eq!(causes(&told), [r#"["availability"]"#]);
}

#[test]
fn when_a_device_speaks_although_its_bridge_is_said_to_be_away_then_the_next_gap_is_one() {
    let mut house = observed_house();
    house.publish("bridge/state", OFFLINE);
    house.says("front_contact", json!({"contact": false}));
    assert_eq!(house.fact("front", "position"), "open observed");
    house.connection(false);
    assert_eq!(house.fact("front", "position"), "open stale");
}

#[test]
fn when_the_vendor_never_connects_after_a_start_then_the_endpoints_are_told_after_the_grace() {
    let mut house = observed_house();
    house.pass(Duration::from_secs(1));
    house.connection(true);
    house.told();
    house.crash();
    house.pass(Duration::from_secs(9));
    assert_eq!(kinds(&house.told_of(TOLD)), [""; 0]);
    house.pass(Duration::from_secs(1));
    assert_eq!(kinds(&house.told_of(TOLD)), ["endpoint.offline"; 4]);
}

#[test]
fn when_an_availability_topic_says_what_nobody_knows_then_the_device_is_offline() {
    for payload in ["", "Online", r#"{"state":"sleeping"}"#] {
        let mut house = observed_house();
        house.publish("front_contact/availability", payload);
        assert_eq!(kinds(&house.told_of(TOLD)), ["endpoint.offline"], "{payload:?}");
    }
}
