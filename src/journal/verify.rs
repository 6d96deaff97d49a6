//! Looking whether all that the journal holds is as it was written.

use rusqlite::OptionalExtension;

use super::layout::events;
use super::{DropReason, Journal, row};

/// What one step of looking found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Verified {
    pub looked: u64,
    /// Slots whose rows are not as they were written.
    pub damaged: Vec<u64>,
    /// Go on after this slot; `None`: that was the last.
    pub through: Option<u64>,
}

impl Journal {
    /// Looks at the checksums of at most `limit` rows after slot `after`.
    pub fn verify_rows(&self, after: u64, limit: u64) -> rusqlite::Result<Verified> {
        let mut statement = self.db.prepare_cached(concat!(
            events!("slot, body", "WHERE slot > ?1"),
            " ORDER BY 1 LIMIT ?2"
        ))?;
        let mut rows = statement.query([after, limit])?;
        let mut verified = Verified::default();
        while let Some(found) = rows.next()? {
            let slot: u64 = found.get(0)?;
            verified.looked += 1;
            verified.through = Some(slot);
            if row::decode(slot, found.get_ref(1)?.as_blob()?).is_err() {
                verified.damaged.push(slot);
            }
        }
        if verified.looked < limit {
            verified.through = None;
        }
        Ok(verified)
    }

    /// SQLite's own check of the whole file: its trees, its free pages. What is wrong, at most a
    /// hundred lines; it takes seconds for a large file.
    pub fn verify_file(&self) -> rusqlite::Result<Vec<String>> {
        let lines: Vec<String> = self
            .db
            .prepare("PRAGMA integrity_check")?
            .query_map([], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        Ok(lines.into_iter().filter(|line| line != "ok").collect())
    }

    /// Takes damaged rows out: those that wait become a gap.
    pub fn remove_damaged(&mut self, slots: &[u64]) -> rusqlite::Result<()> {
        let waiting: Vec<u64> =
            slots.iter().copied().filter(|slot| !self.folded.finished.contains(*slot)).collect();
        // Rows since the last fold are needed to open the file again.
        self.fold_alone()?;
        for slot in slots.iter().filter(|slot| self.folded.finished.contains(**slot)) {
            for table in ["access", "state", "telemetry"] {
                self.db
                    .prepare_cached(&format!("DELETE FROM {table} WHERE slot = ?1"))?
                    .execute([slot])
                    .map(|_| ())?;
            }
        }
        if waiting.is_empty() {
            Ok(())
        } else {
            self.give_up_slots(&waiting, DropReason::Corruption)
        }
    }

    /// Whether a slot still has its row.
    pub fn holds(&self, slot: u64) -> rusqlite::Result<bool> {
        let found: Option<i64> = self
            .db
            .prepare_cached(events!("kind", "WHERE slot = ?1"))?
            .query_row([slot], |row| row.get(0))
            .optional()?;
        Ok(found.is_some())
    }
}
