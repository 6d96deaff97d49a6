//! Delivered events: they stay where they are, readable, until they are too old or too many.
//!
//! The payload is not written a second time; a table's oldest rows are deleted in blocks, inside
//! the transaction of a fold.

use super::folded::Folded;
use super::planted::{self, Bug};
use super::{Class, Journal, PerClass, fold};

/// Rows are deleted in blocks of at least so many.
pub(super) const TRIM_BLOCK: u64 = 128;
/// Blocks of one table that one fold deletes at most.
const BLOCKS: u64 = 16;
/// Rows deleted at once where room is needed now.
const AT_ONCE: u64 = 512;

impl Journal {
    /// Deletes delivered rows beyond their age and their bytes, in the transaction of the fold
    /// `next`.
    pub(super) fn trim(&mut self, next: &Folded) -> rusqlite::Result<()> {
        let mut through = next.finished.through().min(next.counted_through);
        if planted::is(self.bug, Bug::DeleteBeforeAcceptance) {
            through = next.slot;
        }
        let waiting: u64 = next.waiting.values().map(PerClass::sum).sum();
        for class in Class::TABLES {
            for _ in 0..BLOCKS {
                let Some((last, at)) = self.block(class, through)? else { break };
                let old = next.age.saturating_sub(at) >= self.bounds.history_seconds;
                let history = self.room.used.saturating_sub(waiting);
                if !old && history <= self.bounds.history_bytes {
                    break;
                }
                let sql = format!("DELETE FROM {} WHERE slot <= ?1", class.table());
                self.db.prepare_cached(&sql)?.execute([last])?;
                self.measure()?;
            }
        }
        Ok(())
    }

    /// The last slot of a table's first block, and its age, if the block is delivered as a whole.
    fn block(&self, class: Class, through: u64) -> rusqlite::Result<Option<(u64, u64)>> {
        let sql = format!(
            "SELECT slot, at FROM {} WHERE slot <= ?1 ORDER BY slot LIMIT 1 OFFSET {}",
            class.table(),
            TRIM_BLOCK - 1
        );
        let mut statement = self.db.prepare_cached(&sql)?;
        let mut rows = statement.query([through])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        Ok(Some((row.get(0)?, row.get(1)?)))
    }

    /// Deletes the oldest delivered rows to make room now, a bounded number. False: there are
    /// none.
    pub(super) fn delete_history(&mut self) -> rusqlite::Result<bool> {
        if self.folded.counted_through < self.folded.finished.through()
            || self.folded_at < self.folded.slot
        {
            // Rows since the last fold are needed to open the file again.
            self.fold_alone()?;
        }
        // One event that the bus does not answer must not keep what came after it.
        let ranges: Vec<(u64, u64)> = std::iter::once((1, self.folded.counted_through))
            .chain(self.folded.finished.ranges())
            .collect();
        for class in Class::TABLES {
            let table = class.table();
            let select = format!(
                "SELECT slot FROM {table} WHERE slot BETWEEN ?1 AND ?2 ORDER BY slot LIMIT ?3"
            );
            let delete = format!("DELETE FROM {table} WHERE slot = ?1");
            // Ranges may hold one slot each: they are gathered until it is worth a transaction.
            let mut slots: Vec<u64> = Vec::new();
            for (first, last) in ranges.iter().copied() {
                let left = AT_ONCE.saturating_sub(slots.len() as u64);
                if left == 0 {
                    break;
                }
                let mut statement = self.db.prepare_cached(&select)?;
                let found = statement.query_map([first, last, left], |row| row.get(0))?;
                slots.extend(found.collect::<rusqlite::Result<Vec<u64>>>()?);
            }
            if slots.is_empty() {
                continue;
            }
            let mut next = self.folded.clone();
            next.age = self.age();
            let transaction = self.db.unchecked_transaction()?;
            for slot in slots {
                fold::pass(&transaction, &mut next, slot)?;
                transaction.prepare_cached(&delete)?.execute([slot])?;
            }
            fold::write(&transaction, &mut next, &self.unfolded)?;
            transaction.commit()?;
            self.folded_to(next);
            return Ok(true);
        }
        Ok(false)
    }
}
