//! What is told of who is not believed, of the clock, and of alarms that two see.

use std::time::Duration;

use doorward::gateway::Input;
use serde_json::json;

use crate::house::House;
use crate::told::kinds;

const CONTACT: &str = "front_contact";

fn asked(house: &mut House, ask: u64, text: &str) {
    let received = house.now.monotonic;
    let (text, source) = (text.to_owned(), Some("acme.delivery/eu-1".to_owned()));
    house.step(Input::Asked { ask, text, source, uid: None, received });
    house.commit();
}

#[test]
fn when_strangers_ask_then_one_event_a_minute_says_how_many() {
    let mut house = House::new();
    for ask in 0..40 {
        asked(&mut house, ask, "no event at all");
    }
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.pass(Duration::from_secs(60));
    let told = house.told_of(&["security.authentication_failed"]);
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].data("count"), 40);
    assert_eq!(told[0].data("reason"), "malformed_request");
    assert_eq!(told[0].data("channel"), "request");
    house.pass(Duration::from_secs(120));
    assert_eq!(house.told_of(&["security.authentication_failed"]).len(), 0);
}

#[test]
fn when_the_clock_is_trusted_more_or_less_then_it_is_told_and_events_say_so() {
    let mut house = House::new();
    house.says(CONTACT, json!({"contact": true}));
    assert!(house.told()[0].event["gateway"]["clock"].is_null());

    house.gateway.system_clock(None);
    house.pass(Duration::from_secs(70));
    house.says(CONTACT, json!({"contact": false}));
    let told = house.told_of(&["gateway.clock_changed", "entry.position_changed"]);
    assert_eq!(kinds(&told), ["gateway.clock_changed", "entry.position_changed"]);
    assert_eq!(told[0].data("trust"), "bounded");
    assert_eq!(told[0].data("previous"), "full");
    assert!(told[0].data("challenge")["nonce"].is_string());
    let clock = &told[1].event["gateway"]["clock"];
    assert_eq!(clock["trust"], "bounded");
    assert!(clock["earliest"].as_str() < clock["latest"].as_str(), "{clock}");

    // It comes and goes within ten seconds: how it stands then is told.
    house.gateway.system_clock(Some(Duration::from_millis(20)));
    house.says(CONTACT, json!({"contact": true}));
    house.gateway.system_clock(None);
    house.pass(Duration::from_secs(1));
    house.gateway.system_clock(Some(Duration::from_millis(20)));
    house.pass(Duration::from_secs(70));
    let told = house.told_of(&["gateway.clock_changed"]);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].data("trust"), "full");
}

#[test]
fn when_a_device_tells_an_alarm_that_was_inferred_then_it_is_told_once() {
    let mut house = House::new();
    house.says("danalock", json!({"door_state": "closed", "lock_state": "locked"}));
    house.told();
    // Nothing explains it.
    house.says("danalock", json!({"door_state": "open"}));
    house.pass(Duration::from_secs(30));
    let raised = house.told_of(&["alarm.raised"]);
    assert_eq!(raised.len(), 1);
    assert_eq!(raised[0].data("alarm"), "forced_open");
    house.says("danalock", json!({"door_state": "error_forced_open"}));
    assert_eq!(house.told_of(&["alarm.raised"]).len(), 0);
    house.says("danalock", json!({"door_state": "closed"}));
    let cleared = house.told_of(&["alarm.cleared"]);
    assert_eq!(cleared.len(), 1);
    assert_eq!(cleared[0].data("raised_event_id"), raised[0].id());
}
