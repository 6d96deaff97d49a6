//! What survives.

use serde_json::json;

use doorward::gateway::Input;

use crate::house::{House, endpoint};
use crate::told::kinds;

#[test]
fn when_the_gateway_starts_again_then_what_it_knew_is_stale() {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked"}));
    house.says("front_contact", json!({"contact": true}));
    for stop in [House::crash, House::restart] {
        house.told();
        stop(&mut house);
        assert_eq!(house.fact("front", "lock"), "locked stale");
        assert_eq!(house.fact("front", "position"), "closed stale");
        assert_eq!(house.fact("back", "lock"), "unknown unknown");
        house.commit();
        let told = house.told_of(&["entry.state_reported"]);
        assert_eq!(told[1].data("reason"), "start");
        assert_eq!(told[1].data("lock")["quality"], "stale");
    }
}

#[test]
fn when_the_gateway_starts_again_then_it_says_how_it_stopped_and_what_waits() {
    let mut house = House::new();
    house.step(Input::Delivered(vec![1, 2]));
    house.commit();
    let waiting = house.journal.waiting();
    house.told();
    house.crash();
    house.commit();
    let told = house.told_of(&["gateway.started"]);
    assert_eq!(told[0].data("previous_stop"), "unclean");
    assert_eq!(told[0].data("events_waiting"), waiting);
    house.restart();
    house.commit();
    assert_eq!(house.told_of(&["gateway.started"])[0].data("previous_stop"), "clean");
}

#[test]
fn when_the_configuration_is_as_it_was_then_no_entry_is_registered_again() {
    let mut house = House::new();
    house.restart();
    house.commit();
    assert_eq!(kinds(&house.told_of(&["entry.registered"])), [""; 0]);

    house.entries[2].time_zone = "Europe/Lisbon".to_owned();
    house.restart();
    house.commit();
    let told = house.told_of(&["entry.registered", "entry.state_reported"]);
    assert_eq!(
        kinds(&told),
        [
            "entry.state_reported",
            "entry.state_reported",
            "entry.registered",
            "entry.state_reported"
        ]
    );
    assert_eq!(told[2].subject(), "side");
    assert_eq!(
        (told[0].data("reason"), told[3].data("reason")),
        (&json!("start"), &json!("registration"))
    );
    house.crash();
    house.commit();
    assert_eq!(kinds(&house.told_of(&["entry.registered"])), [""; 0]);
}

#[test]
fn when_the_registration_was_not_committed_then_it_is_told_by_the_next_start() {
    let mut house = House::dark();
    assert!(house.told().is_empty());
    house.crash();
    house.commit();
    let told = house.told();
    assert_eq!(told[0].data("previous_stop"), "unclean");
    assert_eq!(told.iter().filter(|told| told.kind() == "entry.registered").count(), 3);
    assert_eq!(told[0].sequence, 1);
}

#[test]
fn when_an_entry_gets_another_device_then_its_facts_come_from_that_one() {
    let mut house = House::new();
    house.says("nimly", json!({"lock_state": "locked"}));
    house.entries[2].roles.insert(doorward::domain::entry::Role::Lock, endpoint("danalock"));
    house.restart();
    house.connect();
    house.told();
    house.says("nimly", json!({"lock_state": "unlocked"}));
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.says("danalock", json!({"lock_state": "unlocked"}));
    let mut subjects: Vec<String> =
        house.told().iter().map(|told| told.subject().to_owned()).collect();
    subjects.sort();
    assert_eq!(subjects, ["back", "side"], "one device may serve two entries");
}

#[test]
fn when_the_journal_cannot_take_a_batch_then_nothing_is_acknowledged_until_it_can() {
    let mut house = House::new();
    house.commit();
    house.bounds.max_bytes = 4096;
    house.restart();
    assert!(house.try_commit().is_err());
    let message = crate::wire::Wired::live(
        "zigbee2mqtt/front_contact",
        r#"{"contact":false,"last_seen":"2026-11-21T05:00:01Z"}"#,
    );
    let signal = house.wire.signal(&message, house.now.wall);
    let vendor = doorward::domain::ids::VendorId::new(crate::house::VENDOR);
    house.step(Input::Signal { vendor, signal });
    assert!(house.try_commit().is_err());
    assert_eq!((house.handled, house.acknowledged), (1, 0));

    house.bounds.max_bytes = 1 << 30;
    house.crash();
    house.commit();
    assert_eq!(house.fact("front", "position"), "unknown unknown", "it comes again");
}
