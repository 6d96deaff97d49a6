//! One commit: events get their place, the bytes that will leave are written, and whatever else
//! changed rides with them.

use std::collections::{BTreeSet, HashMap};

use doorward_events::GatewayOrigin;
use rusqlite::{Connection, params};

use super::aside::Aside;
use super::audit::{self, Leaf, REFUSED};
use super::fold::{self, FOLD_MARKS, FOLD_ROWS, Weight};
use super::folded::Folded;
use super::planted::{self, Bug};
use super::words::NOBODY;
use super::{
    Batch, Class, CommitError, Committed, Journal, NewEvent, Stored, is_audited, queries, row,
};
use crate::domain::audit::leaf;
use crate::domain::ids::VendorId;

/// What a commit changes of the counters, taken over once it is in the file.
#[derive(Default)]
struct Delta {
    slot: u64,
    types: HashMap<i64, u64>,
    added: Vec<Weight>,
    finished: Vec<Weight>,
    leaves: Vec<Leaf>,
    seen: u64,
    told: BTreeSet<u64>,
}

impl Delta {
    fn apply(&self, folded: &mut Folded) {
        folded.slot = self.slot;
        for (kind, sequence) in &self.types {
            folded.types.entry(*kind).or_default().sequence = *sequence;
        }
        for weight in &self.added {
            folded.add_waiting(weight.vendor, weight.class, weight.bytes);
        }
        for weight in &self.finished {
            folded.subtract_waiting(weight.vendor, weight.class, weight.bytes);
            folded.finished.insert(weight.slot);
        }
        folded.seen += self.seen;
        folded.gaps.retain(|gap| !self.told.contains(&gap.id));
    }
}

/// Where an event stands in the file.
pub(super) struct Place {
    pub slot: u64,
    pub class: Class,
    pub kind: i64,
    pub type_sequence: u64,
    pub vendor: i64,
    /// The journal's age in seconds.
    pub at: u64,
}

impl Journal {
    /// Commits `batch` whole: slots and sequences are given here, and the bytes that will leave
    /// are written here. On an error nothing of it is in the file and it can be tried again.
    pub fn commit(&mut self, batch: &Batch) -> Result<Committed, CommitError> {
        if planted::is(self.bug, Bug::AcknowledgeBeforeCommit) && !self.db.is_autocommit() {
            self.db.execute_batch("COMMIT")?;
        }
        self.keep_place()?;
        if !batch.events.is_empty() {
            self.make_room()?;
        }
        let mut added = Vec::new();
        self.db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let outcome = self.within(batch, &mut added);
        let outcome = match outcome {
            Ok(done) if planted::is(self.bug, Bug::AcknowledgeBeforeCommit) => Ok(done),
            Ok(done) => match self.db.prepare_cached("COMMIT").and_then(|mut s| s.execute([])) {
                Ok(_) => Ok(done),
                Err(error) => Err(error.into()),
            },
            Err(error) => Err(error),
        };
        match outcome {
            Ok((stored, delta, fold)) => {
                self.took(batch, &delta, fold);
                self.keep_mark();
                Ok(self.answer(stored))
            }
            Err(error) => {
                if !self.db.is_autocommit() {
                    self.db.execute_batch("ROLLBACK")?;
                }
                for id in added {
                    self.words.forget(id);
                }
                Err(error)
            }
        }
    }

    /// What happens inside the transaction.
    fn within(
        &mut self,
        batch: &Batch,
        added: &mut Vec<i64>,
    ) -> Result<(Vec<Stored>, Delta, Option<Folded>), CommitError> {
        let mut delta = Delta { slot: self.folded.slot, ..Delta::default() };
        let mut marked = BTreeSet::new();
        for slot in &batch.finished {
            if self.folded.finished.contains(*slot)
                || *slot > self.folded.slot
                || !marked.insert(*slot)
            {
                continue;
            }
            let gone = Weight { slot: *slot, vendor: NOBODY, class: Class::Access, bytes: 0 };
            let weight = match self.recent.get(*slot) {
                Some(weight) => weight,
                None => fold::weigh(&self.db, &self.words, *slot)?.unwrap_or(gone),
            };
            delta.finished.push(weight);
        }
        delta.seen = batch.seen.len() as u64;
        delta.told = batch.told.iter().copied().collect();
        let mut stored = Vec::with_capacity(batch.events.len());
        for (number, event) in batch.events.iter().enumerate() {
            let aside = if number + 1 == batch.events.len() {
                Aside {
                    facts: batch.facts.iter().map(|(n, v)| (n.clone(), v.clone())).collect(),
                    seen_from: self.folded.seen,
                    seen: batch.seen.clone(),
                    finished: delta.finished.iter().map(|weight| weight.slot).collect(),
                    told: batch.told.clone(),
                    salt: None,
                }
            } else {
                Aside::default()
            };
            stored.push(self.insert(event, batch, aside, &mut delta, added)?);
        }
        self.note_refused(batch, &marked)?;
        if let Some(closing) = &batch.closing {
            self.close_range(closing, &stored)?;
        }
        queries::insert_quarantine(&self.db, &batch.quarantine, self.bounds.quarantine_rows)?;
        let rows = self.unfolded.rows + batch.events.len() as u64;
        let marks = self.unfolded.marks + delta.finished.len() as u64;
        let beside = !(batch.facts.is_empty()
            && batch.seen.is_empty()
            && batch.finished.is_empty()
            && batch.told.is_empty());
        let due = rows >= FOLD_ROWS || marks >= FOLD_MARKS || (batch.events.is_empty() && beside);
        let fold = if due {
            let mut next = self.folded.clone();
            delta.apply(&mut next);
            next.age = self.age();
            let Delta { leaves, .. } = &delta;
            fold::write_with(
                &self.db,
                &mut next,
                &self.unfolded,
                &batch.facts,
                &batch.seen,
                leaves,
            )?;
            Some(next)
        } else {
            None
        };
        if let Some(next) = &fold {
            self.trim(next)?;
            self.let_ranges_go(next)?;
        }
        Ok((stored, delta, fold))
    }

    fn insert(
        &mut self,
        event: &NewEvent,
        batch: &Batch,
        mut aside: Aside,
        delta: &mut Delta,
        added: &mut Vec<i64>,
    ) -> Result<Stored, CommitError> {
        let kind = event.draft.event_type();
        let kind_id = self.id(kind.as_str(), added)?;
        let vendor = match &event.vendor {
            Some(vendor) => self.id(&vendor_word(vendor), added)?,
            None => NOBODY,
        };
        delta.slot += 1;
        let counter = delta.types.entry(kind_id).or_insert_with(|| {
            self.folded.types.get(&kind_id).copied().unwrap_or_default().sequence
        });
        *counter += 1;
        let place = Place {
            slot: delta.slot,
            class: Class::of(kind),
            kind: kind_id,
            type_sequence: *counter,
            vendor,
            at: self.age(),
        };
        let sequence = self.folded.sequence_of(place.slot);
        let detail = event.draft.stamp(&GatewayOrigin {
            recorded_at: batch.recorded_at,
            journal_id: self.journal_id,
            sequence,
            type_sequence: place.type_sequence,
            clock: batch.clock,
        });
        let name = event.vendor.as_ref().map(VendorId::as_str);
        if is_audited(kind) {
            let salt = audit::fresh_salt()?;
            let hash = leaf(self.journal_id, sequence, &salt, detail.as_bytes());
            delta.leaves.push(Leaf { slot: place.slot, kind: kind_id, hash });
            aside.salt = Some(salt);
        }
        let body = row::encode(place.slot, name, &detail, &aside);
        write_row(&self.db, &place, &body)?;
        delta.added.push(Weight {
            slot: place.slot,
            vendor,
            class: place.class,
            bytes: body.len() as u64,
        });
        self.room.added(body.len() as u64);
        Ok(Stored {
            slot: place.slot,
            kind,
            vendor: event.vendor.clone(),
            lane_key: event.lane_key(),
            id: event.draft.id(),
            detail: detail.into(),
        })
    }

    /// Events of this journal that the bus refused are told by their checkpoint.
    fn note_refused(&self, batch: &Batch, marked: &BTreeSet<u64>) -> rusqlite::Result<()> {
        let own = |slot: &u64| marked.contains(slot) && !self.folded.is_carried(*slot);
        let refused: BTreeSet<u64> = batch.refused.iter().copied().filter(own).collect();
        let refused: Vec<u64> = refused.into_iter().collect();
        if refused.is_empty() { Ok(()) } else { audit::note_fate(&self.db, &refused, REFUSED) }
    }

    fn id(&mut self, word: &str, added: &mut Vec<i64>) -> Result<i64, CommitError> {
        if let Some(id) = self.words.id(word) {
            return Ok(id);
        }
        let id = self.words.add(&self.db, word)?;
        added.push(id);
        Ok(id)
    }

    /// The commit is in the file.
    fn took(&mut self, batch: &Batch, delta: &Delta, fold: Option<Folded>) {
        for weight in &delta.added {
            self.recent.push(weight);
        }
        if let Some(next) = fold {
            self.folded_to(next);
            return;
        }
        delta.apply(&mut self.folded);
        let facts = batch.facts.iter().map(|(name, value)| (name.clone(), value.clone()));
        self.unfolded.facts.extend(facts);
        self.unfolded.seen.extend(&batch.seen);
        self.unfolded.leaves.extend(&delta.leaves);
        self.unfolded.rows += batch.events.len() as u64;
        self.unfolded.marks += delta.finished.len() as u64;
    }

    fn answer(&mut self, events: Vec<Stored>) -> Committed {
        let gaps: Vec<_> =
            self.folded.gaps.iter().filter(|gap| gap.id > self.reported_gap).cloned().collect();
        self.reported_gap = self.folded.last_gap;
        Committed {
            events,
            slot: self.folded.slot,
            waiting: self.waiting(),
            gaps,
            dropped: std::mem::take(&mut self.dropped),
            crowded: self.crowded(),
        }
    }
}

/// The word of a vendor in `word`, which event types share.
pub(super) fn vendor_word(vendor: &VendorId) -> String {
    format!("vendor:{vendor}")
}

/// Writes a row of the hot table.
pub(super) fn write_row(db: &Connection, place: &Place, body: &[u8]) -> rusqlite::Result<()> {
    let sql = match place.class {
        Class::Access => "INSERT INTO access VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        Class::State => "INSERT INTO state VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        Class::Refusal | Class::Telemetry => {
            "INSERT INTO telemetry VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
        }
    };
    db.prepare_cached(sql)?.execute(params![
        place.slot,
        place.kind,
        place.type_sequence,
        place.vendor,
        place.at,
        body
    ])?;
    Ok(())
}
