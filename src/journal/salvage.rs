//! What a broken file still holds, row by row.
//!
//! Events are looked for in its pages (`pages`); counters, digests and quarantine are read through
//! SQLite, each on its own, and what cannot be read is left out: a message may be told twice,
//! delivered events may be sent again under their `id`. Facts are not taken over: a newer value
//! may have been in a row that is lost, and an old one is no better than none.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;
use uuid::Uuid;

use super::carry::{self, Carried};
use super::folded::Folded;
use super::mark::Mark;
use super::pages::{Pages, Spot};
use super::recovery::reader;
use super::{DropReason, Journal, OpenError, fold};
use crate::domain::ids::VendorId;
use crate::link::Digest;

/// Rows that are taken over in one transaction.
const BLOCK: usize = 256;
/// Events beyond the last row found that may be told as missing.
const MOST_MISSING: u64 = 1_000_000;

/// The id of the journal in a file that may be broken.
pub(super) fn journal_id(path: &Path) -> Option<Uuid> {
    let read = || -> Option<Uuid> {
        let text: String = fold::meta(&reader(path).ok()?, "journal_id").ok()??;
        Uuid::parse_str(&text).ok()
    };
    read().or_else(|| Mark::read(path).map(|mark| mark.journal_id))
}

/// What SQLite can still read beside the events.
#[derive(Default)]
struct Remains {
    folded: Option<Folded>,
    seen: Vec<Digest>,
}

fn remains(path: &Path) -> Remains {
    let mut remains = Remains::default();
    let Ok(db) = reader(path) else { return remains };
    remains.folded = fold::meta::<String>(&db, "folded")
        .ok()
        .flatten()
        .and_then(|text| Folded::from_text(&text));
    if let Some(folded) = &remains.folded {
        remains.seen = fold::read_seen(&db, folded.seen).unwrap_or_default();
    }
    remains
}

/// Takes over into the fresh `journal` whatever the file at `path` still holds; gives the number
/// of waiting events. Sequences that must have been there and are not become a gap.
pub(super) fn take_over(
    journal: &mut Journal,
    path: &Path,
    old_id: Option<Uuid>,
) -> Result<u64, OpenError> {
    let mut remains = remains(path);
    copy_quarantine(&journal.db, path);
    let pages = Pages::open(path)?;
    let rows = pages.rows();
    let folded_at = remains.folded.as_ref().map_or(0, |folded| folded.slot);
    let counters = remains.folded.is_some();
    let mut old = remains.folded.unwrap_or_default();
    if !counters {
        old.carried = carried_among(&pages, &rows, old_id);
    }
    // Rows since the last fold say what else changed with them.
    for spot in rows.iter().filter(|spot| spot.slot > folded_at) {
        let Some(content) = pages.read(*spot) else { continue };
        remains.seen.extend(content.aside.seen);
        content.aside.finished.iter().for_each(|slot| old.finished.insert(*slot));
        old.slot = old.slot.max(spot.slot);
    }
    let known = Mark::read(path).filter(|mark| Some(mark.journal_id) == old_id);
    let last = old.slot.max(known.map_or(0, |mark| mark.slot));
    // Rows from far beyond what was found are no loss, but a number that is not true.
    let last = last.min(rows.last().map_or(0, |spot| spot.slot).saturating_add(MOST_MISSING));
    let waiting: Vec<_> = rows.iter().filter(|spot| !old.finished.contains(spot.slot)).collect();
    let mut carried = 0;
    for block in waiting.chunks(BLOCK) {
        let events: Vec<Carried> = block
            .iter()
            .filter_map(|spot| pages.read(**spot))
            .map(|content| Carried {
                vendor: content.vendor.map(VendorId::new),
                detail: content.detail,
            })
            .collect();
        let mut next = journal.folded.clone();
        let transaction = journal.db.unchecked_transaction()?;
        carried += carry::write(&transaction, &mut journal.words, &mut next, &events)?;
        fold::write(&transaction, &mut next, &journal.unfolded)?;
        transaction.commit()?;
        journal.folded_to(next);
    }
    // Where nothing says what was delivered, all that was not found may be missing.
    let missing = missing(&old, 1, last, &rows.iter().map(|spot| spot.slot).collect::<Vec<_>>());
    let mut next = journal.folded.clone();
    next.add_gaps(DropReason::Corruption, old_id, &missing);
    // Of what was taken over from other journals only the number is known.
    let found: BTreeSet<u64> = rows.iter().map(|spot| spot.slot).collect();
    let carried_slots = old.carried.iter().flat_map(|(first, last)| *first..=*last);
    let lost = carried_slots.filter(|slot| !old.finished.contains(*slot) && !found.contains(slot));
    next.add_unknown(DropReason::Corruption, lost.count() as u64);
    for gap in &old.gaps {
        next.take_gap(gap, old_id);
    }
    next.seen = remains.seen.len() as u64;
    let transaction = journal.db.unchecked_transaction()?;
    fold::write_seen(&transaction, 0, &remains.seen)?;
    fold::write(&transaction, &mut next, &journal.unfolded)?;
    transaction.commit()?;
    journal.folded_to(next);
    Ok(carried)
}

/// Which slots held events of other journals than `id`, by the word of the rows: an event of its
/// own says its sequence, which lags behind its slot by as many as were taken over before it.
fn carried_among(pages: &Pages, rows: &[Spot], id: Option<Uuid>) -> Vec<(u64, u64)> {
    #[derive(serde::Deserialize)]
    struct Origin {
        journal_id: Uuid,
        sequence: u64,
    }
    #[derive(serde::Deserialize)]
    struct Written {
        gateway: Origin,
    }
    let mut carried: Vec<(u64, u64)> = Vec::new();
    let mut counted = 0;
    let mut own_before = 0;
    // First and last of the others since the last one of its own.
    let mut others: Option<(u64, u64)> = None;
    for spot in rows {
        let Some(content) = pages.read(*spot) else { continue };
        let written = serde_json::from_str::<Written>(&content.detail);
        let own = written.ok().filter(|event| Some(event.gateway.journal_id) == id);
        let Some(Written { gateway: Origin { sequence, .. } }) = own else {
            others = Some((others.map_or(spot.slot, |(first, _)| first), spot.slot));
            continue;
        };
        let so_far = spot.slot.saturating_sub(sequence);
        let count = so_far.saturating_sub(counted);
        if count > 0 {
            let first = match others {
                // A journal that was made of the remains of another begins with them.
                Some((first, _)) if own_before == 0 && first <= count => 1,
                Some((first, _)) => first,
                None => spot.slot - count,
            };
            carried.push((first, first + count - 1));
            counted = so_far;
        }
        (own_before, others) = (spot.slot, None);
    }
    if let Some((first, last)) = others {
        carried.push((if own_before == 0 { 1 } else { first }, last));
    }
    carried
}

/// Sequences between two slots that neither have their final answer nor were found.
fn missing(old: &Folded, first: u64, last: u64, found: &[u64]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let mut note = |from: u64, to: u64| {
        for slot in from..=to {
            if old.finished.contains(slot) || old.is_carried(slot) {
                continue;
            }
            let sequence = old.sequence_of(slot);
            match ranges.last_mut() {
                Some((_, end)) if *end + 1 == sequence => *end = sequence,
                _ => ranges.push((sequence, sequence)),
            }
        }
    };
    let mut next = first.max(old.finished.through() + 1);
    for slot in found.iter().copied().filter(|slot| *slot >= first) {
        if slot > next {
            note(next, slot - 1);
        }
        next = next.max(slot + 1);
    }
    note(next, last);
    ranges
}

/// Copies the rows of quarantine as far as they can be read.
fn copy_quarantine(to: &Connection, from: &Path) {
    let copy = || -> rusqlite::Result<()> {
        let db = reader(from)?;
        let mut statement = db.prepare(
            "SELECT id, at, vendor, source, reason, detail, bytes, raw, keyed_digest
             FROM quarantine ORDER BY id",
        )?;
        let mut rows = statement.query([])?;
        let transaction = to.unchecked_transaction()?;
        while let Ok(Some(row)) = rows.next() {
            let values: Vec<rusqlite::types::Value> =
                (0..9).map(|column| row.get(column)).collect::<rusqlite::Result<_>>()?;
            transaction
                .prepare_cached(
                    "INSERT INTO quarantine VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                )?
                .execute(rusqlite::params_from_iter(values))?;
        }
        transaction.commit()
    };
    if let Err(error) = copy() {
        tracing::warn!(%error, "the quarantine of the broken journal cannot be read");
    }
}
