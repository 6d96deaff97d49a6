//! Digests of accesses and decisions, beside the events and beyond them.
//!
//! An audited event's row holds a fresh salt; its digest follows from the row, is written into a
//! table of its own with the next fold, and stays when the row goes. The salt goes with the row,
//! whatever way that goes: what an erased event said cannot be tried out.

use ring::rand::{SecureRandom, SystemRandom};
use rusqlite::{Connection, OptionalExtension, params};

use super::{CommitError, Journal, fold, layout};
use crate::domain::audit::{Hash, SALT_BYTES, Salt};

/// The slot from which on events leave digests; absent: from the first.
const FROM: &str = "audit_from";
/// In `fate`: the bus refused it for good.
pub(super) const REFUSED: &str = "refused";

/// A digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Leaf {
    pub slot: u64,
    /// The event type's id in `word`.
    pub kind: i64,
    pub hash: Hash,
}

/// A salt that nobody can guess.
pub(super) fn fresh_salt() -> Result<Salt, CommitError> {
    let mut salt = [0; SALT_BYTES];
    SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| CommitError::Io(std::io::Error::other("the system gives no random bytes")))?;
    Ok(salt)
}

/// Whether the file has the tables; one that nobody opened for writing since they exist has not.
pub(super) fn is_kept(db: &Connection) -> rusqlite::Result<bool> {
    let found: Option<i64> = db
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'audit'", [], |row| row.get(0))
        .optional()?;
    Ok(found.is_some())
}

/// Makes the tables in a file without them, whose last slot is `slot`: events leave digests from
/// then on.
pub(super) fn make_tables(db: &Connection, slot: u64) -> rusqlite::Result<()> {
    if is_kept(db)? {
        return Ok(());
    }
    db.execute_batch(layout::AUDIT_TABLES)?;
    fold::set_meta(db, FROM, slot + 1)
}

/// The slot from which on events leave digests that a checkpoint may still close.
pub(super) fn kept_from(db: &Connection) -> rusqlite::Result<u64> {
    Ok(fold::meta(db, FROM)?.unwrap_or(1))
}

/// A new journal begins after `slot` in the same file: what was not closed before stays open for
/// good, and the chain of ranges begins anew.
pub(super) fn begin_anew(db: &Connection, slot: u64) -> rusqlite::Result<()> {
    db.execute("DELETE FROM fate", [])?;
    fold::set_meta(db, FROM, slot + 1)
}

/// Writes digests that were only in memory, and in the rows, so far.
pub(super) fn write(db: &Connection, leaves: &[Leaf]) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT OR REPLACE INTO audit (slot, kind, leaf, erased) VALUES (?1, ?2, ?3, 0)",
    )?;
    for leaf in leaves {
        insert.execute(params![leaf.slot, leaf.kind, leaf.hash.0])?;
    }
    Ok(())
}

/// Notes of which digests the events were erased.
pub(super) fn note_erased(db: &Connection, slots: &[u64]) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached("UPDATE audit SET erased = 1 WHERE slot = ?1")?;
    for slot in slots {
        update.execute([slot])?;
    }
    Ok(())
}

/// Notes that the bus never takes these events of this journal, for the checkpoint that closes
/// over them. `slots`: ascending. A checkpoint among them counts as never accepted.
pub(super) fn note_fate(db: &Connection, slots: &[u64], reason: &str) -> rusqlite::Result<()> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    lose_checkpoints(db, slots)?;
    for slot in slots {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *slot => *last = *slot,
            _ => runs.push((*slot, *slot)),
        }
    }
    let mut before = db.prepare_cached(
        "SELECT first, last, reason FROM fate WHERE first <= ?1 ORDER BY first DESC LIMIT 1",
    )?;
    for (first, last) in runs {
        let found: Option<(u64, u64, String)> = before
            .query_row([first], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?;
        match found {
            // It is noted already: an answer came twice.
            Some((_, end, _)) if end >= last => {}
            Some((start, end, same)) if end + 1 == first && same == reason => {
                db.prepare_cached("UPDATE fate SET last = ?2 WHERE first = ?1")?
                    .execute([start, last])?;
            }
            _ => {
                db.prepare_cached("INSERT OR REPLACE INTO fate VALUES (?1, ?2, ?3)")?
                    .execute(params![first, last, reason])?;
            }
        }
    }
    Ok(())
}

fn lose_checkpoints(db: &Connection, slots: &[u64]) -> rusqlite::Result<()> {
    let (Some(first), Some(last)) = (slots.first(), slots.last()) else { return Ok(()) };
    let among: Vec<u64> = db
        .prepare_cached("SELECT event FROM checkpoint WHERE event BETWEEN ?1 AND ?2")?
        .query_map([first, last], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for event in among.iter().filter(|event| slots.binary_search(event).is_ok()) {
        db.prepare_cached("UPDATE checkpoint SET lost = 1 WHERE event = ?1")?.execute([event])?;
    }
    Ok(())
}

/// A digest as it stands in the file. What is none becomes one that fits nothing.
pub(super) fn hash_of(value: rusqlite::types::ValueRef<'_>) -> Hash {
    let bytes = value.as_bytes().ok().and_then(|bytes| bytes.try_into().ok());
    Hash(bytes.unwrap_or_default())
}

impl Journal {
    /// The digests in these slots, in their order, at most `limit`: type, digest, and whether the
    /// event was erased.
    pub(super) fn leaves(
        &self,
        first: u64,
        last: u64,
        limit: usize,
    ) -> rusqlite::Result<Vec<(Leaf, bool)>> {
        let mut leaves = Vec::new();
        let mut statement = self.db.prepare_cached(
            "SELECT slot, kind, leaf, erased FROM audit
             WHERE slot BETWEEN ?1 AND ?2 ORDER BY slot LIMIT ?3",
        )?;
        let mut rows =
            statement.query(params![first, last, i64::try_from(limit).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            let slot = row.get(0)?;
            let hash = hash_of(row.get_ref(2)?);
            let erased = row.get::<_, i64>(3).unwrap_or(0) != 0;
            leaves.push((Leaf { slot, kind: row.get(1).unwrap_or(-1), hash }, erased));
        }
        let within = |leaf: &&Leaf| (first..=last).contains(&leaf.slot);
        let unwritten = self.unfolded.leaves.iter().filter(within);
        leaves.extend(unwritten.map(|leaf| (*leaf, false)));
        leaves.truncate(limit);
        Ok(leaves)
    }
}

#[cfg(test)]
mod tests;
