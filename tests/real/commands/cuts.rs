//! A thousand connections cut between PUBLISH and PUBACK: each command reaches the device's side once
//! or not at all, nobody calls it acknowledged, and nothing of it comes after a reconnect.

use std::collections::HashMap;
use std::time::Duration;

use doorward::link::{CommandProgress, CommandRefusal};
use doorward_translators::Act;
use serde_json::json;

use super::process::{Vendor, setup};
use super::proxy::{Cut, Proxy};
use super::states::{LONG, published};
use crate::support::broker::{Broker, SHIPPED};
use crate::support::client::Client;

const PROCESSES: usize = 10;
const CUTS: usize = 100;
/// Where the connections are cut, in turn.
const PLACES: [Cut; 4] = [Cut::Before, Cut::Within, Cut::Behind, Cut::Answer];

/// How often each topic was heard at the device's side, and each command's end.
struct Counted {
    /// By topic: where its connection was cut, and whether it was acknowledged.
    given: HashMap<String, (Cut, CommandProgress)>,
    /// By topic: publications that left the process.
    written: HashMap<String, usize>,
}

#[test]
fn a_thousand_cuts_between_publish_and_puback() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let device = Client::connect(broker.port, "device", &["+/+/set"]);
    let counted: Vec<Counted> = std::thread::scope(|scope| {
        let run = |number| {
            let (folder, port) = (folder.path(), broker.port);
            scope.spawn(move || cut_one_process(folder, number, port))
        };
        let threads: Vec<_> = (0..PROCESSES).map(run).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Whatever would still come has come before this.
    device.tell("mark/mark/set", b"{}");
    device.hears("mark/mark/set", 0);
    let mut heard: HashMap<String, usize> = HashMap::new();
    for message in device.heard() {
        *heard.entry(message.topic).or_default() += 1;
    }
    let mut ends: HashMap<Cut, [usize; 2]> = HashMap::new();
    let mut cuts = 0;
    for counted in &counted {
        for (topic, (cut, end)) in &counted.given {
            let times = heard.get(topic).copied().unwrap_or(0);
            let written = counted.written.get(topic).copied().unwrap_or(0);
            assert!(times <= 1, "{topic} came {times} times, cut {cut:?}");
            assert!(written <= 1, "{topic} was written {written} times, cut {cut:?}");
            if *cut == Cut::None {
                assert_eq!((times, *end), (1, CommandProgress::Acknowledged), "{topic}");
                continue;
            }
            cuts += 1;
            assert_eq!(*end, CommandProgress::Indeterminate, "{topic}, cut {cut:?}");
            assert!(times == 0 || matches!(cut, Cut::Behind | Cut::Answer), "{topic}, cut {cut:?}");
            ends.entry(*cut).or_default()[times] += 1;
        }
    }
    assert_eq!(cuts, PROCESSES * CUTS);
    println!("cut where, how many never came and came once: {ends:?}");
    assert!(ends[&Cut::Answer][1] > 0, "where the answer alone is lost, it has come");
}

fn cut_one_process(folder: &std::path::Path, number: usize, broker: u16) -> Counted {
    let proxy = Proxy::start(broker);
    let base = format!("base-{number}");
    let setup = setup("zigbee2mqtt", &json!({ "base_topic": base }), &[]);
    let vendor = Vendor::mqtt(folder, &format!("z{number}"), proxy.port, setup);
    let mut given = HashMap::new();
    let mut connections = 1;
    for command in 0..CUTS {
        vendor.ready(connections);
        let cut = PLACES[command % PLACES.len()];
        proxy.next(cut);
        let address = format!("lock-{command}");
        let id = vendor.give(&address, Act::Unlock, LONG);
        let (dispatched, end) = vendor.end(id);
        assert!(dispatched, "{end:?}");
        given.insert(format!("{base}/{address}/set"), (cut, end));
        connections += 1;
        if command % 10 == 9 {
            // Between them, one that nobody cuts.
            vendor.ready(connections);
            let address = format!("whole-{command}");
            let id = vendor.give(&address, Act::Lock, LONG);
            let (_, end) = vendor.end(id);
            given.insert(format!("{base}/{address}/set"), (Cut::None, end));
        }
    }
    // Once more connected: nothing of before is written over it.
    vendor.ready(connections);
    let mark = vendor.give("mark", Act::Lock, Duration::from_secs(20));
    assert_eq!(vendor.end(mark), (true, CommandProgress::Acknowledged));
    let mut written: HashMap<String, usize> = HashMap::new();
    for seen in proxy.seen() {
        for packet in &seen.publishes {
            let publish = published(packet);
            assert!(!publish.duplicate && !publish.retain && publish.qos == 1, "{publish:?}");
            *written.entry(publish.topic).or_default() += 1;
        }
    }
    assert_eq!(proxy.seen().len(), connections, "one connection for each cut, and the first");
    Counted { given, written }
}

/// While the connection is away, a command is refused; it never waits for the next.
#[test]
fn between_two_connections_nothing_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let proxy = Proxy::start(broker.port);
    let vendor =
        Vendor::mqtt(folder.path(), "z", proxy.port, setup("zigbee2mqtt", &json!({}), &[]));
    let mut refused = 0;
    for round in 1..=20 {
        vendor.ready(round);
        proxy.next(Cut::Behind);
        let cut = vendor.give("front", Act::Unlock, LONG);
        vendor.end(cut);
        let id = vendor.give("front", Act::Unlock, LONG);
        let (dispatched, end) = vendor.end(id);
        if !dispatched {
            let reason = CommandRefusal::NotConnected;
            assert_eq!(end, CommandProgress::Rejected { reason });
            refused += 1;
        }
    }
    println!("{refused} of 20 found no connection");
    assert!(refused > 0);
}
