//! What the broker keeps (retained messages) and hands over again (a session) is told once.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::broker::{Broker, SHIPPED};
use crate::support::client::Client;
use crate::support::device::{act, topic};
use crate::support::gateway::{Gateway, Setup, eventbridge, lock};
use crate::support::sink::{Entry, Sink};
use crate::support::wait_for;

/// What a device's message can make.
const OF_DEVICES: [&str; 8] = [
    "alarm.raised",
    "endpoint.battery_changed",
    "endpoint.discovered",
    "endpoint.online",
    "entry.attribution_updated",
    "entry.lock_changed",
    "entry.position_changed",
    "event.quarantined",
];

const CLIENT_ID: &str = "doorward-zigbee2mqtt";

/// How often each thing was told, but for the acts at the first door.
fn told(sink: &Sink) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for kind in OF_DEVICES {
        for Entry { detail, .. } in sink.of_type(kind) {
            if detail["entry_id"] != "door-0" {
                let what = format!("{kind} {} {}", detail["endpoint_id"], detail["data"]);
                *told.entry(what).or_default() += 1;
            }
        }
    }
    told
}

#[test]
fn what_the_broker_keeps_is_told_once_over_any_number_of_starts() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let sink = Sink::start();
    let device = Client::connect(broker.port, "zigbee2mqtt", &["zigbee2mqtt/front_lock/get"]);
    let (entry, endpoint) = lock("front", "0x000000000000f00d", "front_lock");
    let mut gateway = Gateway::start(&Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: 2,
        bus: eventbridge("test", sink.port) + &entry,
        mqtt: endpoint,
    });
    device.hears("zigbee2mqtt/front_lock/get", 0);
    // Devices with zigbee2mqtt's option `retain` and without a time of their own: nothing but
    // the retained flag tells a message kept from a new one.
    let inventory =
        br#"[{"ieee_address":"0x000000000000f00d","friendly_name":"front_lock","supported":true,
        "definition":{"model":"YRD","vendor":"Yale","exposes":[{"type":"lock","features":[]}]}}]"#;
    for (topic, payload) in [
        ("zigbee2mqtt/bridge/devices", &inventory[..]),
        ("zigbee2mqtt/bridge/state", br#"{"state":"online"}"#),
        ("zigbee2mqtt/front_lock/availability", br#"{"state":"online"}"#),
        (&topic(1), br#"{"contact":false,"tamper":true,"battery":50}"#),
        ("zigbee2mqtt/front_lock", br#"{"action":"unlock","action_user":3,"lock_state":"locked"}"#),
        ("zigbee2mqtt/unknown_device", br#"{"contact":true}"#),
    ] {
        assert!(device.leave(topic, payload).is_taken());
    }
    // Told live before it is kept: `state` beside an action is not read, so alone.
    assert!(device.tell("zigbee2mqtt/front_lock", br#"{"lock_state":"unlocked"}"#).is_taken());
    let mut acts = act(&device, 0..1, 1..=1).len();
    sink.gets("entry.position_changed", |entry| entry.detail["entry_id"] == "door-0");
    gateway.drained();
    for kind in OF_DEVICES {
        let first = told(&sink);
        assert!(first.keys().any(|what| what.starts_with(kind)), "{kind}: {first:#?}");
    }
    // A gateway killed, one stopped, both with their session; then one whose session is gone, to
    // which the broker hands over all that it keeps.
    for (start, session) in [(1, true), (2, true), (3, false)] {
        if start == 1 {
            gateway.kill();
        } else {
            assert!(gateway.stop().success());
        }
        if !session {
            // Another client under our name ends our session.
            drop(Client::connect(broker.port, CLIENT_ID, &[]));
        }
        let heard = device.heard().len();
        gateway.up();
        assert_eq!(gateway.connected_again(start), session);
        device.hears("zigbee2mqtt/front_lock/get", heard);
        // This act is handled after everything that the broker had.
        let number = u64::try_from(start).unwrap() + 1;
        acts += act(&device, 0..1, number..=number).len();
        sink.gets("gateway.started", |_| sink.of_type("gateway.started").len() == start + 1);
        wait_for("the act", Duration::from_secs(60), || {
            let of_door = |entry: &Entry| entry.detail["entry_id"] == "door-0";
            let moved = sink.of_type("entry.position_changed").into_iter().filter(of_door);
            (moved.count() == acts).then_some(())
        });
        gateway.drained();
        for (what, times) in told(&sink) {
            assert_eq!(times, 1, "start {start}, session {session}: {what}");
        }
    }
}
