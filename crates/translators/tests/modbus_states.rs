//! What the Modbus driver tells of doors, on a line in virtual time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod modbus_line;

use std::time::Duration;

use doorward_translators::RefusalReason;
use modbus_line::{Bus, as_json, contact, door, gaps, ms, nothing, online, position, sealed};
use serde_json::{Value, json};

#[test]
fn states_are_told_once_they_are_known() {
    let all = json!({
        "unit": 7,
        "closed": { "input": 10, "contact": "normally_closed" },
        "open": { "input": 11, "contact": "normally_open" },
        "obstruction": { "input": 12, "contact": "normally_closed" },
        "lock": { "input": 25, "contact": "normally_open" },
    });
    let mut bus = Bus::opened(&nothing(), &[all]);
    // Closed, not open, obstructed, locked.
    bus.board(7).inputs = [(11, false), (25, true)].into();
    bus.run(ms(150));
    assert_eq!(as_json(&bus.whats("e0")), [online(true)], "nothing is settled yet");
    bus.run(ms(200));
    let lock = |state| json!({ "kind": "lock", "state": state, "quality": "reported" });
    let alarm = |active| json!({ "kind": "alarm", "alarm": "obstruction", "active": active, "quality": "reported" });
    assert_eq!(as_json(&bus.whats("e0")), [position("closed"), lock("locked"), alarm(true)]);
    for (input, on, expected) in [
        (12, true, alarm(false)),
        (25, false, lock("unlocked")),
        (10, true, position("opening")),
        (11, true, position("open")),
        (10, false, position("fault")),
        (10, true, position("open")),
        (11, false, position("closing")),
        (10, false, position("closed")),
    ] {
        bus.board(7).inputs.insert(input, on);
        bus.run(ms(90));
        assert_eq!(as_json(&bus.whats("e0")), [] as [Value; 0], "it may bounce");
        bus.run(ms(310));
        assert_eq!(as_json(&bus.whats("e0")), [expected]);
        bus.run(ms(2000));
        assert_eq!(bus.observations(), [], "told once");
    }
    assert_eq!(bus.sent[0].frame[..6], [7, 2, 0, 10, 0, 16], "one request for all inputs");
}

#[test]
fn a_leaf_that_does_not_arrive_has_stopped() {
    let gate = json!({
        "unit": 1,
        "closed": { "input": 0, "contact": "normally_open" },
        "open": { "input": 1, "contact": "normally_open" },
    });
    let mut bus = Bus::opened(&json!({ "travel_s": 20 }), &[gate]);
    bus.board(1).inputs.insert(0, true);
    bus.run(ms(500));
    bus.board(1).inputs.insert(0, false);
    bus.run(ms(20_000));
    assert_eq!(as_json(&bus.whats("e0"))[1..], [position("closed"), position("opening")]);
    bus.run(ms(600));
    assert_eq!(as_json(&bus.whats("e0")), [position("stopped_partial")]);
}

#[test]
fn a_bouncing_contact_tells_nothing() {
    let mut bus = Bus::opened(&nothing(), &[contact(1)]);
    bus.board(1).inputs.insert(0, true);
    bus.run(ms(500));
    bus.observations();
    let chatter = |bus: &mut Bus, count: usize| {
        for n in 0..count {
            bus.board(1).inputs.insert(0, n % 2 == 0);
            bus.run(ms(100));
        }
    };
    chatter(&mut bus, 28);
    assert_eq!(bus.observations(), []);
    // But not for ever.
    chatter(&mut bus, 200);
    assert_eq!(as_json(&bus.whats("e0")), [position("unknown")], "once");
    bus.driver.read_again("e0");
    chatter(&mut bus, 4);
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("unknown")], "asked for");
    bus.run(ms(1000));
    assert_eq!(as_json(&bus.whats("e0")), [position("open")]);
}

/// A unit that comes back is told even where nothing has changed.
#[test]
fn states_are_told_again_after_a_death() {
    let mut bus = Bus::opened(&nothing(), &[contact(1)]);
    bus.board(1).inputs.insert(0, true);
    bus.run(ms(1000));
    bus.board(1).silent = true;
    bus.run(ms(1000));
    bus.board(1).silent = false;
    bus.run(ms(3000));
    let told = as_json(&bus.whats("e0"));
    assert_eq!(
        told,
        [online(true), position("closed"), online(false), online(true), position("closed")]
    );
}

#[test]
fn exceptions_make_a_units_states_unknown() {
    for function in [1, 2] {
        let mut bus = Bus::opened(&nothing(), &[door(1), contact(2)]);
        bus.board(1).inputs.insert(0, true);
        bus.run(ms(1000));
        bus.told.clear();
        bus.board(1).refuses.insert(function, 4);
        bus.run(ms(180_000));
        let faults = bus.faults();
        assert_eq!(faults.len(), 3, "once a minute: {faults:?}");
        let (_, source, fault) = &faults[0];
        assert_eq!((source.as_str(), fault.reason), ("unit 1", RefusalReason::DeviceException));
        assert_eq!(
            fault.detail,
            format!("exception 4 (server device failure) to function {function}; count 1")
        );
        assert_eq!(fault.raw, sealed(&[1, 0x80 | function, 4]));
        assert!(faults[1].2.detail.ends_with("count 600"), "{faults:?}");
        assert_eq!(as_json(&bus.whats("e0")), [online(false), position("unknown")]);
        assert!(gaps(&bus.asked(2, 2)).iter().all(|gap| *gap <= ms(110)), "its siblings go on");

        bus.board(1).refuses.clear();
        bus.run(ms(1000));
        assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")]);
    }
}

#[test]
fn read_again_is_told_from_a_later_reading() {
    let mut bus = Bus::opened(&nothing(), &[door(1), contact(1 + 1)]);
    bus.run(ms(1000));
    bus.observations();
    // A reading is under way: it began too early.
    let count = bus.sent.len();
    while bus.sent[count..].last().is_none_or(|sent| (sent.unit(), sent.function()) != (1, 2)) {
        bus.run(ms(1));
    }
    let began = bus.now;
    bus.driver.read_again("e0");
    bus.driver.read_again("nobody");
    bus.run(ms(60));
    assert_eq!(bus.observations(), []);
    bus.run(ms(100));
    let told = std::mem::take(&mut bus.told);
    assert_eq!(told.len(), 1);
    assert!(told[0].0 > began + ms(90));
    bus.told = told;
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("open")]);
    bus.run(ms(1000));
    assert_eq!(bus.observations(), [], "once");
}

#[test]
fn read_again_survives_a_time_out_and_a_change() {
    let mut bus = Bus::opened(&nothing(), &[contact(1)]);
    bus.run(ms(1000));
    bus.observations();
    bus.driver.read_again("e0");
    bus.board(1).silent = true;
    bus.run_until_sent(bus.sent.len() + 1);
    bus.board(1).silent = false;
    bus.board(1).inputs.insert(0, true);
    bus.run(ms(1000));
    assert_eq!(
        as_json(&bus.whats("e0")),
        [position("closed"), online(true), position("closed")][1..]
    );
    // An endpoint without inputs says that it is there.
    let relay = json!({ "unit": 1, "relay": { "open": { "coil": 0, "max_hold_ms": 500 } } });
    let mut bus = Bus::opened(&nothing(), &[relay]);
    bus.run(ms(1000));
    bus.observations();
    bus.driver.read_again("e0");
    bus.run(ms(200));
    assert_eq!(as_json(&bus.whats("e0")), [online(true)]);
}

#[test]
fn a_line_that_is_gone_says_nothing() {
    let mut bus = Bus::new(&nothing(), &[contact(1)]);
    bus.run(ms(1000));
    assert_eq!((bus.sent.len(), bus.driver.deadline()), (0, None), "not open yet");
    assert_eq!(as_json(&bus.whats("e0")), [online(false)], "and nobody can be reached");
    bus.open();
    bus.board(1).inputs.insert(0, true);
    bus.run(ms(1000));
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")]);
    let sent = bus.sent.len();
    bus.driver.closed(bus.now);
    bus.noise(ms(1), &[1, 2, 3]);
    bus.run(ms(1000));
    assert_eq!((bus.sent.len(), bus.driver.deadline()), (sent, None));
    assert_eq!(bus.faults(), []);
    assert_eq!(as_json(&bus.whats("e0")), [online(false)], "once, and nothing of its door");
    bus.open();
    bus.run(ms(1000));
    assert_eq!(as_json(&bus.whats("e0")), [online(true), position("closed")], "all anew");
}

/// Whatever was told last, none is left online; and who is offline already is not told again.
#[test]
fn every_endpoint_of_a_line_that_is_gone_is_offline_once() {
    let endpoints: Vec<Value> = (1..=40).map(contact).collect();
    let mut bus = Bus::opened(&nothing(), &endpoints);
    for unit in 1..=20 {
        bus.board(unit).silent = true;
    }
    bus.run(ms(20_000));
    let whats = |bus: &mut Bus| -> Vec<Value> {
        bus.observations().into_iter().map(|o| serde_json::to_value(o.what).unwrap()).collect()
    };
    let offline = |told: &[Value]| told.iter().filter(|what| **what == online(false)).count();
    assert_eq!(offline(&whats(&mut bus)), 20);
    bus.driver.closed(bus.now);
    bus.run(ms(1000));
    assert_eq!(whats(&mut bus), vec![online(false); 20], "those that lived");
    // A line that stands for a moment only changes nothing.
    bus.open();
    bus.run(ms(1));
    bus.driver.closed(bus.now);
    bus.driver.read_again("e0");
    bus.run(ms(1000));
    assert_eq!(whats(&mut bus), [] as [Value; 0]);
}

#[test]
fn nobody_asks_and_nothing_gathers() {
    let mut bus = Bus::opened(&nothing(), &[contact(1)]);
    let driver = &mut bus.driver;
    let mut now = Duration::ZERO;
    for n in 0..2000_u32 {
        now += ms(20);
        while let Some(request) = driver.transmit(now) {
            assert_eq!(request[1], 2);
            now += ms(20);
            driver.received(now, &[0xee; 40]);
            driver.received(now, &sealed(&[1, 2, 1, u8::from(n / 100 % 2 == 0)]));
        }
    }
    let reports = driver.reports(now);
    assert_eq!(reports.len(), 2, "one for the states, one for the garbage: {reports:?}");
    assert_eq!(reports[0].observations.len(), 2);
}

#[test]
fn many_endpoints_of_one_unit_fit_into_reports() {
    let endpoints: Vec<Value> = (0..64)
        .map(|n| {
            json!({
                "unit": 1,
                "closed": { "input": 2 * n, "contact": "normally_open" },
                "open": { "input": 2 * n + 1, "contact": "normally_open" },
                "relay": { "open": { "coil": n, "max_hold_ms": 500 } },
            })
        })
        .collect();
    let mut bus = Bus::opened(&nothing(), &endpoints);
    bus.run(ms(5000));
    assert_eq!(bus.asked(1, 5).len(), 64);
    assert_eq!(bus.told.len(), 4, "64 × 2 in reports of 32");
    assert_eq!(bus.observations().len(), 128);
    bus.board(1).silent = true;
    bus.run(ms(1000));
    assert_eq!(bus.observations().len(), 64);
}

#[test]
fn devices_are_those_of_the_file() {
    let endpoints = [
        door(9),
        json!({ "unit": 2, "lock": { "input": 0, "contact": "normally_open" },
                "obstruction": { "input": 1, "contact": "normally_closed" } }),
    ];
    let devices = serde_json::to_value(Bus::new(&nothing(), &endpoints).driver.devices()).unwrap();
    assert_eq!(
        devices,
        json!([
            { "identity": "door-0", "address": "e0", "capabilities": ["position", "actuator"] },
            { "identity": "door-1", "address": "e1", "capabilities": ["lock", "obstruction"] },
        ])
    );
}

/// What was read before the exceptions says nothing of after them.
#[test]
fn states_are_settled_anew_after_exceptions() {
    let gate = json!({
        "unit": 1,
        "closed": { "input": 0, "contact": "normally_open" },
        "open": { "input": 1, "contact": "normally_open" },
    });
    let mut bus = Bus::opened(&nothing(), &[gate]);
    bus.board(1).inputs.insert(0, true);
    bus.run(ms(1000));
    bus.observations();
    bus.board(1).refuses.insert(2, 6);
    bus.run(ms(500));
    assert_eq!(as_json(&bus.whats("e0")), [online(false), position("unknown")]);
    bus.board(1).refuses.clear();
    bus.board(1).inputs.insert(0, false);
    bus.run(ms(1000));
    assert_eq!(
        as_json(&bus.whats("e0")),
        [online(true), position("unknown")],
        "not closed, not opening; and unknown is told for what was read now"
    );
}
