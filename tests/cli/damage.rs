//! A journal whose file was damaged, cut short or lost while the gateway was down. It starts,
//! says what it found, and what waited leaves, or is told as missing.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use doorward::domain::ids::VendorId;
use doorward::journal::{Batch, Bounds, Journal, NewEvent, Opening};
use doorward_events::types::CredentialRemoved;
use doorward_events::{Envelope, PublisherId};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::gateway::{DEADLINE, Place, wait_for};
use crate::sink::{Entry, Sink};

const PAGE: usize = 4096;
/// Events that wait in the journal.
const EVENTS: u64 = 1500;
const LOST: Uuid = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0009);

/// An event by its journal and its sequence there.
type Spot = (String, u64);

fn event(number: u64) -> NewEvent {
    let publisher = PublisherId { name: "doorward.gateway".into(), instance: "gw".into() };
    let id = uuid::Builder::from_unix_timestamp_millis(number, &[3; 10]).into_uuid();
    let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
    envelope.endpoint_id = Some(format!("zigbee2mqtt:0x{number:x}").into());
    let data = CredentialRemoved {
        credential: "pin".into(),
        operation_source: "keypad".into(),
        user_slot: Some(3),
    };
    NewEvent { draft: envelope.seal(&data).unwrap(), vendor: Some(VendorId::new("zigbee2mqtt")) }
}

/// A journal as a gateway leaves it that was killed: all of it in the file, or with a log.
fn make(file: &Path, with_log: bool) -> Journal {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let (mut journal, _) = Journal::open(file, Bounds::default(), LOST).unwrap();
    for block in 0..EVENTS / 50 {
        let mut batch = Batch { recorded_at: Timestamp::UNIX_EPOCH, ..Batch::default() };
        batch.events = (1..=50).map(|n| event(block * 50 + n)).collect();
        journal.commit(&batch).unwrap();
    }
    if !with_log {
        // It was started since then, and knows how far it had got.
        drop(journal);
        journal = Journal::arrive(file, &Opening::default(), &mut || LOST).unwrap().0;
    }
    journal
}

fn of(entry: &Entry) -> Spot {
    let origin = &entry.detail["gateway"];
    (origin["journal_id"].as_str().unwrap().to_owned(), origin["sequence"].as_u64().unwrap())
}

/// What the gateway said is missing.
fn told(entries: &[Entry]) -> BTreeSet<Spot> {
    let mut told = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.detail_type == "gateway.events_dropped") {
        let data = &entry.detail["data"];
        assert_eq!(data["reason"], "corruption");
        let journal = data["journal_id"].as_str().map_or_else(|| of(entry).0, str::to_owned);
        for range in data["ranges"].as_array().unwrap() {
            let (first, last) = (range["first"].as_u64().unwrap(), range["last"].as_u64().unwrap());
            told.extend((first..=last).map(|sequence| (journal.clone(), sequence)));
        }
    }
    told
}

/// What came of it.
struct Outcome {
    arrived: u64,
    missing: u64,
    queue: Value,
    place: Place,
}

/// Starts a gateway on a journal that `damage` was done to. Every event arrives or is told as
/// missing, and none that arrived is told so.
fn survives(what: &str, with_log: bool, damage: impl Fn(&Path)) -> Outcome {
    let place = Place::new();
    let sink = Sink::start();
    place.bus(&Place::sink(sink.port));
    let (made, file) = (place.path().join("made/journal.db"), place.journal());
    let journal = make(&made, with_log);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    for ending in ["", "-wal", ".mark"] {
        let name = format!("journal.db{ending}");
        let copy = std::fs::copy(made.with_file_name(&name), file.with_file_name(&name));
        assert!(copy.is_ok() || ending == "-wal", "{name}");
    }
    drop(journal);
    damage(&file);
    let gateway = place.start();
    let owed: BTreeSet<Spot> = (1..=EVENTS).map(|n| (LOST.to_string(), n)).collect();
    let begun = Instant::now();
    let (arrived, missing) = wait_for(what, || {
        let entries = sink.accepted();
        let arrived: BTreeSet<Spot> = entries.iter().map(of).collect();
        let told = told(&entries);
        let mut open = owed.iter().filter(|one| !arrived.contains(*one) && !told.contains(*one));
        let Some(first) = open.next() else { return Some((arrived, told)) };
        let late = begun.elapsed() > DEADLINE * 9 / 10;
        assert!(!late, "{first:?} and {} more are neither: {}", open.count(), place.log());
        None
    });
    let both: Vec<_> = arrived.intersection(&missing).collect();
    assert!(both.is_empty(), "{what}: told missing, and yet arrived: {both:?}");
    let queue = place.json(&["queue", "--json"]);
    let own = place.json(&["journal", "stats", "--json"]);
    let new = own["journal_id"].as_str().unwrap();
    // What is told under one id and sequence is told once.
    let ids: BTreeSet<_> =
        sink.accepted().iter().map(|e| (of(e), e.detail["id"].to_string())).collect();
    assert_eq!(ids.len(), arrived.len(), "{what}: a sequence was used twice");
    println!("{what}: {} arrived, {} missing, journal {new}", arrived.len(), missing.len());
    let outcome = Outcome {
        arrived: owed.intersection(&arrived).count() as u64,
        missing: owed.intersection(&missing).count() as u64,
        queue,
        place,
    };
    drop(gateway);
    outcome
}

impl Outcome {
    /// It was noticed at the start, and said in every place.
    fn was_said(&self) {
        self.place.says(&["ERROR", "broken"]);
        let words = self.queue["status"]["journal_arrival"].as_str().unwrap();
        assert!(words.contains("was broken") && words.contains("journal.db.damaged-1"), "{words}");
        assert_eq!(self.queue["status"]["journal_lost"], true);
        assert!(self.place.path().join("state/journal.db.damaged-1").exists());
    }
}

fn overwrite(file: &Path, offset: u64, bytes: &[u8]) {
    File::options().write(true).open(file).unwrap().write_all_at(bytes, offset).unwrap();
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap().len()
}

#[test]
fn its_header_is_gone() {
    let outcome = survives("header", false, |file| overwrite(file, 0, &[0x5a; 100]));
    outcome.was_said();
    assert_eq!((outcome.arrived, outcome.missing), (EVENTS, 0), "no row was touched");
}

#[test]
fn its_first_page_is_gone() {
    let outcome = survives("first page", false, |file| overwrite(file, 0, &[0; PAGE]));
    outcome.was_said();
    assert_eq!(outcome.arrived, EVENTS, "no row was touched");
}

#[test]
fn bits_in_its_middle_flip() {
    let outcome = survives("middle, bits", false, |file| {
        // Rows of that size reach from one page's head to its foot.
        let middle = length(file) / 2 / PAGE as u64 * PAGE as u64;
        for offset in [700, 2100, 3500] {
            overwrite(file, middle + offset, &[0xff; 9]);
        }
    });
    assert!(outcome.arrived >= EVENTS - 40 && outcome.missing > 0, "{}", outcome.missing);
}

#[test]
fn a_page_in_its_middle_is_gone() {
    let outcome = survives("middle, page", false, |file| {
        let middle = length(file) / 2 / PAGE as u64 * PAGE as u64;
        overwrite(file, middle, &[0; PAGE]);
    });
    assert!(outcome.arrived >= EVENTS - 40 && outcome.missing > 0, "{}", outcome.missing);
}

#[test]
fn its_tail_is_gone() {
    let outcome = survives("tail", false, |file| {
        let last = length(file) - 2 * PAGE as u64;
        overwrite(file, last, &[0xff; 2 * PAGE]);
    });
    outcome.was_said();
    assert!(outcome.arrived >= EVENTS - 60, "{}", outcome.missing);
}

#[test]
fn it_is_cut_in_half() {
    let outcome = survives("half", false, |file| {
        File::options().write(true).open(file).unwrap().set_len(length(file) / 2 + 100).unwrap();
    });
    outcome.was_said();
    assert!(outcome.arrived > EVENTS / 4, "{}", outcome.missing);
}

#[test]
fn only_its_log_is_left() {
    // All that happened since the last checkpoint is in the log alone.
    let outcome = survives("log", true, |file| overwrite(file, 0, &[0x5a; PAGE]));
    assert!(outcome.arrived > 0);
}

/// Nothing is left of what waited: a gateway that starts afresh says that too.
fn starts_afresh(damage: impl Fn(&Path)) {
    let place = Place::new();
    let journal = make(&place.journal(), false);
    journal.close().unwrap();
    damage(&place.journal());
    let _gateway = place.start();
    assert_eq!(place.started(1)["previous_stop"], "first_start");
    let id = place.json(&["journal", "stats", "--json"])["journal_id"].clone();
    assert_ne!(id, LOST.to_string());
}

#[test]
fn it_is_deleted() {
    starts_afresh(|file| std::fs::remove_file(file).unwrap());
}

#[test]
fn it_is_cut_to_nothing() {
    starts_afresh(|file| {
        File::options().write(true).open(file).unwrap().set_len(0).unwrap();
    });
}
