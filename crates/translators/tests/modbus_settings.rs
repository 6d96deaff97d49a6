//! What a vendor's file may say of Modbus boards, and which key is told where it may not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

mod modbus_line;

use doorward_translators::ecosystem::open;
use modbus_line::{contact, door, nothing, setup};
use serde_json::{Value, json};

/// The keys at which something is told, a warning with a `?` behind it; and whether it opens.
fn keys(settings: &Value, endpoints: &[Value]) -> (bool, Vec<String>) {
    let (opens, faults) = match open(&setup(settings, endpoints)) {
        Ok(opened) => (true, opened.warnings),
        Err(faults) => (false, faults),
    };
    for fault in &faults {
        assert!(!fault.message.is_empty() && !fault.remedy.is_empty(), "{fault:?}");
    }
    let key = |fault: doorward_translators::Fault| {
        if fault.warning { format!("{}?", fault.key) } else { fault.key }
    };
    (opens, faults.into_iter().map(key).collect())
}

fn input(number: i64) -> Value {
    json!({ "input": number, "contact": "normally_open" })
}

fn hold(coil: i64) -> Value {
    json!({ "coil": coil, "max_hold_ms": 500 })
}

fn pulse(function: i64, register: i64, value: i64) -> Value {
    json!({ "coil": 0, "pulse": { "function": function, "register": register, "value": value } })
}

#[test]
fn everything_at_once() {
    let endpoint = json!({
        "unit": 247,
        "closed": { "input": 65535, "contact": "normally_closed" },
        "open": input(63536),
        "obstruction": input(65000),
        "lock": input(65001),
        "relay": {
            "open": hold(0),
            "close": { "coil": 1, "max_hold_ms": 50 },
            "stop": { "coil": 2, "max_hold_ms": 10000 },
            "unlock": { "coil": 3, "pulse": { "function": 5, "register": 512, "value": 5 } },
            "lock": { "coil": 4, "pulse": { "function": 6, "register": 4, "value": 0 } },
            "toggle": hold(5),
        },
    });
    for settings in [
        nothing(),
        json!({ "poll_ms": 20, "timeout_ms": 10, "debounce_ms": 0, "travel_s": 1, "baud": 300 }),
        json!({ "poll_ms": 5000, "timeout_ms": 2000, "debounce_ms": 5000, "travel_s": 600 }),
    ] {
        assert_eq!(keys(&settings, std::slice::from_ref(&endpoint)), (true, vec![]));
    }
}

#[test]
fn settings_of_the_line() {
    for (settings, key) in [
        (json!({ "poll_ms": 19 }), "settings.poll_ms"),
        (json!({ "poll_ms": 5001 }), "settings.poll_ms"),
        (json!({ "poll_ms": -1 }), "settings.poll_ms"),
        (json!({ "poll_ms": "100" }), "settings.poll_ms"),
        (json!({ "poll_ms": 20.5 }), "settings.poll_ms"),
        (json!({ "timeout_ms": 9 }), "settings.timeout_ms"),
        (json!({ "timeout_ms": 2001 }), "settings.timeout_ms"),
        (json!({ "debounce_ms": 5001 }), "settings.debounce_ms"),
        (json!({ "travel_s": 0 }), "settings.travel_s"),
        (json!({ "travel_s": 601 }), "settings.travel_s"),
        (json!({ "baud": 0 }), "settings.baud"),
        (json!({ "baud": 1_000_001 }), "settings.baud"),
    ] {
        assert_eq!(keys(&settings, &[contact(1)]), (false, vec![key.to_owned()]), "{settings}");
    }
    assert_eq!(keys(&json!({ "pol_ms": 5 }), &[door(1)]), (true, vec!["settings.pol_ms?".into()]));
    assert_eq!(keys(&nothing(), &[]), (true, vec!["endpoint?".into()]));
}

#[test]
fn one_endpoint() {
    let no_unit = json!({ "relay": { "open": hold(0) } });
    let with = |key: &str, value: Value| json!({ "unit": 1, key: value });
    let relay = |role: &str, value: Value| json!({ "unit": 1, "relay": { role: value } });
    for (endpoint, expected) in [
        (no_unit, "endpoint.0.unit"),
        (json!({ "unit": 0, "closed": input(0) }), "endpoint.0.unit"),
        (json!({ "unit": 248, "closed": input(0) }), "endpoint.0.unit"),
        (json!({ "unit": 257, "closed": input(0) }), "endpoint.0.unit"),
        (json!({ "unit": 1 }), "endpoint.0"),
        (json!({ "unit": 1, "relay": {} }), "endpoint.0"),
        (with("closed", json!({ "input": 0 })), "endpoint.0.closed.contact"),
        (with("lock", json!({ "contact": "normally_open" })), "endpoint.0.lock.input"),
        (with("open", input(65536)), "endpoint.0.open.input"),
        (with("open", input(-1)), "endpoint.0.open.input"),
        (
            with("obstruction", json!({ "input": 0, "contact": "closed" })),
            "endpoint.0.obstruction.contact",
        ),
        (relay("open", json!({ "max_hold_ms": 500 })), "endpoint.0.relay.open.coil"),
        (relay("open", hold(65536)), "endpoint.0.relay.open.coil"),
        (relay("close", json!({ "coil": 0 })), "endpoint.0.relay.close"),
        (
            relay("stop", json!({ "coil": 0, "max_hold_ms": 49 })),
            "endpoint.0.relay.stop.max_hold_ms",
        ),
        (
            relay("stop", json!({ "coil": 0, "max_hold_ms": 10001 })),
            "endpoint.0.relay.stop.max_hold_ms",
        ),
        (
            relay(
                "lock",
                json!({ "coil": 0, "max_hold_ms": 500, "pulse":
                { "function": 5, "register": 512, "value": 5 } }),
            ),
            "endpoint.0.relay.lock",
        ),
        (relay("open", pulse(15, 0, 5)), "endpoint.0.relay.open.pulse.function"),
        (relay("open", pulse(4, 0, 5)), "endpoint.0.relay.open.pulse.function"),
        (relay("open", pulse(6, 65536, 5)), "endpoint.0.relay.open.pulse.register"),
        (relay("open", pulse(6, 0, 65536)), "endpoint.0.relay.open.pulse.value"),
        (relay("open", pulse(5, 0, 0xff00)), "endpoint.0.relay.open.pulse.value"),
        (relay("open", pulse(5, 0, 0)), "endpoint.0.relay.open.pulse.value"),
        (relay("open", pulse(5, 0, 0x5500)), "endpoint.0.relay.open.pulse.value"),
        (
            relay("open", json!({ "coil": 0, "pulse": { "function": 5, "value": 5 } })),
            "endpoint.0.relay.open.pulse.register",
        ),
        (relay("toggle", hold(0)), "endpoint.0.relay.toggle"),
        (
            json!({ "unit": 1, "closed": input(0), "relay": { "toggle": hold(0) } }),
            "endpoint.0.relay.toggle",
        ),
        (
            json!({ "unit": 1, "open": input(0), "relay": { "toggle": hold(0) } }),
            "endpoint.0.relay.toggle",
        ),
        (json!({ "unit": "1", "closed": input(0) }), "endpoint.0.unit"),
    ] {
        assert_eq!(
            keys(&nothing(), std::slice::from_ref(&endpoint)),
            (false, vec![expected.to_owned()]),
            "{endpoint}"
        );
    }
}

#[test]
fn keys_that_nothing_reads_are_warnings() {
    let endpoint = json!({
        "unit": 1,
        "closd": input(0),
        "closed": { "input": 0, "contact": "normally_open", "invert": true },
        "relay": { "opne": hold(0), "open": { "coil": 1, "max_hold_ms": 500, "hold": 5 } },
    });
    let (opens, mut found) = keys(&nothing(), &[endpoint]);
    found.sort();
    let expected = [
        "endpoint.0.closd?",
        "endpoint.0.closed.invert?",
        "endpoint.0.relay.open.hold?",
        "endpoint.0.relay.opne?",
    ];
    assert!(opens);
    assert_eq!(found, expected);
}

#[test]
fn between_roles_and_endpoints() {
    let relays = |roles: Value| json!({ "unit": 1, "relay": roles });
    let limits = |closed, open| json!({ "unit": 1, "closed": input(closed), "open": input(open) });
    for (name, endpoints, expected) in [
        ("two roles, one input", vec![limits(3, 3)], "endpoint.0.open.input"),
        ("two endpoints, one input", vec![limits(0, 1), limits(2, 1)], "endpoint.1.open.input"),
        (
            "two endpoints, one coil",
            vec![door(1), relays(json!({ "stop": hold(0) }))],
            "endpoint.1.relay.stop.coil",
        ),
        (
            "open and close on one coil are a toggle",
            vec![relays(json!({ "open": hold(4), "close": hold(4) }))],
            "endpoint.0.relay.close.coil",
        ),
        (
            "two relays, one pulse",
            vec![
                relays(json!({ "open": pulse(5, 512, 5) })),
                relays(json!({ "open": { "coil": 1, "pulse":
                    { "function": 5, "register": 512, "value": 5 } } })),
            ],
            "endpoint.1.relay.open.pulse.value",
        ),
        ("inputs too far apart", vec![limits(2000, 0)], "endpoint.0.closed.input"),
        (
            "coils too far apart",
            vec![relays(json!({ "open": hold(10) })), relays(json!({ "open": hold(2010) }))],
            "endpoint.1.relay.open.coil",
        ),
    ] {
        assert_eq!(keys(&nothing(), &endpoints), (false, vec![expected.to_owned()]), "{name}");
    }
    let apart = [limits(1999, 0), relays(json!({ "open": hold(0), "close": hold(1999) })), door(2)];
    assert_eq!(keys(&nothing(), &apart), (true, vec![]), "as far as one request reaches");
}

#[test]
fn the_most_endpoints() {
    let endpoints = |count: u8| -> Vec<Value> { (1..=count).map(contact).collect() };
    assert_eq!(keys(&nothing(), &endpoints(64)), (true, vec![]));
    assert_eq!(keys(&nothing(), &endpoints(65)), (false, vec!["endpoint.64".to_owned()]));
}

#[test]
fn every_fault_is_told_at_once() {
    let endpoints = [
        json!({ "unit": 0, "closed": { "input": 0 }, "relay": { "open": { "coil": 0 } } }),
        json!({ "unit": 1 }),
    ];
    let (opens, found) = keys(&json!({ "poll_ms": 1, "travel_s": 0 }), &endpoints);
    assert!(!opens);
    assert_eq!(
        found,
        [
            "settings.poll_ms",
            "settings.travel_s",
            "endpoint.0.unit",
            "endpoint.0.closed.contact",
            "endpoint.0.relay.open",
            "endpoint.1",
        ]
    );
}
