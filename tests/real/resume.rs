//! What the broker keeps (retained messages) and hands over again (a session) is told once.

use crate::support::broker::{Broker, SHIPPED};
use crate::support::client::Client;
use crate::support::device::{act, topic};
use crate::support::gateway::{Gateway, Setup, eventbridge, lock};
use crate::support::sink::Sink;

/// What must not come a second time: every sort of event that a device's message can make.
const TOLD_ONCE: [&str; 9] = [
    "alarm.raised",
    "endpoint.battery_changed",
    "endpoint.discovered",
    "endpoint.offline",
    "endpoint.online",
    "entry.attribution_updated",
    "entry.lock_changed",
    "entry.position_changed",
    "event.quarantined",
];

const CLIENT_ID: &str = "doorward-zigbee2mqtt";

fn told(sink: &Sink) -> Vec<(&'static str, usize)> {
    TOLD_ONCE.iter().map(|kind| (*kind, sink.of_type(kind).len())).collect()
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
    let first = told(&sink);
    for (kind, count) in &first {
        let expected = usize::from(*kind != "endpoint.offline");
        assert!(*count >= expected, "{kind} was told {count} times at first: {first:?}");
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
        crate::support::wait_for("the act", std::time::Duration::from_secs(30), || {
            let of_door =
                |entry: &crate::support::sink::Entry| entry.detail["entry_id"] == "door-0";
            let moved = sink.of_type("entry.position_changed").into_iter().filter(of_door);
            (moved.count() == acts).then_some(())
        });
        gateway.drained();
        let now: Vec<_> = told(&sink)
            .into_iter()
            .map(|(kind, count)| {
                (kind, if kind == "entry.position_changed" { count + 1 - acts } else { count })
            })
            .collect();
        assert_eq!(now, first, "start {start}, session {session}");
    }
}
