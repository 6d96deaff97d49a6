//! Giving up what waits: the oldest of a class, as a gap that is told.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use uuid::Uuid;

use super::folded::DropReason;
use super::room::ROUNDS;
use super::{Class, Journal, audit, fold, row};

/// Most events that go at once.
const AT_ONCE: usize = 512;
/// Rows looked at in one step of the search.
const SCAN_ROWS: u64 = 4096;
/// Ages are looked at again after this, in seconds of the journal's age.
const AGE_EVERY: u64 = 60;

/// Where an event stood in the journal that wrote it.
#[derive(Deserialize)]
struct Origin {
    journal_id: Uuid,
    sequence: u64,
}

#[derive(Deserialize)]
struct Written {
    gateway: Origin,
}

/// The origin of an event that was taken over; `None` if the row does not say.
fn origin(slot: u64, body: &[u8]) -> Option<Origin> {
    let content = row::decode(slot, body).ok()?;
    serde_json::from_str::<Written>(&content.detail).ok().map(|event| event.gateway)
}

impl Journal {
    /// Gives up the oldest waiting events of a class (of a vendor), at most [`AT_ONCE`]. False:
    /// there are none.
    pub(super) fn shed(
        &mut self,
        class: Class,
        vendor: Option<i64>,
        reason: DropReason,
    ) -> rusqlite::Result<bool> {
        self.give_up(class, vendor, reason, u64::MAX)
    }

    /// As [`Journal::shed`], of rows that were committed at this age of the journal or before.
    fn give_up(
        &mut self,
        class: Class,
        vendor: Option<i64>,
        reason: DropReason,
        until: u64,
    ) -> rusqlite::Result<bool> {
        let key = (class, vendor);
        let mut end = self.room.searched.get(&key).copied().unwrap_or(0);
        end = end.max(self.folded.finished.through());
        let mut slots = Vec::new();
        let sql = format!(
            "SELECT slot, kind, vendor, at FROM {} WHERE slot > ?1 ORDER BY slot LIMIT ?2",
            class.table()
        );
        'search: while slots.len() < AT_ONCE {
            let mut statement = self.db.prepare_cached(&sql)?;
            let mut rows = statement.query([end, SCAN_ROWS])?;
            let mut looked = 0;
            while let Some(row) = rows.next()? {
                let (slot, kind, of, at): (u64, i64, i64, u64) =
                    (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
                if at > until || slots.len() >= AT_ONCE {
                    break 'search;
                }
                looked += 1;
                end = slot;
                if self.words.class(kind) == class
                    && vendor.is_none_or(|vendor| vendor == of)
                    && !self.folded.finished.contains(slot)
                    && !self.folded.is_carried(slot)
                {
                    slots.push(slot);
                }
            }
            if looked < SCAN_ROWS {
                break;
            }
        }
        let some = !slots.is_empty();
        if some {
            self.give_up_slots(&slots, reason)?;
        }
        // Only now: after a failure the same rows are found again.
        self.room.searched.insert(key, end);
        Ok(some)
    }

    /// Deletes waiting events for good and notes the gap, in a transaction of its own. `slots`:
    /// ascending.
    pub(super) fn give_up_slots(
        &mut self,
        slots: &[u64],
        reason: DropReason,
    ) -> rusqlite::Result<()> {
        let mut next = self.folded.clone();
        next.age = self.age();
        let transaction = self.db.unchecked_transaction()?;
        let mut foreign: BTreeMap<Uuid, BTreeSet<u64>> = BTreeMap::new();
        let mut unknown = 0;
        for slot in slots {
            let Some(weight) = fold::weigh(&transaction, &self.words, *slot)? else { continue };
            next.subtract_waiting(weight.vendor, weight.class, weight.bytes);
            next.finished.insert(*slot);
            fold::pass(&transaction, &mut next, *slot)?;
            let table = weight.class.table();
            if next.is_carried(*slot) {
                let sql = format!("SELECT body FROM {table} WHERE slot = ?1");
                let body: Vec<u8> =
                    transaction.prepare_cached(&sql)?.query_row([slot], |row| row.get(0))?;
                match origin(*slot, &body) {
                    Some(Origin { journal_id, sequence }) => {
                        foreign.entry(journal_id).or_default().insert(sequence);
                    }
                    None => unknown += 1,
                }
            }
            let sql = format!("DELETE FROM {table} WHERE slot = ?1");
            transaction.prepare_cached(&sql)?.execute([slot])?;
        }
        for slot in slots {
            next.finished.insert(*slot);
        }
        let own: Vec<u64> = slots.iter().copied().filter(|slot| !next.is_carried(*slot)).collect();
        next.note_gap(reason, &own);
        next.add_unknown(reason, unknown);
        for (journal_id, sequences) in foreign {
            let mut ranges: Vec<(u64, u64)> = Vec::new();
            for sequence in sequences {
                match ranges.last_mut() {
                    Some((_, last)) if *last + 1 == sequence => *last = sequence,
                    _ => ranges.push((sequence, sequence)),
                }
            }
            next.add_gaps(reason, Some(journal_id), &ranges);
        }
        fold::write(&transaction, &mut next, &self.unfolded)?;
        audit::note_fate(&transaction, &own, reason.as_str())?;
        if reason == DropReason::Erased {
            audit::note_erased(&transaction, &own)?;
        }
        transaction.commit()?;
        self.folded_to(next);
        for slot in slots {
            match self.dropped.last_mut() {
                Some((_, last)) if *last + 1 == *slot => *last = *slot,
                _ => self.dropped.push((*slot, *slot)),
            }
        }
        Ok(())
    }

    /// Gives up what has waited for longer than it is worth. Never access events.
    pub(super) fn drop_aged(&mut self) -> rusqlite::Result<()> {
        let age = self.age();
        if age < self.room.aged + AGE_EVERY && self.room.aged > 0 {
            return Ok(());
        }
        self.room.aged = age.max(1);
        let Some(until) = age.checked_sub(self.bounds.waiting_seconds) else { return Ok(()) };
        for class in [Class::Refusal, Class::Telemetry, Class::State] {
            for _ in 0..ROUNDS {
                if !self.give_up(class, None, DropReason::Age, until)? {
                    break;
                }
            }
        }
        Ok(())
    }
}
