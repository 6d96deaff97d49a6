//! The profiles that come with doorward, in what their fixtures do not show: what is sent to their
//! devices, what they list, and how a message is known again.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its helpers too"
)]

use std::time::Duration;

use doorward_translators::profile;
use doorward_translators::{
    Act, CannotAct, Capability, EndpointSetup, Message, Publication, Setup, Translator, Wire,
};
use serde_json::{Value, json};

fn translator(ecosystem: &str, address: &str, settings: Value) -> Box<dyn Translator> {
    let Value::Object(settings) = settings else { panic!("a table") };
    let endpoint =
        EndpointSetup { identity: "it".to_owned(), address: address.to_owned(), settings };
    let setup =
        Setup { ecosystem: ecosystem.to_owned(), endpoints: vec![endpoint], ..Setup::default() };
    match profile::open(&setup).unwrap_or_else(|faults| panic!("{faults:#?}")).wire {
        Wire::Mqtt(translator) => translator,
        Wire::Serial(_) => panic!("a profile speaks MQTT"),
    }
}

fn sent(publication: &Publication) -> (&str, &str) {
    (&publication.topic, std::str::from_utf8(&publication.payload).unwrap())
}

/// Topic and payload of every act; an act that is not here has no safe form.
#[test]
fn acts() {
    type Acts<'a> = &'a [(Act, &'a str, &'a str)];
    let cover = |method: &str| {
        format!(r#"{{"id":1,"src":"doorward","method":"Cover.{method}","params":{{"id":1}}}}"#)
    };
    let switch = |on: bool| {
        format!(
            r#"{{"id":1,"src":"doorward","method":"Switch.Set","params":{{"id":0,"on":{on}}}}}"#
        )
    };
    let (open, close, stop) = (cover("Open"), cover("Close"), cover("Stop"));
    let (on, off) = (switch(true), switch(false));
    let table: &[(&str, &str, Value, Acts<'_>)] = &[
        (
            "ratgdo",
            "home/garage",
            json!({}),
            &[
                (Act::Open, "home/garage/command/door", "open"),
                (Act::Close, "home/garage/command/door", "close"),
                (Act::Stop, "home/garage/command/door", "stop"),
            ],
        ),
        (
            "esphome",
            "gate/lock/a",
            json!({"kind": "lock"}),
            &[
                (Act::Lock, "gate/lock/a/command", "LOCK"),
                (Act::Unlock, "gate/lock/a/command", "UNLOCK"),
            ],
        ),
        ("esphome", "gate/lock/a", json!({"kind": "remote_lockout"}), &[]),
        (
            "esphome",
            "gate/cover/a",
            json!({}),
            &[
                (Act::Open, "gate/cover/a/command", "OPEN"),
                (Act::Close, "gate/cover/a/command", "CLOSE"),
                (Act::Stop, "gate/cover/a/command", "STOP"),
            ],
        ),
        ("esphome", "gate/event/a", json!({}), &[]),
        (
            "opengarage",
            "OG",
            json!({}),
            &[(Act::Open, "OG/IN/STATE", "open"), (Act::Close, "OG/IN/STATE", "close")],
        ),
        (
            "tasmota",
            "s/POWER",
            json!({}),
            &[(Act::Lock, "cmnd/s/POWER", "OFF"), (Act::Unlock, "cmnd/s/POWER", "ON")],
        ),
        (
            "tasmota",
            "s/POWER3",
            json!({"relay_on": "locked", "full_topic": "topic_first"}),
            &[(Act::Lock, "s/cmnd/POWER3", "ON"), (Act::Unlock, "s/cmnd/POWER3", "OFF")],
        ),
        (
            "tasmota",
            "g/Shutter2",
            json!({}),
            &[
                (Act::Open, "cmnd/g/ShutterPosition2", "100"),
                (Act::Close, "cmnd/g/ShutterPosition2", "0"),
                (Act::Stop, "cmnd/g/ShutterStop2", "1"),
            ],
        ),
        (
            "shelly",
            "x/cover:1",
            json!({}),
            &[
                (Act::Open, "x/rpc", &open),
                (Act::Close, "x/rpc", &close),
                (Act::Stop, "x/rpc", &stop),
            ],
        ),
        (
            "shelly",
            "x/switch:0",
            json!({}),
            &[(Act::Lock, "x/rpc", &off), (Act::Unlock, "x/rpc", &on)],
        ),
        (
            "shelly",
            "x/switch:0",
            json!({"relay_on": "locked"}),
            &[(Act::Lock, "x/rpc", &on), (Act::Unlock, "x/rpc", &off)],
        ),
        ("shelly", "x/input:0", json!({"contact": "on_when_open"}), &[]),
    ];
    for (ecosystem, address, settings, acts) in table {
        let translator = translator(ecosystem, address, settings.clone());
        for act in Act::ALL {
            let expected = acts.iter().find(|(known, _, _)| known == act);
            match (translator.command(address, *act), expected) {
                (Ok(publication), Some((_, topic, payload))) => {
                    assert_eq!(sent(&publication), (*topic, *payload), "{ecosystem} {act}");
                }
                (Err(error), None) => assert_eq!(error, CannotAct::NoSafeForm(*act)),
                (found, _) => panic!("{ecosystem} {address} {act}: {found:?}"),
            }
        }
    }
}

/// A question that puts all to unknown, or needs the device set up for it, is asked only when the
/// endpoint says so.
#[test]
fn questions() {
    let asked = json!({"ask": true});
    for (ecosystem, address, settings, expected) in [
        ("ratgdo", "a", asked.clone(), Some(("a/command/door", "query"))),
        ("ratgdo", "a", json!({}), None),
        ("ratgdo", "a", json!({"ask": false}), None),
        ("shelly", "x/cover:0", asked.clone(), Some(("x/command/cover:0", "status_update"))),
        ("shelly", "x/cover:0", json!({}), None),
        ("shelly", "x/switch:2", asked, Some(("x/command/switch:2", "status_update"))),
        ("tasmota", "s/POWER", json!({}), Some(("cmnd/s/STATUS", "11"))),
        ("tasmota", "g/Shutter1", json!({}), Some(("cmnd/g/STATUS", "10"))),
        ("esphome", "gate/cover/a", json!({}), None),
        ("opengarage", "OG", json!({}), None),
    ] {
        let translator = translator(ecosystem, address, settings);
        let request = translator.read_request(address);
        assert_eq!(request.as_ref().map(sent), expected, "{ecosystem} {address}");
        assert_eq!(translator.read_request("another"), None);
    }
    let delay = |settings| translator("ratgdo", "a", settings).read_delay();
    assert_eq!(delay(json!({"ask": true})), Duration::from_secs(12));
    assert_eq!(delay(json!({})), Duration::ZERO);
}

#[test]
fn devices() {
    use Capability::{Actuator, Lock, Obstruction, Operation, Position};
    for (ecosystem, address, settings, manufacturer, capabilities) in [
        ("ratgdo", "a", json!({}), "ratgdo", &[Position, Actuator, Obstruction][..]),
        ("esphome", "g/lock/a", json!({"kind": "lock"}), "ESPHome", &[Lock, Actuator]),
        ("esphome", "g/lock/a", json!({"kind": "remote_lockout"}), "ESPHome", &[]),
        ("esphome", "g/event/a", json!({}), "ESPHome", &[Operation]),
        ("tasmota", "s/POWER", json!({}), "Tasmota", &[Lock, Actuator]),
        ("shelly", "x/input:0", json!({"contact": "on_when_open"}), "Shelly", &[Position]),
    ] {
        let devices = translator(ecosystem, address, settings).devices();
        assert_eq!(devices.len(), 1);
        assert_eq!((devices[0].identity.as_str(), devices[0].address.as_str()), ("it", address));
        assert_eq!(devices[0].manufacturer.as_deref(), Some(manufacturer));
        assert_eq!(devices[0].capabilities, capabilities, "{ecosystem} {address}");
    }
}

/// The device sends at least once: a message that comes again is the same by its method and its
/// parameters, whose time is in them. Two components that change at one time are two messages.
#[test]
fn a_notification_is_known_again() {
    let translator = translator("shelly", "x/cover:0", json!({}));
    let key = |payload: &str| {
        let message =
            Message { topic: "x/events/rpc", payload: payload.as_bytes(), retained: false };
        translator.dedup_key(&message)
    };
    let open = r#"{"method":"NotifyStatus","params":{"ts":5.5,"cover:0":{"state":"open"}}}"#;
    let again = r#"{ "dst": "y", "method": "NotifyStatus", "params": {"ts": 5.5, "cover:0": {"state": "open"}}}"#;
    assert!(key(open).is_some());
    assert_eq!(key(open), key(again));
    for other in [
        open.replace("5.5", "5.6"),
        open.replace("cover:0", "input:0"),
        open.replace("open", "closed"),
        open.replace("NotifyStatus", "NotifyEvent"),
    ] {
        assert_ne!(key(open), key(&other), "{other}");
    }
    assert_eq!(key(r#"{"method":"NotifyStatus"}"#), None);
    assert_eq!(key("{"), None);
    let status = Message { topic: "x/status/cover:0", payload: open.as_bytes(), retained: false };
    assert_ne!(translator.dedup_key(&status), key(open), "the topic is part of it");
}

/// No code of its own is needed for deltas: laid one over the other, what the messages say is the
/// state, whatever they leave out.
#[test]
fn deltas_say_only_what_is_in_them() {
    let translator = translator("shelly", "x/cover:0", json!({}));
    let mut state: std::collections::BTreeMap<String, Value> = std::collections::BTreeMap::new();
    for (delta, position, obstruction) in [
        (json!({"state": "closed"}), Some("closed"), None),
        (json!({"apower": 0.0}), Some("closed"), None),
        (json!({"state": "opening", "source": "MQTT"}), Some("opening"), None),
        (json!({"apower": 120.5, "current": 0.6}), Some("opening"), None),
        (json!({"errors": ["obstruction"]}), Some("opening"), Some(true)),
        (json!({"state": "stopped"}), Some("stopped_partial"), Some(true)),
        (json!({"voltage": 231.0}), Some("stopped_partial"), Some(true)),
        (json!({"errors": []}), Some("stopped_partial"), Some(false)),
        (json!({"state": "open", "current_pos": 100}), Some("open"), Some(false)),
    ] {
        let payload = json!({"method": "NotifyStatus", "params": {"ts": 1.0, "cover:0": delta}});
        let payload = payload.to_string();
        let message =
            Message { topic: "x/events/rpc", payload: payload.as_bytes(), retained: false };
        for observation in translator.translate(&message).unwrap() {
            let what = serde_json::to_value(&observation.what).unwrap();
            state.insert(what["kind"].as_str().unwrap().to_owned(), what);
        }
        let said = |kind: &str, member: &str| state.get(kind).map(|what| what[member].clone());
        assert_eq!(said("position", "position"), position.map(Value::from), "{delta}");
        assert_eq!(said("alarm", "active"), obstruction.map(Value::from), "{delta}");
    }
}
