//! After an erasure no byte of the files shows the subject, in clear or compressed.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use doorward_events::types::{AccessGranted, EntryPositionChanged, GatewayHeartbeat};
use doorward_events::{Envelope, EventData, PublisherId};
use jiff::Timestamp;
use uuid::Uuid;

use super::super::{
    Batch, Bounds, Class, CommitError, Journal, NewEvent, QuarantineRecord, Restored,
};
use super::*;
use crate::domain::ids::VendorId;

/// No dictionary and no other event holds a part of it, so that a compressor must write it out.
const SUBJECT: &str = "xq7Zk2Vw9Jh4Tb6N";
/// So many bytes of it in a row are evidence.
const PART: usize = 6;

fn open(file: &Path, bounds: Bounds) -> (Journal, Restored) {
    Journal::open_with(file, bounds, Uuid::from_u128(7), None).unwrap()
}

fn event<T: EventData>(id: u64, entry: &str, data: &T) -> NewEvent {
    let publisher = PublisherId { name: "doorward.gateway".into(), instance: "test".into() };
    let id = uuid::Builder::from_unix_timestamp_millis(id, &[0; 10]).into_uuid();
    let mut envelope = Envelope::new(id, Timestamp::UNIX_EPOCH, publisher, "acme".into());
    envelope.entry_id = Some(entry.into());
    NewEvent { draft: envelope.seal(data).unwrap(), vendor: Some(VendorId::new("zigbee2mqtt")) }
}

fn access(id: u64, subject: &str) -> NewEvent {
    let data = AccessGranted {
        action: "unlock".into(),
        channel: "request".into(),
        request_id: None,
        issuer: None,
        grant_id: None,
        subject_ref: Some(subject.to_owned()),
        visit_id: None,
        command_id: None,
    };
    event(id, "front", &data)
}

fn state(id: u64, entry: &str) -> NewEvent {
    let data = EntryPositionChanged {
        previous: "closed".into(),
        position: "open".into(),
        quality: "observed".into(),
    };
    event(id, entry, &data)
}

/// Longer than a page, however well it is compressed.
fn long(id: u64, entry: &str, random: &mut fastrand::Rng) -> NewEvent {
    let word =
        |random: &mut fastrand::Rng| -> String { (0..30).map(|_| random.lowercase()).collect() };
    let delivered_through: BTreeMap<String, i64> = (0..90)
        .map(|_| (format!("a.{}.{}", word(random), word(random)), random.i64(0..1 << 50)))
        .collect();
    let data = GatewayHeartbeat {
        challenge: None,
        issuers_version: None,
        uptime_s: 1,
        events_waiting: 0,
        quarantined: 0,
        delivered_through: delivered_through.into_iter().collect(),
        recorded: BTreeMap::default(),
        journal: None,
        bus: None,
        clock_trust: None,
        denied: Vec::new(),
        vendors: Vec::new(),
    };
    event(id, entry, &data)
}

fn quarantined(id: u64, raw: &str) -> QuarantineRecord {
    QuarantineRecord {
        id,
        at: Timestamp::UNIX_EPOCH,
        vendor: None,
        source: "topic".to_owned(),
        reason: "malformed_json".to_owned(),
        detail: String::new(),
        bytes: 1,
        raw: Some(raw.to_owned()),
        keyed_digest: None,
    }
}

/// Some events of all classes, every third of the subject's; facts and quarantine too.
fn batch(random: &mut fastrand::Rng, next: &mut u64) -> Batch {
    let mut batch = Batch::default();
    for _ in 0..random.usize(1..8) {
        *next += 1;
        let mine = next.is_multiple_of(3);
        let name = if mine { SUBJECT } else { "somebody-else" };
        batch.events.push(match random.u8(..8) {
            0..4 => access(*next, name),
            4..7 => state(*next, name),
            _ => long(*next, name, random),
        });
    }
    if random.u8(..4) == 0 {
        let name = format!("visit/{}", random.u8(..9));
        let value = format!("{{\"of\":[\"{SUBJECT}\"],\"n\":{}}}", random.u64(..));
        batch.facts.insert(name, value.into_bytes());
        batch.facts.insert("door/front".to_owned(), b"{\"of\":\"somebody-else\"}".to_vec());
    }
    if random.u8(..8) == 0 {
        batch.quarantine.push(quarantined(*next, &format!("{{\\\"who\\\":\\\"{SUBJECT}\\\"")));
    }
    batch
}

fn bytes(file: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(file).unwrap();
    for ending in ["-wal", "-shm"] {
        bytes.extend(std::fs::read(super::super::place::beside(file, ending)).unwrap_or_default());
    }
    bytes
}

/// The first of `parts`, all of [`PART`] bytes or more, that stands somewhere in `bytes`.
fn found<'a>(bytes: &[u8], parts: &[&'a [u8]]) -> Option<&'a [u8]> {
    let key =
        |bytes: &[u8]| bytes[..PART].iter().fold(0u64, |key, byte| key << 8 | u64::from(*byte));
    let mut wanted: HashMap<u64, Vec<&[u8]>> = HashMap::new();
    for part in parts {
        wanted.entry(key(part)).or_default().push(part);
    }
    let mut rolling = 0;
    for (end, byte) in (1..).zip(bytes) {
        rolling = (rolling << 8 | u64::from(*byte)) & ((1 << (8 * PART)) - 1);
        if end >= PART
            && let Some(parts) = wanted.get(&rolling)
            && let Some(part) = parts.iter().find(|part| bytes[end - PART..].starts_with(part))
        {
            return Some(part);
        }
    }
    None
}

/// Whether any part of the subject is in the bytes of the files.
fn shows(file: &Path) -> bool {
    let parts: Vec<&[u8]> = SUBJECT.as_bytes().windows(PART).collect();
    found(&bytes(file), &parts).is_some()
}

/// The compressed contents of the rows that name the subject.
fn compressed(journal: &Journal) -> Vec<Vec<u8>> {
    let mut statement =
        journal.db.prepare(concat!(events!("slot, body", ""), " ORDER BY 1")).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut found = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let body: Vec<u8> = row.get(1).unwrap();
        let content = row::decode(row.get(0).unwrap(), &body).unwrap();
        if format!("{content:?}").contains(SUBJECT) {
            found.push(body[5..].to_vec());
        }
    }
    found
}

/// What the journal says of itself agrees with its rows, none of which names the subject.
fn check(journal: &Journal) {
    let mut waiting: BTreeMap<&str, u64> = BTreeMap::new();
    let mut statement =
        journal.db.prepare(concat!(events!("slot, kind, body", ""), " ORDER BY 1")).unwrap();
    let mut rows = statement.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (slot, kind): (u64, i64) = (row.get(0).unwrap(), row.get(1).unwrap());
        let body: Vec<u8> = row.get(2).unwrap();
        let content = row::decode(slot, &body).unwrap();
        assert!(!content.detail.contains(SUBJECT), "slot {slot}");
        let named = |(name, value): &(String, Vec<u8>)| fact_names(name, value, SUBJECT);
        assert!(!content.aside.facts.iter().any(named), "beside slot {slot}");
        if !journal.folded.finished.contains(slot) {
            *waiting.entry(journal.words.class(kind).as_str()).or_default() += body.len() as u64;
        }
    }
    for class in Class::ALL {
        let known = waiting.get(class.as_str()).copied().unwrap_or_default();
        assert_eq!(journal.folded.waiting_bytes(class), known, "{}", class.as_str());
    }
}

fn fill(journal: &mut Journal, random: &mut fastrand::Rng, next: &mut u64) {
    let mut slot = journal.folded.slot;
    for _ in 0..random.usize(50..400) {
        let mut batch = batch(random, next);
        let oldest = journal.folded.finished.through() + 1;
        if random.bool() {
            // Mostly in order, now and then with an event that stays behind.
            let last = (oldest + random.u64(..12)).min(slot);
            batch.finished = (oldest + u64::from(random.u8(..5) == 0)..=last).collect();
        }
        slot = match journal.commit(&batch) {
            Ok(committed) => committed.slot,
            Err(CommitError::Full { .. }) => return,
            Err(error) => panic!("{error}"),
        };
    }
}

#[test]
fn no_byte_of_the_subject_is_left() {
    for seed in 0..6 {
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let folder = tempfile::tempdir().unwrap();
        let file = &folder.path().join("journal.db");
        // In some, history goes while it fills, and leaves free pages behind.
        let history_bytes = if seed % 2 == 0 { 256 << 20 } else { 64 << 10 };
        let bounds = Bounds { history_bytes, min_free_percent: 0, ..Bounds::default() };
        let (mut journal, _) = open(file, bounds);
        let mut next = 0;
        fill(&mut journal, &mut random, &mut next);
        if seed % 3 == 0 {
            drop(journal);
            journal = open(file, bounds).0;
            fill(&mut journal, &mut random, &mut next);
        }
        let before = compressed(&journal);
        let before: Vec<&[u8]> = before.iter().map(Vec::as_slice).collect();
        assert!(shows(file) && before.len() > 3);
        assert!(found(&bytes(file), &before).is_some());
        let waited = journal.waiting();
        let counted = journal.statistics().unwrap();

        let erased = journal.erase(SUBJECT).unwrap().unwrap();
        assert!(!shows(file), "while it is open");
        assert!(erased.waiting <= erased.events && erased.events > 0);
        assert_eq!(journal.waiting(), waited - erased.waiting);
        assert_eq!(
            journal.statistics().unwrap().quarantined,
            counted.quarantined - erased.quarantine
        );
        check(&journal);
        let told: u64 = journal
            .folded
            .gaps
            .iter()
            .filter(|gap| gap.reason == DropReason::Erased)
            .map(|gap| gap.count)
            .sum();
        assert_eq!(told, erased.waiting, "the gap tells of what will never come");
        let again = journal.erase(SUBJECT).unwrap().unwrap();
        assert_eq!(again, Erased::default());
        // It goes on, and its file can be opened.
        let committed =
            journal.commit(&Batch { events: vec![access(99_999, "x")], ..Batch::default() });
        assert!(committed.is_ok());
        drop(journal);
        let (journal, restored) = open(file, bounds);
        check(&journal);
        assert!(restored.facts.iter().all(|(name, value)| !fact_names(name, value, SUBJECT)));
        journal.close().unwrap();
        assert!(!shows(file), "closed");
        let left = found(&bytes(file), &before);
        assert!(left.is_none(), "an old row of {} bytes", left.unwrap_or_default().len());
    }
}

#[test]
fn an_erasure_that_is_cut_off_is_made_whole_by_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let file = &folder.path().join("journal.db");
    let mut random = fastrand::Rng::with_seed(4);
    let (mut journal, _) = open(file, Bounds::default());
    let mut next = 0;
    fill(&mut journal, &mut random, &mut next);
    let mut steps = 0;
    loop {
        let mut erasure = Erasure::of(SUBJECT).unwrap();
        let mut done = false;
        for _ in 0..=steps {
            done = journal.erase_step(&mut erasure).unwrap();
            if done {
                break;
            }
        }
        // As a crash leaves it: what is in the file counts, nothing else.
        drop(journal);
        journal = open(file, Bounds::default()).0;
        if done {
            break;
        }
        steps += 1;
    }
    assert!(steps >= 3, "{steps}");
    check(&journal);
    assert!(!shows(file));
}

#[test]
fn others_whose_name_begins_alike_stay() {
    let folder = tempfile::tempdir().unwrap();
    let file = &folder.path().join("journal.db");
    let (mut journal, _) = open(file, Bounds::default());
    let longer = format!("{SUBJECT}1");
    let events = vec![access(1, SUBJECT), access(2, &longer), access(3, "somebody-else")];
    journal.commit(&Batch { events, ..Batch::default() }).unwrap();
    let erased = journal.erase(SUBJECT).unwrap().unwrap();
    assert_eq!((erased.events, erased.waiting), (1, 1));
    let left = journal.waiting_events(0, 10, usize::MAX).unwrap();
    assert_eq!(left.iter().map(|event| event.slot).collect::<Vec<_>>(), [2, 3]);
    assert!(Erasure::of("short").is_none() && Erasure::of(&"x".repeat(129)).is_none());
}

#[test]
fn escapes_hide_nobody() {
    let escaped = SUBJECT.replacen('x', "\\u0078", 1);
    assert!(names(&format!("{{\"a\":[{{\"b\":\"{escaped}\"}}]}}"), SUBJECT));
    assert!(!names(&format!("{{\"{SUBJECT}\":1}}"), SUBJECT), "a name is no value");
    assert!(fact_names(&format!("visit/{SUBJECT}"), b"", SUBJECT));
    assert!(fact_names("visit", &[b"\xff", SUBJECT.as_bytes()].concat(), SUBJECT));
    assert!(!fact_names("visit", b"\xff", SUBJECT));
}

#[test]
fn a_gap_of_events_that_were_taken_over_names_their_own_journal() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(&folder.path().join("journal.db"), Bounds::default());
    let (mut other, _) = open(&folder.path().join("other.db"), Bounds::default());
    other.journal_id = Uuid::from_u128(8);
    let events = (0..5).map(|n| access(n, if n == 2 { "x" } else { SUBJECT })).collect();
    other.commit(&Batch { events, ..Batch::default() }).unwrap();
    journal.commit(&Batch { events: vec![access(9, SUBJECT)], ..Batch::default() }).unwrap();
    journal.adopt(&other, "test").unwrap();
    let erased = journal.erase(SUBJECT).unwrap().unwrap();
    assert_eq!((erased.events, erased.waiting), (5, 5));
    let gaps: Vec<_> = journal
        .folded
        .gaps
        .iter()
        .map(|gap| (gap.journal_id, gap.ranges.clone(), gap.count))
        .collect();
    let theirs = (Some(Uuid::from_u128(8)), vec![(1, 2), (4, 5)], 4);
    assert_eq!(gaps, [(None, vec![(1, 1)], 1), theirs]);
}
