//! What becomes no event: kept with its reason, told, and bounded.

use std::time::Duration;

use doorward::gateway::Input;
use serde_json::json;

use crate::house::House;
use crate::told::{Told, kinds};

const TOLD: &[&str] = &["event.quarantined"];

fn refuse(house: &mut House, told: &Told) {
    house.step(Input::Refused {
        slot: told.sequence,
        event_type: told.kind(),
        code: "InvalidArgument".to_owned(),
        message: "no".to_owned(),
        detail: told.stored.detail.clone(),
    });
    house.commit();
}

#[test]
fn when_a_message_cannot_be_translated_then_it_is_quarantined_with_its_reason() {
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("front_door_yale", b"{".to_vec(), "malformed_json"),
        ("front_door_yale", b"{\"x\":\"\xff\"}".to_vec(), "invalid_utf8"),
        ("front_door_yale", b"[1]".to_vec(), "unexpected_shape"),
        ("front_door_yale", vec![b' '; 65 * 1024], "too_large"),
        ("bridge/devices", b"{}".to_vec(), "unexpected_shape"),
        ("front_door_yale", br#"{"battery":430}"#.to_vec(), "unmapped_value"),
    ];
    for (topic, payload, reason) in cases {
        let mut house = House::new();
        let bytes = payload.len() as u64;
        house.publish(topic, payload);
        let told = house.told();
        assert_eq!(kinds(&told), TOLD, "{reason}");
        assert_eq!(
            (told[0].data("reason"), told[0].data("count"), told[0].data("bytes")),
            (&json!(reason), &json!(1), &json!(bytes))
        );
        assert_eq!(told[0].data("source"), &json!(format!("zigbee2mqtt/{topic}")));
        let row = house.quarantine().remove(0);
        assert_eq!((row.reason.as_str(), row.bytes), (reason, bytes));
        assert_eq!(told[0].data("quarantine_id"), row.id);
        assert_eq!(house.acknowledged, house.handled, "handled is acknowledged");
    }
}

#[test]
fn when_a_topic_is_not_the_bridges_then_it_is_quarantined() {
    let mut house = House::new();
    house.hear(&crate::wire::Wired::live("elsewhere/door", "{}"));
    assert_eq!(house.told()[0].data("reason"), "unknown_topic");
}

#[test]
fn when_a_device_is_in_no_inventory_then_its_message_is_quarantined() {
    let mut house = House::new();
    house.says("stranger", json!({"contact": true}));
    let told = house.told();
    assert_eq!(kinds(&told), TOLD);
    assert_eq!(told[0].data("reason"), "unknown_endpoint");
    assert_eq!(told[0].data("source"), "stranger");
    assert_eq!(house.quarantine()[0].vendor.as_deref(), Some("zigbee2mqtt"));
}

#[test]
fn when_a_part_of_a_message_is_unmapped_then_the_rest_of_it_counts() {
    let mut house = House::new();
    house.says("front_door_yale", json!({"lock_state": "locked", "battery": 101}));
    assert_eq!(kinds(&house.told()), ["entry.lock_changed", "event.quarantined"]);
}

#[test]
fn when_the_same_comes_again_within_a_minute_then_it_is_counted_and_told_at_the_end() {
    let mut house = House::new();
    for _ in 0..20 {
        house.publish("front_door_yale", "{");
    }
    house.publish("front_contact", "{");
    let told = house.told();
    assert_eq!(kinds(&told), ["event.quarantined"; 2], "the first of each source");
    let rows = house.quarantine();
    assert_eq!(rows.len(), 6, "five of a kind are kept, and the other");

    house.pass(Duration::from_secs(59));
    assert_eq!(kinds(&house.told()), [""; 0]);
    house.pass(Duration::from_secs(2));
    let told = house.told();
    assert_eq!(kinds(&told), TOLD, "nothing more came of the other source");
    assert_eq!((told[0].data("count"), told[0].data("bytes")), (&json!(19), &json!(19)));
    assert_eq!(told[0].data("quarantine_id"), rows[4].id, "the last one kept of that source");

    house.publish("front_door_yale", "{");
    assert_eq!(kinds(&house.told()), TOLD, "a new window");
    assert_eq!(house.quarantine().len(), 7);
}

#[test]
fn when_strangers_come_by_the_thousand_then_the_windows_are_bounded() {
    let mut house = House::new();
    for n in 0..600 {
        house.says(&format!("stranger-{n}"), json!({"contact": true}));
    }
    assert_eq!(house.told().len(), 129, "beyond 128 sources they share one line");
    assert_eq!(house.quarantine().len(), 128 + 5);
    house.pass(Duration::from_secs(61));
    let told = house.told();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].data("source"), told[0].data("count")), (&json!("*"), &json!(471)));
}

#[test]
fn when_the_bus_refuses_events_for_good_then_every_one_is_kept_and_none_waits() {
    let mut house = House::new();
    let contact = |closed: bool| json!({"contact": closed});
    (0..12).for_each(|n| house.says("front_contact", contact(n % 2 == 0)));
    let told = house.told();
    let waiting = house.journal.waiting();
    for event in &told {
        refuse(&mut house, event);
    }
    let rows = house.quarantine();
    assert_eq!(rows.len(), 12, "more than five: each is the only copy");
    for (row, event) in rows.iter().zip(&told) {
        assert_eq!(row.raw.as_deref(), Some(&*event.stored.detail));
        assert_eq!(row.reason, "refused_by_bus");
    }
    assert_eq!(kinds(&house.told()), TOLD, "the first is told at once");
    assert_eq!(house.journal.waiting(), waiting - 12 + 1);
    house.pass(Duration::from_secs(61));
    assert_eq!(house.told()[0].data("count"), 11);
}

#[test]
fn when_the_bus_refuses_the_telling_itself_then_that_is_kept_but_not_told() {
    let mut house = House::new();
    house.publish("front_door_yale", "{");
    for _ in 0..3 {
        let told = house.told();
        for event in &told {
            refuse(&mut house, event);
        }
    }
    assert_eq!(house.quarantine().len(), 2);
    house.pass(Duration::from_secs(120));
    assert_eq!(kinds(&house.told_of(TOLD)), [""; 0]);
}

#[test]
fn when_the_gateway_starts_again_then_the_numbers_of_quarantine_go_on() {
    let mut house = House::new();
    house.publish("front_door_yale", "{");
    house.crash();
    house.publish("front_door_yale", "{");
    let ids: Vec<u64> = house.quarantine().iter().map(|row| row.id).collect();
    assert_eq!(ids, [1, 2]);
}
