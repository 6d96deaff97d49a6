//! Every way in which a command over MQTT goes on and ends, and what of it is on the wire.

use std::time::{Duration, Instant};

use doorward::domain::ids::EndpointId;
use doorward::link::{CommandOrder, CommandProgress, CommandRefusal, CoreFrame};
use doorward_translators::Act;
use serde_json::json;
use uuid::Uuid;

use super::process::{Vendor, setup, zigbee2mqtt};
use super::proxy::{Cut, Proxy};
use crate::support::broker::{Broker, SHIPPED};
use crate::support::certificates::Certificates;
use crate::support::client::Client;
use crate::support::gateway::signal;

pub const LONG: Duration = Duration::from_secs(20);

pub fn rejected(reason: CommandRefusal) -> CommandProgress {
    CommandProgress::Rejected { reason }
}

/// What stands in a PUBLISH (MQTT 5 §3.3).
#[derive(Debug, PartialEq, Eq)]
pub struct Published {
    pub duplicate: bool,
    pub qos: u8,
    pub retain: bool,
    pub topic: String,
    pub expiry: Option<u32>,
    pub payload: Vec<u8>,
}

/// Takes one apart whose lengths fit one byte each.
pub fn published(packet: &[u8]) -> Published {
    let first = packet[0];
    assert!(packet[1] < 0x80, "a short packet");
    let length = usize::from(u16::from_be_bytes([packet[2], packet[3]]));
    let topic = String::from_utf8(packet[4..4 + length].to_vec()).unwrap();
    let rest = &packet[4 + length + 2..];
    let (properties, payload) = rest[1..].split_at(usize::from(rest[0]));
    let expiry = match properties {
        [2, a, b, c, d] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        [] => None,
        other => panic!("another property: {other:?}"),
    };
    Published {
        duplicate: first & 8 != 0,
        qos: first >> 1 & 3,
        retain: first & 1 != 0,
        topic,
        expiry,
        payload: payload.to_vec(),
    }
}

#[test]
fn acknowledged_and_what_is_on_the_wire() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let proxy = Proxy::start(broker.port);
    let device = Client::connect(broker.port, "device", &["zigbee2mqtt/+/set"]);
    let vendor = Vendor::mqtt(folder.path(), "z", proxy.port, zigbee2mqtt());
    vendor.ready(1);
    for (act, payload) in [(Act::Unlock, "UNLOCK"), (Act::Lock, "LOCK")] {
        let so_far = device.heard().len();
        let id = vendor.give("front", act, Duration::from_millis(7900));
        assert_eq!(vendor.end(id), (true, CommandProgress::Acknowledged));
        let heard = device.hears("zigbee2mqtt/front/set", so_far);
        assert_eq!(heard.payload, format!("{{\"state\":\"{payload}\"}}").as_bytes());
    }
    let seen = proxy.seen();
    assert_eq!(seen.len(), 1, "one connection, made ahead of time");
    assert_eq!((seen[0].publishes.len(), seen[0].subscribes), (2, 0));
    let first = published(&seen[0].publishes[0]);
    assert_eq!(
        first,
        Published {
            duplicate: false,
            qos: 1,
            retain: false,
            topic: "zigbee2mqtt/front/set".to_owned(),
            expiry: Some(7),
            payload: b"{\"state\":\"UNLOCK\"}".to_vec(),
        }
    );
    // CONNECT: flags and keep-alive behind the protocol's name and version, then the properties.
    let connect = &seen[0].connect;
    assert_eq!(&connect[2..9], b"\0\x04MQTT\x05");
    assert_eq!(connect[9] & 0b10, 0b10, "clean start");
    assert_eq!(connect[9] & 0b100, 0, "no will");
    let properties = &connect[13..13 + usize::from(connect[12])];
    assert!(properties.windows(5).any(|five| five == [17, 0, 0, 0, 0]), "no session is kept");
    assert!(connect.ends_with(b"doorward-z-command"));
    // Nothing is kept by the broker either: a late subscriber hears nothing.
    let late = Client::connect(broker.port, "late", &["zigbee2mqtt/+/set"]);
    late.tell("zigbee2mqtt/mark/set", b"{}");
    late.hears("zigbee2mqtt/mark/set", 0);
    assert_eq!(late.heard().len(), 1);
}

#[test]
fn what_has_no_form_or_no_device_is_not_sent() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let witness = Client::connect(broker.port, "witness", &["#"]);
    let vendor = Vendor::mqtt(folder.path(), "z", broker.port, zigbee2mqtt());
    let listed = setup("ratgdo", &json!({}), &[("g1", "home/left", json!({}))]);
    let garage = Vendor::mqtt(folder.path(), "garage", broker.port, listed);
    vendor.ready(1);
    garage.ready(1);
    for act in [Act::Open, Act::Close, Act::Stop] {
        let id = vendor.give("front", act, LONG);
        assert_eq!(vendor.end(id), (false, rejected(CommandRefusal::NoSafeForm)));
    }
    for address in ["a/set/b", "a#", "bridge/request/permit_join", "/a", "+"] {
        let id = vendor.give(address, Act::Unlock, LONG);
        assert_eq!(vendor.end(id), (false, rejected(CommandRefusal::UnknownDevice)), "{address}");
    }
    // One of the list, under another's address, and one that is not listed.
    for (identity, address) in
        [("g1", "home/right"), ("g2", "home/left"), ("home/left", "home/left")]
    {
        let id = Uuid::now_v7();
        let endpoint = EndpointId::new(format!("garage:{identity}"));
        let order = CommandOrder::now(id, endpoint, address.to_owned(), Act::Open, LONG);
        garage.send(&CoreFrame::Command(order));
        assert_eq!(garage.end(id), (false, rejected(CommandRefusal::UnknownDevice)), "{identity}");
    }
    assert!(witness.heard().is_empty(), "{:?}", witness.heard());
}

#[test]
fn a_command_for_another_vendors_device_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let witness = Client::connect(broker.port, "witness", &["#"]);
    let mut vendor = Vendor::mqtt(folder.path(), "z", broker.port, zigbee2mqtt());
    vendor.ready(1);
    let endpoint = EndpointId::new("other:0x1");
    let order = CommandOrder::now(Uuid::now_v7(), endpoint, "front".to_owned(), Act::Unlock, LONG);
    vendor.send(&CoreFrame::Command(order));
    assert!(!vendor.ended().success());
    assert!(vendor.log().contains("no endpoint of this vendor"));
    assert!(witness.heard().is_empty());
}

#[test]
fn too_little_time_left_is_too_late() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let proxy = Proxy::start(broker.port);
    let vendor = Vendor::mqtt(folder.path(), "z", proxy.port, zigbee2mqtt());
    vendor.ready(1);
    for left in [0, 1, 500, 999] {
        let id = vendor.give("front", Act::Unlock, Duration::from_millis(left));
        assert_eq!(vendor.end(id), (false, rejected(CommandRefusal::TooLate)), "{left}");
    }
    let id = vendor.give("front", Act::Unlock, Duration::from_millis(1900));
    assert_eq!(vendor.end(id), (true, CommandProgress::Acknowledged));
    let seen = proxy.seen();
    let expiries: Vec<_> =
        seen[0].publishes.iter().map(|packet| published(packet).expiry).collect();
    assert_eq!(expiries, [Some(1)]);
}

/// What a stopped process finds when it goes on is as old as it is.
#[test]
fn a_process_that_stood_still_takes_no_old_command_for_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let device = Client::connect(broker.port, "device", &["zigbee2mqtt/+/set"]);
    let vendor = Vendor::mqtt(folder.path(), "z", broker.port, zigbee2mqtt());
    vendor.ready(1);
    assert!(signal(vendor.pid(), "STOP"));
    let begun = Instant::now();
    let id = vendor.give("front", Act::Unlock, Duration::from_millis(1200));
    crate::support::wait_for("its time is over", LONG, || {
        (begun.elapsed() >= Duration::from_millis(1250)).then_some(())
    });
    assert!(signal(vendor.pid(), "CONT"));
    assert_eq!(vendor.end(id), (false, rejected(CommandRefusal::TooLate)));
    let id = vendor.give("mark", Act::Unlock, LONG);
    assert_eq!(vendor.end(id), (true, CommandProgress::Acknowledged));
    device.hears("zigbee2mqtt/mark/set", 0);
    assert_eq!(device.heard().len(), 1);
}

#[test]
fn without_a_connection_it_is_refused_at_once_and_nothing_is_queued() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let vendor = Vendor::mqtt(folder.path(), "z", broker.port, zigbee2mqtt());
    vendor.ready(1);
    broker.kill();
    let first = vendor.give("front", Act::Unlock, LONG);
    // The end of the connection may still be on its way: then it was written.
    let (dispatched, end) = vendor.end(first);
    if dispatched {
        assert_eq!(end, CommandProgress::Indeterminate);
    } else {
        assert_eq!(end, rejected(CommandRefusal::NotConnected));
    }
    for _ in 0..5 {
        let begun = Instant::now();
        let id = vendor.give("front", Act::Unlock, LONG);
        assert_eq!(vendor.end(id), (false, rejected(CommandRefusal::NotConnected)));
        assert!(begun.elapsed() < Duration::from_secs(2), "at once: {:?}", begun.elapsed());
    }
    broker.up();
    let device = Client::connect(broker.port, "device", &["zigbee2mqtt/+/set"]);
    vendor.ready(2);
    let id = vendor.give("mark", Act::Lock, LONG);
    assert_eq!(vendor.end(id), (true, CommandProgress::Acknowledged));
    device.hears("zigbee2mqtt/mark/set", 0);
    assert_eq!(device.heard().len(), 1, "what was refused never comes: {:?}", device.heard());
}

#[test]
fn a_broker_that_does_not_let_us_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("broker");
    std::fs::create_dir_all(&place).unwrap();
    let acl = place.join("acl");
    std::fs::write(&acl, "topic read #\ntopic write zigbee2mqtt/back/set\n").unwrap();
    let settings = format!("{SHIPPED}acl_file {}\n", acl.display());
    let broker = Broker::start(&place, &settings, false);
    let vendor = Vendor::mqtt(folder.path(), "z", broker.port, zigbee2mqtt());
    vendor.ready(1);
    let id = vendor.give("front", Act::Unlock, LONG);
    assert_eq!(vendor.end(id), (true, rejected(CommandRefusal::RefusedByBroker)));
    let id = vendor.give("back", Act::Unlock, LONG);
    assert_eq!(vendor.end(id), (true, CommandProgress::Acknowledged), "the line goes on");
}

/// With the settings and the ACL that we ship: a vendor's user commands its own devices, and none of
/// another's.
#[test]
fn the_shipped_acl_lets_a_vendor_command_its_own_devices_alone() {
    let folder = tempfile::tempdir().unwrap();
    let own = "doorward-zigbee2mqtt";
    let clients = [own, "doorward-other", "zigbee2mqtt"];
    let certificates = Certificates::make(&folder.path().join("certificates"), &clients);
    let acl = "user doorward-other\ntopic read other/#\ntopic write other/+/set\n";
    let broker = Broker::shipped(&folder.path().join("broker"), &certificates, acl);
    let vendor =
        |user: &str| Vendor::tls(folder.path(), broker.port, &certificates, user, zigbee2mqtt());
    let bridge = Client::connect_tls(
        broker.port,
        "bridge",
        certificates.client("zigbee2mqtt"),
        &["zigbee2mqtt/+/set"],
    );
    let (mine, other) = (vendor(own), vendor("doorward-other"));
    mine.ready(1);
    other.ready(1);
    let id = other.give("front", Act::Unlock, LONG);
    assert_eq!(other.end(id), (true, rejected(CommandRefusal::RefusedByBroker)));
    let id = mine.give("front", Act::Unlock, LONG);
    assert_eq!(mine.end(id), (true, CommandProgress::Acknowledged));
    bridge.hears("zigbee2mqtt/front/set", 0);
    assert_eq!(bridge.heard().len(), 1);
}

/// A bridge that is away, with a session at the broker: what waits for it there is dropped in time.
#[test]
fn the_broker_drops_what_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let vendor = Vendor::mqtt(folder.path(), "z", broker.port, zigbee2mqtt());
    vendor.ready(1);
    // A bridge of MQTT 3.1.1 whose session stays.
    let bridge = |clean: bool| bridge(broker.port, clean);
    drop(bridge(false));
    let short = vendor.give("front", Act::Unlock, Duration::from_millis(1500));
    assert_eq!(vendor.end(short), (true, CommandProgress::Acknowledged));
    let given = Instant::now();
    let long = vendor.give("back", Act::Unlock, Duration::from_secs(30));
    assert_eq!(vendor.end(long), (true, CommandProgress::Acknowledged));
    crate::support::wait_for("its time is over", LONG, || {
        (given.elapsed() >= Duration::from_millis(2500)).then_some(())
    });
    let heard = bridge(false);
    assert_eq!(heard, ["zigbee2mqtt/back/set"], "the one that is not over, and no other");
}

/// Connects as a bridge with a session of its own, subscribes, and gives what comes until a mark.
fn bridge(port: u16, clean: bool) -> Vec<String> {
    use rumqttc::{Event, MqttOptions, Packet, QoS};
    let mut options = MqttOptions::new("bridge", "127.0.0.1", port);
    options.set_clean_session(clean);
    let (client, mut events) = rumqttc::Client::new(options, 10);
    client.subscribe("zigbee2mqtt/+/set", QoS::AtLeastOnce).unwrap();
    client.publish("zigbee2mqtt/mark/set", QoS::AtLeastOnce, false, "{}").unwrap();
    let mut heard = Vec::new();
    for event in events.iter() {
        match event.unwrap() {
            Event::Incoming(Packet::Publish(publish)) if publish.topic.ends_with("/mark/set") => {
                client.disconnect().unwrap();
            }
            Event::Incoming(Packet::Publish(publish)) => heard.push(publish.topic),
            Event::Outgoing(rumqttc::Outgoing::Disconnect) => break,
            _ => {}
        }
    }
    heard
}

/// The proxy itself does no harm.
#[test]
fn a_proxy_that_cuts_nothing_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let proxy = Proxy::start(broker.port);
    let vendor = Vendor::mqtt(folder.path(), "z", proxy.port, zigbee2mqtt());
    vendor.ready(1);
    proxy.next(Cut::None);
    for _ in 0..20 {
        let id = vendor.give("front", Act::Lock, LONG);
        assert_eq!(vendor.end(id), (true, CommandProgress::Acknowledged));
    }
    assert_eq!(proxy.seen().len(), 1);
}
