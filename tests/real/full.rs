//! A journal without room: what goes is told of, name by name, and what never goes makes the
//! broker wait.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;

use crate::support::broker::{Broker, SHIPPED};
use crate::support::client::Client;
use crate::support::device::{Devices, act_of};
use crate::support::gateway::{Gateway, Setup, eventbridge, lock};
use crate::support::sink::{Entry, Sink};
use crate::support::wait_for;

const DOORS: usize = 10;
/// Calls under way when a state is given up may still arrive: 8 calls of 10 entries.
const UNDER_WAY: usize = 80;

fn number(entry: &Entry, place: &str) -> u64 {
    entry.detail.pointer(place).unwrap().as_u64().unwrap()
}

/// Sequences that the entries say were given up, all for lack of room.
fn given_up(entries: &[Entry]) -> BTreeSet<u64> {
    let mut gone = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.detail_type == "gateway.events_dropped") {
        assert_eq!(entry.detail["data"]["reason"], "disk_full");
        let ranges = entry.detail["data"]["ranges"].as_array().unwrap();
        for range in ranges {
            gone.extend(range["first"].as_u64().unwrap()..=range["last"].as_u64().unwrap());
        }
    }
    gone
}

#[test]
fn a_full_journal_gives_up_states_and_names_each_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let mut sink = Sink::start();
    let gateway = Gateway::start(&Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: DOORS,
        bus: eventbridge("test", sink.port) + "[journal]\nmax_mib = 1\nvendor_percent = 100\n",
        mqtt: String::new(),
    });
    gateway.connected();
    sink.down();
    let devices = Devices::start(broker.port, DOORS, Duration::from_millis(1), QoS::AtLeastOnce);
    wait_for("states are given up", Duration::from_secs(120), || {
        gateway.log().contains("events were given up").then_some(())
    });
    let so_far = devices.done();
    wait_for("it goes on taking acts in", Duration::from_secs(120), || {
        (devices.done() >= so_far + 2000).then_some(())
    });
    let queue = gateway.json(&["queue"]).unwrap();
    assert_eq!(queue["status"]["storage_failure"], serde_json::Value::Null);
    let used = queue["journal"]["bytes_used"].as_u64().unwrap();
    assert!(used <= (1 << 20) + (128 << 10), "{used} bytes");
    sink.up();
    let record = devices.finish();
    gateway.drained();
    let entries = sink.accepted();
    let gone = given_up(&entries);
    assert!(!gone.is_empty());
    let arrived: BTreeMap<u64, &Entry> =
        entries.iter().map(|entry| (number(entry, "/gateway/sequence"), entry)).collect();
    let last = *arrived.keys().next_back().unwrap();
    let unexplained: Vec<u64> =
        (1..=last).filter(|n| !arrived.contains_key(n) && !gone.contains(n)).collect();
    assert_eq!(unexplained, [0; 0], "sequences that neither arrived nor were given up");
    assert!(gone.iter().filter(|n| arrived.contains_key(n)).count() <= UNDER_WAY);
    // Every act that the broker took is an event that arrived or one of those given up.
    let acts: BTreeSet<(String, u64)> = arrived
        .values()
        .filter(|entry| entry.detail_type == "entry.position_changed")
        .map(|entry| {
            let door = entry.detail["entry_id"].as_str().unwrap().to_owned();
            (door, act_of(entry.detail["time"].as_str().unwrap()))
        })
        .collect();
    let missing = record
        .acknowledged
        .iter()
        .filter(|(door, act)| !acts.contains(&(format!("door-{door}"), *act)))
        .count();
    assert!(missing <= gone.len(), "{missing} acts are missing, {} were given up", gone.len());
    for (_, entry) in arrived.iter().filter(|(n, _)| gone.contains(n)) {
        assert_eq!(entry.detail_type, "entry.position_changed");
    }
}

#[test]
fn a_vendor_that_fills_its_quota_with_access_events_is_held_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let mut sink = Sink::start();
    let (entry, endpoint) = lock("front", "0x000000000000f00d", "front_lock");
    let journal = "[journal]\nmax_mib = 1\nvendor_percent = 10\n";
    let gateway = Gateway::start(&Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: 1,
        bus: format!("{}{journal}{entry}", eventbridge("test", sink.port)),
        mqtt: endpoint,
    });
    gateway.connected();
    sink.down();
    let device = Client::connect(broker.port, "lock", &[]);
    let acts = 3000;
    for act in 0..acts {
        let time = jiff::Timestamp::from_second(1_767_225_600 + act).unwrap();
        let message = format!(
            "{{\"action\":\"unlock\",\"action_source_name\":\"keypad\",\"action_user\":{},\
             \"last_seen\":\"{time}\"}}",
            act % 40
        );
        device.publish("zigbee2mqtt/front_lock", message.as_bytes(), QoS::AtLeastOnce, false);
    }
    device.settled();
    let held = wait_for("the vendor is held", Duration::from_secs(60), || {
        let queue = gateway.json(&["queue"])?;
        let held = queue["status"]["held"].as_array()?.clone();
        (!held.is_empty()).then_some(queue)
    });
    assert_eq!(held["status"]["held"][0], "zigbee2mqtt");
    let waiting = held["journal"]["waiting"].as_u64().unwrap();
    assert!(waiting < acts.unsigned_abs(), "the rest is still with the broker: {waiting}");
    sink.up();
    wait_for("all operations arrive", Duration::from_secs(120), || {
        let times: BTreeSet<String> = sink
            .of_type("entry.attribution_updated")
            .iter()
            .map(|entry| entry.detail["time"].as_str().unwrap().to_owned())
            .collect();
        (times.len() == usize::try_from(acts).unwrap()).then_some(())
    });
    assert_eq!(given_up(&sink.accepted()), BTreeSet::new());
    wait_for("the vendor is let go", Duration::from_secs(30), || {
        (gateway.json(&["queue"])?["status"]["held"] == serde_json::json!([])).then_some(())
    });
}
