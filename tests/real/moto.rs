//! Against an `EventBridge` and an SQS that others wrote: what a subscriber's queue gets.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use doorward_emulator::{Moto, Queue};
use doorward_events::{read, types};
use serde_json::{Value, json};

use crate::support::broker::{Broker, SHIPPED};
use crate::support::client::Client;
use crate::support::device::{Act, act, act_of};
use crate::support::gateway::{Gateway, Setup, eventbridge, signal};
use crate::support::wait_for;

const DOORS: usize = 3;
const SOURCE: &str = "doorward.gateway/gw-test";

fn gateway(folder: &Path, broker: &Broker, moto: &Moto, bus: &str) -> Gateway {
    Gateway::start(&Setup {
        folder: &folder.join("gateway"),
        broker_port: broker.port,
        doors: DOORS,
        bus: eventbridge(bus, moto.port),
        mqtt: String::new(),
    })
}

/// A subscriber to the doors' movements of every gateway.
fn movements(moto: &Moto, bus: &str) -> Queue {
    let pattern = json!({
        "source": [{"prefix": "doorward.gateway/"}],
        "detail-type": ["entry.position_changed"],
    });
    moto.create_queue(bus, "movements", &pattern)
}

/// Takes messages out of the queue until every act has come, and gives them all.
fn receive(moto: &Moto, queue: &Queue, acts: &BTreeSet<Act>) -> Vec<Value> {
    let mut missing = acts.clone();
    let mut messages = Vec::new();
    // Longer than the uplink's longest backoff.
    wait_for("every act arrives in the queue", Duration::from_secs(90), || {
        for message in moto.take(queue) {
            missing.remove(&act_in(&message));
            messages.push(message);
        }
        missing.is_empty().then_some(())
    });
    messages
}

fn act_in(message: &Value) -> Act {
    let detail = &message["detail"];
    let door = detail["entry_id"].as_str().unwrap().strip_prefix("door-").unwrap();
    (door.parse().unwrap(), act_of(detail["time"].as_str().unwrap()))
}

/// Reads the messages as a subscriber does, and checks each act once, in order.
fn check(messages: &[Value], acts: &BTreeSet<Act>) {
    let mut by_sequence = Vec::new();
    let mut ids = BTreeSet::new();
    for message in messages {
        assert_eq!(message["source"], SOURCE);
        assert_eq!(message["detail-type"], "entry.position_changed");
        assert_eq!(message["resources"], json!([]));
        let bytes = message["detail"].to_string();
        let event = read::<types::EntryPositionChanged>(bytes.as_bytes()).unwrap();
        assert_eq!(event.envelope.publisher.source(), SOURCE, "a consumer compares the two");
        let origin = event.origin.unwrap();
        let opens = event.data.position.as_str() == "open";
        let act = act_in(message);
        assert_eq!(opens, act.1 % 2 == 1, "{act:?} is {:?}", event.data.position);
        // What moto sends twice is one event.
        if ids.insert(event.envelope.id) {
            by_sequence.push((origin.sequence, act));
        }
    }
    by_sequence.sort_unstable();
    let arrived: Vec<Act> = by_sequence.iter().map(|(_, act)| *act).collect();
    assert_eq!(arrived.iter().copied().collect::<BTreeSet<_>>(), *acts);
    assert_eq!(arrived.len(), acts.len(), "each act is one event");
    for door in 0..DOORS {
        let of_door: Vec<u64> =
            arrived.iter().filter(|(of, _)| *of == door).map(|(_, act)| *act).collect();
        assert!(of_door.is_sorted(), "door {door}: {of_door:?}");
    }
}

#[test]
fn a_rule_by_source_and_type_brings_typed_events_into_a_queue() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let moto = Moto::start(&folder.path().join("moto"));
    moto.create_bus("doors");
    let queue = movements(&moto, "doors");
    let starts = moto.create_queue(
        "doors",
        "starts",
        &json!({"source": [SOURCE], "detail-type": ["gateway.started"]}),
    );
    let of_others = moto.create_queue(
        "doors",
        "of-others",
        &json!({"source": [{"prefix": "doorward.gateway/other"}]}),
    );
    let gateway = gateway(folder.path(), &broker, &moto, "doors");
    gateway.connected();
    let device = Client::connect(broker.port, "zigbee2mqtt", &[]);
    let acts = act(&device, 0..DOORS, 1..=20);
    let messages = receive(&moto, &queue, &acts);
    check(&messages, &acts);
    gateway.drained();
    assert_eq!(moto.take(&queue), Vec::<Value>::new(), "only these come");
    let started = moto.take(&starts);
    assert_eq!(started.len(), 1);
    let detail = started[0]["detail"].to_string();
    let started = read::<types::GatewayStarted>(detail.as_bytes()).unwrap();
    assert_eq!(started.data.bus_kind.as_str(), "eventbridge");
    assert_eq!(started.origin.unwrap().sequence, 1);
    // A reader of another type takes none of these.
    assert!(read::<types::EntryPositionChanged>(detail.as_bytes()).is_err());
    assert_eq!(moto.take(&of_others), Vec::<Value>::new());
}

#[test]
fn a_missing_bus_keeps_events_and_so_does_one_that_lost_its_state() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let mut moto = Moto::start(&folder.path().join("moto"));
    let gateway = gateway(folder.path(), &broker, &moto, "not-yet");
    gateway.connected();
    missing(&gateway);
    let device = Client::connect(broker.port, "zigbee2mqtt", &[]);
    let acts = act(&device, 0..DOORS, 1..=10);
    let waiting = gateway.json(&["queue"]).unwrap()["journal"]["waiting"].as_u64().unwrap();
    assert!(waiting >= acts.len() as u64, "{waiting} wait");
    gateway.says(&["ERROR"]);
    let queue = made(&moto, &gateway);
    check(&receive(&moto, &queue, &acts), &acts);
    gateway.drained();

    moto.kill();
    let more = act(&device, 0..DOORS, 11..=20);
    wait_for("the queue says that the bus is away", Duration::from_secs(60), || {
        gateway.json(&["queue"])?["status"]["uplink"]["trouble"].as_str().map(str::to_owned)
    });
    moto.up();
    let queue = made(&moto, &gateway);
    check(&receive(&moto, &queue, &more), &more);
    gateway.drained();
}

/// Makes the missing bus, with its subscriber. What the bus takes while it has no rule goes nowhere,
/// so the gateway stands still between the two.
fn made(moto: &Moto, gateway: &Gateway) -> Queue {
    assert!(signal(gateway.pid(), "STOP"));
    moto.create_bus("not-yet");
    let queue = movements(moto, "not-yet");
    assert!(signal(gateway.pid(), "CONT"));
    queue
}

/// Waits until the gateway says that the bus does not exist.
fn missing(gateway: &Gateway) {
    wait_for("the queue says that there is no such bus", Duration::from_secs(60), || {
        let uplink = &gateway.json(&["queue"])?["status"]["uplink"];
        let trouble = uplink["trouble"].as_str()?;
        (trouble.contains("ResourceNotFound") && uplink["denied"] == true).then_some(())
    });
    let (report, _) = gateway.check();
    let said = report["findings"].as_array().unwrap().iter().any(|finding| {
        (&finding["check"], &finding["severity"]) == (&"bus".into(), &"error".into())
            && finding["message"].as_str().is_some_and(|text| text.contains("ResourceNotFound"))
    });
    assert!(said, "{report}");
}
