//! What is told without anything having happened.

use std::time::Duration;

use doorward::gateway::Input;
use serde_json::json;

use crate::house::House;
use crate::told::{Told, kinds, lines};

const HOUR: Duration = Duration::from_secs(3600);

#[test]
fn when_an_hour_has_passed_then_a_handshake_and_a_heartbeat_with_the_figures_are_told() {
    let mut house = House::new();
    house.says("front_contact", json!({"contact": true}));
    house.publish("front_contact", "{");
    let told = house.told();
    let through = told[0].sequence;
    house.step(Input::Delivered((1..=through).collect()));
    house.commit();
    let waiting = house.journal.waiting();
    house.pass_until(Duration::from_millis(3_599_999));
    assert_eq!(kinds(&house.told_of(&["gateway.heartbeat", "publisher.handshake_sent"])), [""; 0]);
    house.pass(Duration::from_millis(1));
    let told = house.told();
    assert_eq!(kinds(&told), ["publisher.handshake_sent", "gateway.heartbeat"]);
    let beat = &told[1];
    assert_eq!(beat.data("uptime_s"), 3600);
    assert_eq!(beat.data("events_waiting"), waiting);
    assert_eq!(beat.data("quarantined"), 1);
    assert_eq!(beat.data("vendors"), &json!([{"vendor": "zigbee2mqtt", "state": "running"}]));
    assert_eq!(beat.data("delivered_through")["entry.position_changed"], 1);
    assert_eq!(beat.data("delivered_through")["event.quarantined"], 0);

    house.pass(2 * HOUR);
    assert_eq!(house.told_of(&["gateway.heartbeat"]).len(), 2);
}

#[test]
fn when_a_day_has_passed_then_the_state_of_every_entry_is_reported() {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    let at = house.now.wall - Duration::from_millis(1);
    house.connection(false);
    house.told();
    house.pass_until(24 * HOUR);
    let told = house.told_of(&["entry.state_reported"]);
    let subjects: Vec<&str> = told.iter().map(Told::subject).collect();
    assert_eq!(subjects, ["back", "front", "side"]);
    let front = &told[1];
    assert_eq!(front.data("reason"), "daily");
    assert_eq!(
        front.data("lock"),
        &json!({"value": "locked", "quality": "stale", "observed_at": at.to_string(),
            "source": "zigbee2mqtt:0x000d6f0011223344"})
    );
    assert_eq!(front.data("position"), &json!({"value": "unknown", "quality": "unknown"}));
    house.pass(24 * HOUR);
    assert_eq!(house.told_of(&["entry.state_reported"]).len(), 3);
}

#[test]
fn when_the_gateway_starts_then_it_says_so_and_reports_every_entry() {
    let mut house = House::dark();
    house.commit();
    let told = house.told();
    assert_eq!(
        kinds(&told),
        [
            "gateway.started",
            "publisher.handshake_sent",
            "entry.registered",
            "entry.state_reported",
            "entry.registered",
            "entry.state_reported",
            "entry.registered",
            "entry.state_reported",
        ]
    );
    assert_eq!(told[0].data("previous_stop"), "first_start");
    assert_eq!(told[3].data("reason"), "registration");
    let reported = lines(&told[4..5]);
    assert!(reported[0].contains("front kind=door"), "{reported:?}");
    assert_eq!(told[4].data("observes"), &json!(["position", "lock"]));
}
