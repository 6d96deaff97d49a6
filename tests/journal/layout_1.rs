//! Files as doorward 0.1 wrote them before layout 2: what an upgrade finds.

use std::collections::BTreeMap;
use std::path::Path;

use doorward::domain::ids::VendorId;
use doorward::journal::{Batch, Finished, SEEN_WINDOW};
use doorward_events::EventType;
use rusqlite::{Connection, params};

use crate::oracle::{Fate, Oracle, Stop};
use crate::sample::{Pick, SORTS, VARIANTS, VENDORS, digest, event, journal_id, quarantined};

const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE event_type (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0, delivered_through INTEGER NOT NULL DEFAULT 0);
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY, type INTEGER NOT NULL, type_sequence INTEGER NOT NULL,
    vendor TEXT, lane_key TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE fact (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (slot INTEGER PRIMARY KEY, digest BLOB NOT NULL);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, vendor TEXT, source TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, bytes INTEGER NOT NULL,
    raw TEXT, keyed_digest TEXT);
";

/// Id of the journal in such a file.
const JOURNAL: u64 = 1 << 40;

/// What an earlier doorward committed: `events` of them, of which the bus answered some.
fn contents(events: u64, seed: u64) -> Oracle {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut oracle = Oracle::new();
    oracle.journal_id = journal_id(JOURNAL);
    oracle.stop = if rng.bool() { Stop::Open } else { Stop::Closed };
    let mut batch = Batch::default();
    for _ in 0..events {
        let (sort, vendor) = (rng.u8(..SORTS), rng.u8(..VENDORS));
        batch.events.push(event(Pick { sort, vendor, variant: rng.u8(..VARIANTS) }));
    }
    for number in 0..rng.u8(..5) {
        batch.facts.insert(format!("door/{number}"), vec![number; usize::from(number) * 30]);
    }
    let seen = rng.u64(..2 * SEEN_WINDOW);
    batch.seen.extend((0..seen).map(digest));
    batch.quarantine.extend((1..=rng.u64(1..5)).map(|id| quarantined(id, "malformed_json", None)));
    oracle.apply(&batch);
    let through = rng.u64(..=events / 2);
    let answered = (1..=events).filter(|slot| *slot <= through || rng.u8(..40) == 0);
    oracle.apply(&Batch { finished: answered.collect(), ..Batch::default() });
    oracle.history_may_go = true;
    oracle.audited_after = events;
    oracle
}

/// Writes such a file; gives what it holds.
pub fn write(path: &Path, events: u64, seed: u64) -> Oracle {
    let oracle = contents(events, seed);
    let mut db = Connection::open(path).unwrap();
    db.pragma_update(None, "page_size", 4096).unwrap();
    db.pragma_update(None, "journal_mode", "WAL").unwrap();
    db.execute_batch(TABLES).unwrap();
    db.pragma_update(None, "application_id", 0x4472_5764).unwrap();
    db.pragma_update(None, "user_version", 1).unwrap();
    let transaction = db.transaction().unwrap();
    let through = oracle.through();
    let mut delivered_through: BTreeMap<EventType, u64> = BTreeMap::new();
    let mut finished = Finished::default();
    for (known, fate) in oracle.events.iter().zip(&oracle.fates) {
        if *fate != Fate::Waiting {
            finished.insert(known.slot);
        }
        if known.slot <= through {
            delivered_through.insert(known.kind, known.type_sequence);
        }
    }
    let mut ids: BTreeMap<EventType, i64> = BTreeMap::new();
    for (id, kind) in (1..).zip(EventType::ALL) {
        let last = oracle.type_sequences.get(&kind).copied().unwrap_or(0);
        let delivered = delivered_through.get(&kind).copied().unwrap_or(0);
        transaction
            .execute(
                "INSERT INTO event_type VALUES (?1, ?2, ?3, ?4)",
                params![id, kind.as_str(), last, delivered],
            )
            .unwrap();
        ids.insert(kind, id);
    }
    {
        let mut insert =
            transaction.prepare("INSERT INTO event VALUES (?1, ?2, ?3, ?4, ?5, ?6)").unwrap();
        // The oldest of the delivered were trimmed.
        for known in oracle.events.iter().filter(|known| known.slot > through / 2) {
            insert
                .execute(params![
                    known.slot,
                    ids[&known.kind],
                    known.type_sequence,
                    known.vendor.as_ref().map(VendorId::as_str),
                    known.lane_key,
                    known.detail,
                ])
                .unwrap();
        }
        let mut insert =
            transaction.prepare("INSERT OR REPLACE INTO seen VALUES (?1, ?2)").unwrap();
        let count = seen_count(&oracle);
        for (number, digest) in (count - oracle.seen.len() as u64..).zip(&oracle.seen) {
            insert.execute(params![number % SEEN_WINDOW, digest.0]).unwrap();
        }
    }
    for (name, value) in &oracle.facts {
        transaction.execute("INSERT INTO fact VALUES (?1, ?2)", params![name, value]).unwrap();
    }
    for row in oracle.quarantine.values() {
        transaction
            .execute(
                "INSERT INTO quarantine VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    row.id,
                    row.at.to_string(),
                    row.vendor.as_ref().map(VendorId::as_str),
                    row.source,
                    row.reason,
                    row.detail,
                    row.bytes,
                    row.raw,
                    row.keyed_digest
                        .map(|digest| format!("{:032x}", u128::from_be_bytes(digest.0))),
                ],
            )
            .unwrap();
    }
    let meta = |name: &str, value: rusqlite::types::Value| {
        transaction.execute("INSERT INTO meta VALUES (?1, ?2)", params![name, value]).unwrap();
    };
    let number = |value: u64| i64::try_from(value).unwrap();
    meta("journal_id", oracle.journal_id.to_string().into());
    meta("clean_stop", i64::from(oracle.stop == Stop::Closed).into());
    meta("sequence", number(oracle.slot()).into());
    meta("finished", finished.to_text().into());
    meta("seen_count", number(seen_count(&oracle)).into());
    transaction.commit().unwrap();
    oracle
}

/// How many digests there ever were: they are numbered.
fn seen_count(oracle: &Oracle) -> u64 {
    let last = oracle.seen.back().map(|digest| u128::from_be_bytes(digest.0) >> 64);
    last.map_or(0, |last| u64::try_from(last).unwrap() + 1)
}
