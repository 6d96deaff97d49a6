//! kill -9 of core and vendor process under load, with an oracle: an obligation exists once the
//! broker acknowledged an act to its device. Every obligation arrives, once after deduplication
//! by `id`, and in sequence per entry.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;

use crate::support::broker::{Broker, SHIPPED};
use crate::support::device::{Act, Devices, Record, act_of};
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::{Entry, Sink};
use crate::support::wait_for;

const DOORS: usize = 20;

/// Kills in `make test`; `make soak` sets more.
fn kills(otherwise: u32) -> u32 {
    std::env::var("DOORWARD_KILLS").map_or(otherwise, |text| text.parse().unwrap())
}

/// How many times slower than its processor a machine is that is emulated: a gateway that is killed
/// before it stands shows nothing.
fn slow() -> u64 {
    std::env::var("DOORWARD_SLOW").map_or(1, |text| text.parse().unwrap())
}

pub fn seed() -> u64 {
    std::env::var("DOORWARD_SEED").map_or_else(|_| fastrand::u64(..), |text| text.parse().unwrap())
}

/// The acts among position changes, in order of arrival, with each event's id and sequence.
pub fn acts(entries: &[Entry]) -> Vec<(Act, String, u64)> {
    entries
        .iter()
        .filter(|entry| entry.detail_type == "entry.position_changed")
        .filter_map(|entry| {
            let text = |name: &str| entry.detail[name].as_str().unwrap().to_owned();
            let door = text("entry_id").strip_prefix("door-")?.parse().unwrap();
            let sequence = entry.detail["gateway"]["sequence"].as_u64().unwrap();
            Some(((door, act_of(&text("time"))), text("id"), sequence))
        })
        .collect()
}

/// What must hold of everything that arrived.
pub fn check(record: &Record, entries: &[Entry]) -> Figures {
    let arrived = acts(entries);
    let mut ids: HashMap<Act, BTreeSet<&str>> = HashMap::new();
    for (act, id, _) in &arrived {
        ids.entry(*act).or_default().insert(id);
    }
    for act in &record.acknowledged {
        let times = ids.get(act).map_or(0, BTreeSet::len);
        assert_eq!(times, 1, "door {} act {} arrived {times} times", act.0, act.1);
    }
    // By sequence, each door's acts are in the order in which they were done.
    let by_sequence: BTreeMap<u64, Act> =
        arrived.iter().map(|(act, _, sequence)| (*sequence, *act)).collect();
    let mut last: HashMap<usize, u64> = HashMap::new();
    for (door, act) in by_sequence.values() {
        let before = last.insert(*door, *act).unwrap_or(0);
        assert!(before < *act, "door {door}: act {act} after {before}");
    }
    // The whole journal is there: sequences have no gap.
    let sequences: BTreeSet<u64> =
        entries.iter().map(|entry| entry.detail["gateway"]["sequence"].as_u64().unwrap()).collect();
    let journals: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry.detail["gateway"]["journal_id"].as_str().unwrap())
        .collect();
    assert_eq!(journals.len(), 1, "one journal");
    never_told_differently(entries);
    assert_eq!(sequences.last().copied(), Some(sequences.len() as u64), "sequences have a gap");
    for entry in entries {
        let text = entry.detail.to_string();
        doorward_events::validate(text.as_bytes(), doorward_events::Form::Writer).unwrap();
    }
    Figures { acts: record.acknowledged.len(), resent: entries.len() - sequences.len() }
}

/// An id always comes with the same bytes, and a place in a journal with the same id.
pub fn never_told_differently(entries: &[Entry]) {
    let mut events: HashMap<&str, &serde_json::Value> = HashMap::new();
    let mut places: HashMap<(&str, u64), &str> = HashMap::new();
    for entry in entries {
        let id = entry.detail["id"].as_str().unwrap();
        let told = *events.entry(id).or_insert(&entry.detail);
        assert_eq!(*told, entry.detail, "{id} came with other content");
        let origin = &entry.detail["gateway"];
        let place = (origin["journal_id"].as_str().unwrap(), origin["sequence"].as_u64().unwrap());
        assert_eq!(*places.entry(place).or_insert(id), id, "{place:?} was given twice");
    }
}

/// What a run was like.
#[derive(Debug)]
pub struct Figures {
    pub acts: usize,
    /// Entries that arrived again under the same id.
    pub resent: usize,
}

/// Waits until every obligation has arrived.
pub fn wait_for_all(record: &Record, sink: &Sink) {
    let mut seen = 0;
    let mut missing: BTreeSet<Act> = record.acknowledged.clone();
    // How many there are is the machine's matter; that they go on coming is not.
    while !missing.is_empty() {
        let before = missing.len();
        wait_for("one more acknowledged act arrives", Duration::from_secs(60), || {
            let entries = sink.accepted();
            for (act, _, _) in acts(&entries[seen..]) {
                missing.remove(&act);
            }
            seen = entries.len();
            (missing.len() < before).then_some(())
        });
    }
}

#[test]
fn nothing_is_lost_when_core_and_vendor_are_killed_under_load() {
    let seed = seed();
    let mut random = fastrand::Rng::with_seed(seed);
    let kills = kills(300);
    let slow = slow();
    println!("seed {seed}, {kills} kills");
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let sink = Sink::start();
    let mut gateway = Gateway::start(&Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: DOORS,
        bus: eventbridge("test", sink.port),
        mqtt: String::new(),
    });
    gateway.connected();
    let devices = Devices::start(broker.port, DOORS, Duration::from_millis(1), QoS::AtLeastOnce);
    let (mut cores, mut vendors) = (0, 0);
    for kill in 0..kills {
        // The moment is random: between receipt, commit, acknowledgement and PUBACK there are
        // always some messages under this load.
        std::thread::sleep(Duration::from_micros(random.u64(5_000..90_000) * slow));
        // Few kills of the vendor in one life of the core: more would isolate it, by rule.
        if kill % 3 == 0 && gateway.kill_vendor() {
            vendors += 1;
        } else {
            gateway.kill();
            gateway.up();
            cores += 1;
        }
        if (kill + 1) % 1000 == 0 {
            println!("{} of {kills} kills, {} acts", kill + 1, devices.done());
        }
    }
    let record = devices.finish();
    wait_for_all(&record, &sink);
    let figures = check(&record, &sink.accepted());
    // Messages that were committed, but not acknowledged to the broker, when something died.
    let replays = gateway.log().matches("a message that was handled before").count();
    println!(
        "{cores} kills of the core, {vendors} of the vendor process; {} acts, {replays} messages \
         handed over again after their commit, {} events sent again",
        figures.acts, figures.resent
    );
    assert!(replays > 0 && figures.resent > 0, "the kills hit no interesting moment");
    assert!(figures.acts > kills as usize, "too little load to show anything");
}
