//! Closing ranges of digests, and letting closed ones go.
//!
//! A range is closed in the commit that holds its checkpoint's event: there is no checkpoint of a
//! range that is open, and none of one that is closed already. It stays with its digests until the
//! bus has accepted its checkpoint, and then for as long as history does.

use std::collections::BTreeMap;

use doorward_events::EventType;
use rusqlite::{OptionalExtension, params};

use super::audit::{self, REFUSED};
use super::folded::Folded;
use super::{CommitError, Journal, Stored};
use crate::domain::audit::{Closable, Dropped, Hash, MAX_EVENTS, MAX_RUNS, MAX_SPAN, merkle};

/// Digests in the closed ranges behind the oldest: where there are so many it goes, if its checkpoint
/// was accepted.
pub const KEPT_DIGESTS: u64 = 32_768;
/// Closed ranges behind the oldest, as above.
pub const KEPT_RANGES: u64 = 2_048;
/// Ranges that one fold lets go at most.
const AT_ONCE: usize = 8;

/// A range that the commit in hand closes; its checkpoint is one of the commit's events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// First and last slot, as [`Closable::slots`] said them.
    pub slots: (u64, u64),
    /// Its digests.
    pub events: u64,
    pub root: Hash,
    /// The checkpoint's statement as compact JWS.
    pub signed: String,
}

/// The newest closed range.
struct Newest {
    last: u64,
    root: Hash,
    number: u64,
    digests: u64,
}

impl Journal {
    fn newest_range(&self) -> rusqlite::Result<Option<Newest>> {
        self.db
            .prepare_cached(
                "SELECT last, root, number, digests FROM checkpoint ORDER BY last DESC LIMIT 1",
            )?
            .query_row([], |row| {
                let root = audit::hash_of(row.get_ref(1)?);
                Ok(Newest { last: row.get(0)?, root, number: row.get(2)?, digests: row.get(3)? })
            })
            .optional()
    }

    /// The slot with which the next range begins, and the root before it.
    pub(super) fn open_from(&self) -> rusqlite::Result<(u64, Option<Hash>)> {
        let from = audit::kept_from(&self.db)?;
        Ok(match self.newest_range()? {
            Some(newest) if newest.last >= from => (newest.last + 1, Some(newest.root)),
            _ => (from, None),
        })
    }

    /// The next range, if each event in it has its final answer and it is worth a checkpoint: it
    /// is as large as one may be, or (unless only a `whole` one is wanted) holds more than
    /// checkpoints of other ranges.
    pub fn closable(&self, whole: bool) -> rusqlite::Result<Option<Closable>> {
        let (from, previous_root) = self.open_from()?;
        let span = from.saturating_add(MAX_SPAN - 1);
        let mut last = self.folded.finished.through().min(self.folded.slot).min(span);
        if last < from {
            return Ok(None);
        }
        let mut full = last == span;
        let mut leaves = self.leaves(from, last, MAX_EVENTS + 1)?;
        if let Some((beyond, _)) = leaves.get(MAX_EVENTS) {
            (last, full) = (beyond.slot - 1, true);
        }
        full |= leaves.len() == MAX_EVENTS;
        let runs = self.fates(from, &mut last, &mut full)?;
        leaves.retain(|(leaf, _)| leaf.slot <= last);
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for (leaf, _) in &leaves {
            let word = self.words.word(leaf.kind).unwrap_or("?");
            *counts.entry(word.to_owned()).or_default() += 1;
        }
        let checkpoint = EventType::AuditCheckpoint.as_str();
        let worth = counts.keys().any(|word| word != checkpoint) || !runs.is_empty();
        if !full && (whole || !worth) {
            return Ok(None);
        }
        let first = self.folded.sequence_of(from - 1) + 1;
        let end = self.folded.sequence_of(last);
        if end < first {
            return Ok(None);
        }
        let hashes: Vec<Hash> = leaves.iter().map(|(leaf, _)| leaf.hash).collect();
        let place = |(first, last)| (self.folded.sequence_of(first), self.folded.sequence_of(last));
        let (mut dropped, mut refused) = (Vec::new(), Vec::new());
        for (first, last, reason) in runs {
            let (first, last) = place((first, last));
            if reason == REFUSED {
                refused.push((first, last));
            } else {
                dropped.push(Dropped { first, last, reason });
            }
        }
        Ok(Some(Closable {
            journal_id: self.journal_id,
            first,
            last: end,
            events: leaves.len() as u64,
            counts,
            dropped,
            refused,
            previous_root,
            merkle: merkle(&hashes),
            slots: (from, last),
            more: full,
        }))
    }

    /// What was given up or refused from `from` on; `last` moves to before what one range has no
    /// room to name.
    fn fates(
        &self,
        from: u64,
        last: &mut u64,
        full: &mut bool,
    ) -> rusqlite::Result<Vec<(u64, u64, String)>> {
        let mut statement = self.db.prepare_cached(
            "SELECT first, last, reason FROM fate WHERE last >= ?1 AND first <= ?2 ORDER BY first",
        )?;
        let mut rows = statement.query([from, *last])?;
        let mut runs = Vec::new();
        let (mut dropped, mut refused) = (0, 0);
        while let Some(row) = rows.next()? {
            let (first, end, reason): (u64, u64, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            let count = if reason == REFUSED { &mut refused } else { &mut dropped };
            *count += 1;
            if *count > MAX_RUNS {
                (*last, *full) = (first - 1, true);
                break;
            }
            runs.push((first.max(from), end.min(*last), reason));
        }
        Ok(runs)
    }

    /// Closes a range in the transaction of the commit, whose events are `stored`.
    ///
    /// # Errors
    /// Beside those of the file: it is not the range whose turn it is, or no checkpoint is among
    /// the events. Nothing of the commit is to be in the file then.
    pub(super) fn close_range(
        &self,
        closing: &Closing,
        stored: &[Stored],
    ) -> Result<(), CommitError> {
        let (first, last) = closing.slots;
        let event = stored.iter().find(|event| event.kind == EventType::AuditCheckpoint);
        let (Some(event), true) = (event, self.open_from()?.0 == first && first <= last) else {
            let words = "a checkpoint closes a range whose turn it is not";
            return Err(CommitError::Io(std::io::Error::other(words)));
        };
        let before = self.newest_range()?;
        let (number, digests) = before.map_or((0, 0), |range| (range.number, range.digests));
        self.db
            .prepare_cached("INSERT INTO checkpoint VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?8)")?
            .execute(params![
                last,
                first,
                event.slot,
                self.age(),
                number + 1,
                digests + closing.events,
                closing.root.0,
                closing.signed
            ])?;
        self.db.prepare_cached("DELETE FROM fate WHERE last <= ?1")?.execute([last])?;
        self.db
            .prepare_cached("UPDATE fate SET first = ?1 + 1 WHERE first <= ?1")?
            .execute([last])?;
        Ok(())
    }

    /// Lets accepted ranges go that are too old or too many, in the transaction of a fold.
    pub(super) fn let_ranges_go(&self, next: &Folded) -> rusqlite::Result<()> {
        for _ in 0..AT_ONCE {
            let Some(oldest) = self.oldest_accepted(next)? else { break };
            let Some(newest) = self.newest_range()? else { break };
            let old = next.age.saturating_sub(oldest.at) >= self.bounds.history_seconds;
            // Those of the oldest are not counted: it is what goes.
            let many = newest.digests.saturating_sub(oldest.digests) >= KEPT_DIGESTS
                || newest.number.saturating_sub(oldest.number) >= KEPT_RANGES;
            if !old && !many {
                break;
            }
            self.let_go(oldest.last)?;
        }
        Ok(())
    }

    /// Lets the oldest accepted range go to make room now. False: there is none.
    pub(super) fn let_range_go(&mut self) -> rusqlite::Result<bool> {
        let Some(oldest) = self.oldest_accepted(&self.folded)? else { return Ok(false) };
        let transaction = self.db.unchecked_transaction()?;
        self.let_go(oldest.last)?;
        transaction.commit()?;
        Ok(true)
    }

    fn let_go(&self, last: u64) -> rusqlite::Result<()> {
        self.db.prepare_cached("DELETE FROM audit WHERE slot <= ?1")?.execute([last])?;
        self.db.prepare_cached("DELETE FROM checkpoint WHERE last <= ?1")?.execute([last])?;
        Ok(())
    }

    /// The oldest range, if its checkpoint was accepted and it is not the newest one, which the
    /// next range needs.
    fn oldest_accepted(&self, folded: &Folded) -> rusqlite::Result<Option<Oldest>> {
        let mut statement = self.db.prepare_cached(
            "SELECT last, event, at, lost, number, digests FROM checkpoint ORDER BY last LIMIT 2",
        )?;
        let mut rows = statement.query([])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (event, lost): (u64, bool) = (row.get(1)?, row.get(3)?);
        let oldest = Oldest {
            last: row.get(0)?,
            at: row.get(2)?,
            number: row.get(4)?,
            digests: row.get(5)?,
        };
        let accepted = folded.finished.contains(event) && !lost;
        Ok((accepted && rows.next()?.is_some()).then_some(oldest))
    }
}

struct Oldest {
    last: u64,
    at: u64,
    number: u64,
    digests: u64,
}
