//! From an older layout to this one, in place.
//!
//! Waiting events keep their bytes. There is never a second copy of them on the disk: blocks of
//! rows move from the old table to the new one, each block in one transaction, and an
//! interrupted upgrade goes on where it was. The rows get smaller, so a full file has room.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::aside::Aside;
use super::folded::{Folded, TypeCounters};
use super::words::{NOBODY, Words};
use super::{Finished, OpenError, fold, layout, row};
use crate::domain::ids::VendorId;
use crate::link::Digest;

/// The oldest layout that can be read.
pub(super) const OLDEST: i64 = 1;
/// Rows that move in one transaction.
const BLOCK: u64 = 256;
/// A line in the log after so many rows.
const PROGRESS: u64 = 100_000;

/// Brings the file up to the present layout. The layout that it had, if it was older.
pub(super) fn bring_up(db: &mut Connection, version: i64) -> Result<Option<i64>, OpenError> {
    if version == 1 {
        begin(db)?;
    }
    let left: Option<i64> = db
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'event_1'", [], |row| row.get(0))
        .optional()?;
    if left.is_none() {
        return Ok(None);
    }
    move_rows(db)?;
    Ok(Some(1))
}

/// The new tables, the counters and the small tables, in one transaction; from then on the file
/// has the new layout, and its events are in `event_1`.
fn begin(db: &mut Connection) -> Result<(), OpenError> {
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(
        "ALTER TABLE event RENAME TO event_1; ALTER TABLE seen RENAME TO seen_1;
         ALTER TABLE meta RENAME TO meta_1; ALTER TABLE fact RENAME TO fact_1;
         ALTER TABLE quarantine RENAME TO quarantine_1;",
    )?;
    transaction.execute_batch(layout::TABLES)?;
    transaction.execute_batch(
        "DROP TABLE quarantine; ALTER TABLE quarantine_1 RENAME TO quarantine;
         DROP TABLE fact; ALTER TABLE fact_1 RENAME TO fact;
         INSERT INTO word (id, word) SELECT id, name FROM event_type;
         INSERT INTO meta SELECT name, value FROM meta_1 WHERE name IN ('journal_id', 'clean_stop');",
    )?;
    let old = |name: &str| -> rusqlite::Result<Option<String>> {
        transaction
            .query_row("SELECT CAST(value AS TEXT) FROM meta_1 WHERE name = ?1", [name], |row| {
                row.get(0)
            })
            .optional()
    };
    let number = |name: &'static str| -> Result<u64, OpenError> {
        match old(name)? {
            Some(text) => text.parse().map_err(|_| OpenError::Damaged(name)),
            None => Ok(0),
        }
    };
    let finished = match old("finished")? {
        Some(text) => Finished::from_text(&text).ok_or(OpenError::Damaged("finished ranges"))?,
        None => Finished::default(),
    };
    let mut folded = Folded {
        slot: number("sequence")?,
        counted_through: finished.through(),
        finished,
        ..Folded::default()
    };
    {
        let mut statement =
            transaction.prepare("SELECT id, sequence, delivered_through FROM event_type")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let counters = TypeCounters { sequence: row.get(1)?, delivered_through: row.get(2)? };
            folded.types.insert(row.get(0)?, counters);
        }
    }
    let count = number("seen_count")?;
    let seen: Vec<Digest> = transaction
        .prepare("SELECT digest FROM seen_1 ORDER BY (slot < ?1), slot")?
        .query_map([count % super::SEEN_WINDOW], |row| row.get(0).map(Digest))?
        .collect::<rusqlite::Result<_>>()?;
    folded.seen = count;
    fold::write_seen(&transaction, count.saturating_sub(seen.len() as u64), &seen)?;
    let text = folded.to_text().map_err(|_| OpenError::Damaged("counters"))?;
    fold::set_meta(&transaction, "folded", text)?;
    transaction.execute_batch("DROP TABLE event_type; DROP TABLE seen_1; DROP TABLE meta_1;")?;
    transaction.pragma_update(None, "user_version", layout::LAYOUT)?;
    transaction.commit()?;
    Ok(())
}

/// Moves the rows, block by block, and drops the empty table.
fn move_rows(db: &mut Connection) -> Result<(), OpenError> {
    let mut words = {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let words = Words::load(&transaction)?;
        transaction.commit()?;
        words
    };
    let mut moved = 0;
    loop {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let text: Option<String> = fold::meta(&transaction, "folded")?;
        let mut folded =
            text.and_then(|text| Folded::from_text(&text)).ok_or(OpenError::Damaged("counters"))?;
        let rows = move_block(&transaction, &mut words, &mut folded)?;
        if rows == 0 {
            transaction.execute_batch("DROP TABLE event_1")?;
            transaction.commit()?;
            return Ok(());
        }
        let text = folded.to_text().map_err(|_| OpenError::Damaged("counters"))?;
        fold::set_meta(&transaction, "folded", text)?;
        transaction.commit()?;
        moved += rows;
        if moved % PROGRESS < BLOCK {
            tracing::info!(events = moved, "the journal gets its new layout");
        }
    }
}

fn move_block(db: &Connection, words: &mut Words, folded: &mut Folded) -> Result<u64, OpenError> {
    let mut statement = db.prepare_cached(
        "SELECT sequence, type, type_sequence, vendor, detail FROM event_1
         ORDER BY sequence LIMIT ?1",
    )?;
    let mut rows = statement.query([BLOCK])?;
    let (mut count, mut last) = (0, 0);
    while let Some(found) = rows.next()? {
        let (slot, kind, type_sequence): (u64, i64, u64) =
            (found.get(0)?, found.get(1)?, found.get(2)?);
        let vendor: Option<String> = found.get(3)?;
        let detail: String = found.get(4)?;
        let vendor_id = match &vendor {
            Some(name) => {
                words.add(db, &super::commit::vendor_word(&VendorId::new(name.as_str())))?
            }
            None => NOBODY,
        };
        let body = row::encode(slot, vendor.as_deref(), &detail, &Aside::default());
        super::commit::write_row(
            db,
            &super::commit::Place {
                slot,
                class: words.class(kind),
                kind,
                type_sequence,
                vendor: vendor_id,
                at: folded.age,
            },
            &body,
        )?;
        if !folded.finished.contains(slot) {
            folded.add_waiting(vendor_id, words.class(kind), body.len() as u64);
        }
        (count, last) = (count + 1, slot);
    }
    drop(rows);
    if count > 0 {
        db.prepare_cached("DELETE FROM event_1 WHERE sequence <= ?1")?.execute([last])?;
    }
    Ok(count)
}
