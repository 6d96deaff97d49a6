//! What the journal knows beside its rows: counters, marks, gaps.
//!
//! It is written as one row of `meta` now and then (a *fold*), with the facts and digests that
//! changed since the last one. Between two folds it is what the fold says plus what the rows
//! since then say, so that a crash loses none of it and a commit of one event writes one page.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Finished;
use super::class::{Class, PerClass};

/// Most ranges that one gap names; a gap that needs more is told as several.
pub const MAX_GAP_RANGES: usize = 100;
/// Most gaps that wait to be told. More are merged into the last one of their kind, whose ranges
/// then also span what was kept in between.
pub const MAX_GAPS: usize = 64;
/// Most times that events of other journals may have been taken over.
pub const MAX_CARRIED: usize = 64;

/// Most rows that were deleted before they were counted; of more only each type's last is kept,
/// and `delivered_through` lags until then.
const MAX_PASSED: usize = 256;

/// Why events were given up before the bus had them; as in `gateway.events_dropped`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    DiskFull,
    Quota,
    Age,
    Corruption,
    Erased,
}

impl DropReason {
    /// The word as it stands in events.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::Quota => "quota",
            Self::Age => "age",
            Self::Corruption => "corruption",
            Self::Erased => "erased",
        }
    }
}

/// Events that are missing for a reason, not told of yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Grows by one from gap to gap.
    pub id: u64,
    pub reason: DropReason,
    /// The journal whose sequences are meant; `None`: this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_id: Option<Uuid>,
    /// Sequences, first and last, ascending; at most `MAX_GAP_RANGES`. None: only the number
    /// of events is known, since they were of other journals and cannot be read.
    pub ranges: Vec<(u64, u64)>,
    pub count: u64,
}

/// The counters of one event type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TypeCounters {
    /// The last `type_sequence` given.
    pub sequence: u64,
    /// Up to this `type_sequence` everything has its final answer.
    #[serde(default)]
    pub delivered_through: u64,
}

/// See the module.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Folded {
    /// The last slot given.
    pub slot: u64,
    /// Slots of events that were taken over from other journals, first and last, ascending: they
    /// have no sequence of this one.
    pub carried: Vec<(u64, u64)>,
    #[serde(with = "finished_text")]
    pub finished: Finished,
    /// Up to this slot `delivered_through` is counted.
    pub counted_through: u64,
    /// Rows beyond that which were deleted before they were counted: slot, type,
    /// `type_sequence`.
    #[serde(default)]
    pub passed: Vec<(u64, i64, u64)>,
    /// By the id of the type's word.
    pub types: BTreeMap<i64, TypeCounters>,
    /// Digests ever seen.
    pub seen: u64,
    /// Bytes of bodies that wait, by the id of the vendor's word (0: the gateway's own).
    pub waiting: BTreeMap<i64, PerClass>,
    pub gaps: Vec<Gap>,
    pub last_gap: u64,
    /// Gaps told in rows that are not folded yet.
    #[serde(skip)]
    pub told: BTreeSet<u64>,
    /// Seconds that the journal has been open, all its life.
    pub age: u64,
}

impl Folded {
    /// The sequence of an event of this journal in `slot`.
    pub fn sequence_of(&self, slot: u64) -> u64 {
        let carried: u64 = self
            .carried
            .iter()
            .filter(|(first, _)| *first <= slot)
            .map(|(first, last)| (*last).min(slot) - first + 1)
            .sum();
        slot.saturating_sub(carried)
    }

    /// Whether the event in `slot` was taken over from another journal.
    pub fn is_carried(&self, slot: u64) -> bool {
        self.carried.iter().any(|(first, last)| (*first..=*last).contains(&slot))
    }

    /// Events without their final answer.
    pub fn waiting_events(&self) -> u64 {
        self.slot.saturating_sub(self.finished.count())
    }

    /// Bytes of bodies that wait, of one class.
    pub fn waiting_bytes(&self, class: Class) -> u64 {
        self.waiting.values().map(|bytes| bytes.get(class)).sum()
    }

    /// Adds a body that waits.
    pub fn add_waiting(&mut self, vendor: i64, class: Class, bytes: u64) {
        self.waiting.entry(vendor).or_default().add(class, bytes);
    }

    /// Takes a body away from what waits.
    pub fn subtract_waiting(&mut self, vendor: i64, class: Class, bytes: u64) {
        if let Some(figures) = self.waiting.get_mut(&vendor) {
            figures.subtract(class, bytes);
        }
    }

    /// Notes that a row with its final answer is deleted.
    pub fn pass(&mut self, slot: u64, kind: i64, type_sequence: u64) {
        if slot <= self.counted_through || type_sequence == 0 {
            return;
        }
        // Where all between two of a type is final, they are counted at once: the last one is enough.
        let finished = &self.finished;
        self.passed.retain(|(before, same, _)| {
            *same != kind || *before > slot || !finished.contains_all(*before, slot)
        });
        self.passed.push((slot, kind, type_sequence));
        if self.passed.len() > MAX_PASSED {
            let mut last: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
            for (slot, kind, sequence) in self.passed.drain(..) {
                let known = last.entry(kind).or_default();
                *known = (*known).max((slot, sequence));
            }
            self.passed.extend(last.into_iter().map(|(kind, (slot, n))| (slot, kind, n)));
        }
    }

    /// Notes that events of this journal are given up: `slots`, ascending.
    pub fn note_gap(&mut self, reason: DropReason, slots: &[u64]) {
        let sequences: Vec<u64> = slots.iter().map(|slot| self.sequence_of(*slot)).collect();
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        for sequence in sequences {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == sequence => *last = sequence,
                _ => ranges.push((sequence, sequence)),
            }
        }
        self.add_gaps(reason, None, &ranges);
    }

    /// Notes that sequences are missing, of this journal or another.
    pub fn add_gaps(
        &mut self,
        reason: DropReason,
        journal_id: Option<Uuid>,
        ranges: &[(u64, u64)],
    ) {
        for part in ranges.chunks(MAX_GAP_RANGES) {
            let count = part.iter().map(|(first, last)| last - first + 1).sum();
            let same = |gap: &&mut Gap| {
                gap.reason == reason && gap.journal_id == journal_id && !gap.ranges.is_empty()
            };
            let full = self.gaps.len() >= MAX_GAPS;
            if full && let Some(gap) = self.gaps.iter_mut().rev().find(same) {
                // Under another id: whoever was told of it before is told again.
                self.last_gap += 1;
                gap.id = self.last_gap;
                gap.count += count;
                if let (Some(last), Some(end)) = (gap.ranges.last_mut(), part.last()) {
                    last.1 = last.1.max(end.1);
                }
                continue;
            }
            self.last_gap += 1;
            let id = self.last_gap;
            self.gaps.push(Gap { id, reason, journal_id, ranges: part.to_vec(), count });
        }
    }

    /// Notes that events are missing of which nothing is known but their number: a gap without
    /// ranges. All of a reason are one gap until it is told.
    pub fn add_unknown(&mut self, reason: DropReason, count: u64) {
        if count == 0 {
            return;
        }
        self.last_gap += 1;
        let id = self.last_gap;
        let same = |gap: &&mut Gap| gap.reason == reason && gap.ranges.is_empty();
        if let Some(gap) = self.gaps.iter_mut().find(same) {
            // Under another id, as above.
            gap.id = id;
            gap.count += count;
        } else {
            self.gaps.push(Gap { id, reason, journal_id: None, ranges: Vec::new(), count });
        }
    }

    /// Takes a gap of the journal `of` over.
    pub fn take_gap(&mut self, gap: &Gap, of: Option<Uuid>) {
        if gap.ranges.is_empty() {
            self.add_unknown(gap.reason, gap.count);
        } else {
            self.add_gaps(gap.reason, gap.journal_id.or(of), &gap.ranges);
        }
    }

    /// The text for the file, behind its checksum.
    pub fn to_text(&self) -> Result<String, serde_json::Error> {
        let text = serde_json::to_string(self)?;
        Ok(format!("{:08x}{text}", crc32fast::hash(text.as_bytes())))
    }

    /// Reads the text; `None` if it is not as it was written.
    pub fn from_text(text: &str) -> Option<Self> {
        let (sum, text) = text.split_at_checked(8)?;
        let right = u32::from_str_radix(sum, 16).ok()? == crc32fast::hash(text.as_bytes());
        right.then(|| serde_json::from_str(text).ok())?
    }
}

mod finished_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::journal::Finished;

    pub fn serialize<S: Serializer>(finished: &Finished, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&finished.to_text())
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Finished, D::Error> {
        let text = String::deserialize(from)?;
        Finished::from_text(&text).ok_or_else(|| serde::de::Error::custom("no set of ranges"))
    }
}
