//! What a journal must hold, kept beside it and without asking it: every committed event with
//! its exact bytes, what became of it, and whatever else was committed with it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use doorward::domain::ids::VendorId;
use doorward::journal::{
    Batch, Class, Committed, DropReason, Gap, QuarantineRecord, SEEN_WINDOW, Stored,
};
use doorward::link::Digest;
use doorward_events::{EventType, GatewayOrigin};
use uuid::Uuid;

/// Gaps beyond so many are merged into the last one of their kind.
pub const MAX_GAPS: usize = 64;

/// What a journal did that it must not do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation(pub String);

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Fails the function with a [`Violation`] unless the condition holds.
macro_rules! demand {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err($crate::oracle::Violation(format!($($words)+)));
        }
    };
}
pub(crate) use demand;

/// An event that was committed.
#[derive(Debug, PartialEq)]
pub struct Known {
    pub slot: u64,
    pub class: Class,
    pub kind: EventType,
    pub vendor: Option<VendorId>,
    pub lane_key: Arc<str>,
    pub id: Uuid,
    /// The journal that wrote it, and its sequence there.
    pub origin: (Uuid, u64),
    /// Whether it was taken over from another journal.
    pub carried: bool,
    pub type_sequence: u64,
    pub detail: Arc<str>,
}

impl Known {
    /// Whether it names this person.
    pub fn names(&self, subject: &str) -> bool {
        self.detail.contains(&format!("\"{subject}\""))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Waiting,
    /// The bus accepted it or refused it for good.
    Delivered,
    /// Given up before that; `told`: an event said so.
    Gone {
        reason: DropReason,
        told: bool,
    },
    /// Erased after it was delivered.
    Erased,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    Never,
    Open,
    Closed,
    /// A cut decided.
    Either,
}

#[derive(Debug, Clone)]
pub struct Oracle {
    pub journal_id: Uuid,
    pub stop: Stop,
    /// By slot, from 1.
    pub events: Vec<Arc<Known>>,
    pub fates: Vec<Fate>,
    pub sequence: u64,
    pub type_sequences: BTreeMap<EventType, u64>,
    pub facts: BTreeMap<String, Vec<u8>>,
    pub seen: VecDeque<Digest>,
    pub quarantine: BTreeMap<u64, QuarantineRecord>,
    pub last_quarantine: u64,
    /// Those that were not told, as whoever tells them knows them.
    pub gaps: Vec<Gap>,
    /// Whether delivered events may have been deleted for their age or their bytes.
    pub history_may_go: bool,
    /// Up to this slot no event leaves a digest: an older version wrote them.
    pub audited_after: u64,
    /// Persons that were erased and are not named since.
    pub erased: BTreeSet<String>,
}

impl Oracle {
    /// Nothing was ever opened.
    pub fn new() -> Self {
        Self {
            journal_id: Uuid::nil(),
            stop: Stop::Never,
            events: Vec::new(),
            fates: Vec::new(),
            sequence: 0,
            type_sequences: BTreeMap::new(),
            facts: BTreeMap::new(),
            seen: VecDeque::new(),
            quarantine: BTreeMap::new(),
            last_quarantine: 0,
            gaps: Vec::new(),
            history_may_go: false,
            audited_after: 0,
            erased: BTreeSet::new(),
        }
    }

    pub fn slot(&self) -> u64 {
        self.events.len() as u64
    }

    pub fn fate(&self, slot: u64) -> Option<Fate> {
        self.fates.get(usize::try_from(slot.checked_sub(1)?).ok()?).copied()
    }

    fn set_fate(&mut self, slot: u64, fate: Fate) {
        self.fates[usize::try_from(slot - 1).unwrap()] = fate;
    }

    fn known(&self, slot: u64) -> &Known {
        &self.events[usize::try_from(slot - 1).unwrap()]
    }

    /// Events with this fate, in the order of the slots.
    pub fn with_fate(&self, wanted: impl Fn(Fate) -> bool) -> impl Iterator<Item = &Arc<Known>> {
        self.events.iter().zip(&self.fates).filter(move |(_, fate)| wanted(**fate)).map(|(e, _)| e)
    }

    pub fn waiting(&self) -> impl Iterator<Item = &Arc<Known>> {
        self.with_fate(|fate| fate == Fate::Waiting)
    }

    pub fn waiting_slots(&self) -> Vec<u64> {
        self.waiting().map(|event| event.slot).collect()
    }

    /// Every slot up to this one has its final answer.
    pub fn through(&self) -> u64 {
        self.fates.iter().take_while(|fate| **fate != Fate::Waiting).count() as u64
    }

    /// A commit was acknowledged.
    pub fn committed(&mut self, batch: &Batch, answer: &Committed) -> Result<(), Violation> {
        self.learn(&answer.gaps, &answer.dropped)?;
        self.apply(batch);
        let first = self.events.len() - batch.events.len();
        demand!(answer.slot == self.slot(), "slot {} instead of {}", answer.slot, self.slot());
        demand!(answer.events.len() == batch.events.len(), "{} events", answer.events.len());
        for (event, known) in answer.events.iter().zip(&self.events[first..]) {
            same(event, known)?;
        }
        let waiting = self.waiting().count() as u64;
        demand!(answer.waiting == waiting, "{} waiting instead of {waiting}", answer.waiting);
        Ok(())
    }

    /// Does what a commit does, but for making room.
    pub fn apply(&mut self, batch: &Batch) {
        let first = self.events.len();
        for event in &batch.events {
            let kind = event.draft.event_type();
            self.sequence += 1;
            let type_sequence = self.type_sequences.entry(kind).or_default();
            *type_sequence += 1;
            let detail = event.draft.stamp(&GatewayOrigin {
                recorded_at: batch.recorded_at,
                journal_id: self.journal_id,
                sequence: self.sequence,
                type_sequence: *type_sequence,
                clock: None,
            });
            self.events.push(Arc::new(Known {
                slot: self.events.len() as u64 + 1,
                class: Class::of(kind),
                kind,
                vendor: event.vendor.clone(),
                lane_key: event.lane_key(),
                id: event.draft.id(),
                origin: (self.journal_id, self.sequence),
                carried: false,
                type_sequence: *type_sequence,
                detail: detail.into(),
            }));
            self.fates.push(Fate::Waiting);
        }
        for slot in &batch.finished {
            if self.fate(*slot) == Some(Fate::Waiting) {
                self.set_fate(*slot, Fate::Delivered);
            }
        }
        self.facts.extend(batch.facts.iter().map(|(name, value)| (name.clone(), value.clone())));
        self.facts.retain(|_, value| !value.is_empty());
        self.seen.extend(&batch.seen);
        let spare = self.seen.len().saturating_sub(usize::try_from(SEEN_WINDOW).unwrap());
        self.seen.drain(..spare);
        for record in &batch.quarantine {
            self.last_quarantine = record.id;
            self.quarantine.insert(record.id, record.clone());
        }
        for id in &batch.told {
            self.tell(*id);
        }
        let events = &self.events[first..];
        self.erased.retain(|person| {
            let quoted = format!("\"{person}\"");
            let fact = |value: &Vec<u8>| String::from_utf8_lossy(value).contains(&quoted);
            let row = |row: &QuarantineRecord| row.raw.as_ref().is_some_and(|r| r.contains(person));
            !(events.iter().any(|event| event.names(person))
                || batch.facts.values().any(fact)
                || batch.quarantine.iter().any(row))
        });
    }

    /// What whoever tells a gap says is what he was told of it.
    fn tell(&mut self, id: u64) {
        let Some(place) = self.gaps.iter().position(|gap| gap.id == id) else { return };
        let gap = self.gaps.remove(place);
        for slot in self.slots_of(&gap) {
            if let Some(Fate::Gone { reason, .. }) = self.fate(slot) {
                self.set_fate(slot, Fate::Gone { reason, told: true });
            }
        }
    }

    /// The slots of the events that a gap names.
    pub fn slots_of(&self, gap: &Gap) -> Vec<u64> {
        let journal = gap.journal_id.unwrap_or(self.journal_id);
        let named = |(id, sequence): (Uuid, u64)| {
            let holds = |(first, last): &(u64, u64)| (*first..=*last).contains(&sequence);
            id == journal && gap.ranges.iter().any(holds)
        };
        let inside = self.events.iter().filter(|event| named(event.origin));
        inside.map(|event| event.slot).collect()
    }

    /// Events were given up: `dropped` by their slots, `gaps` as they are to be told.
    fn learn(&mut self, gaps: &[Gap], dropped: &[(u64, u64)]) -> Result<(), Violation> {
        let gone: BTreeSet<u64> = dropped.iter().flat_map(|(first, last)| *first..=*last).collect();
        let mut named = BTreeSet::new();
        for gap in gaps {
            demand!(
                self.gaps.last().is_none_or(|last| last.id < gap.id),
                "gap {} comes behind a later one",
                gap.id
            );
            let slots = self.slots_of(gap);
            // One of too many may be an earlier one that grew; it spans what was kept in between.
            let grown = self.gaps.len() + 1 >= MAX_GAPS;
            for slot in &slots {
                if !grown || (gone.contains(slot) && self.fate(*slot) == Some(Fate::Waiting)) {
                    self.give_up(*slot, gap.reason)?;
                    named.insert(*slot);
                }
            }
            demand!(
                grown || gap.count == slots.len() as u64,
                "{gap:?} names {} events",
                slots.len()
            );
            if grown {
                let within = |old: &Gap| self.slots_of(old).iter().all(|s| slots.contains(s));
                let replaced: Vec<u64> =
                    self.gaps.iter().filter(|old| within(old)).map(|old| old.id).collect();
                self.gaps.retain(|old| !replaced.contains(&old.id));
            }
            self.gaps.push(gap.clone());
        }
        let silent: Vec<u64> = gone.difference(&named).copied().collect();
        let merged = self.gaps.len() >= MAX_GAPS;
        demand!(silent.is_empty() || merged, "slots {silent:?} are given up, and no gap says so");
        for slot in silent {
            self.give_up(slot, DropReason::DiskFull)?;
        }
        let kept: Vec<_> = named.difference(&gone).collect();
        demand!(kept.is_empty(), "slots {kept:?} are said to be given up");
        Ok(())
    }

    /// An event that waited is given up.
    pub fn give_up(&mut self, slot: u64, reason: DropReason) -> Result<(), Violation> {
        demand!(
            self.fate(slot) == Some(Fate::Waiting),
            "slot {slot} is given up ({reason:?}), but was {:?}",
            self.fate(slot)
        );
        let known = self.known(slot);
        let precious = known.class == Class::Access || known.carried;
        let by_order = matches!(reason, DropReason::Erased | DropReason::Corruption);
        demand!(by_order || !precious, "slot {slot} ({:?}) is given up", known.kind);
        self.set_fate(slot, Fate::Gone { reason, told: false });
        Ok(())
    }

    /// Everything that names a person is to go. Gives how many waiting events, rows of quarantine
    /// and facts do.
    pub fn erase(&mut self, subject: &str) -> (u64, u64, u64) {
        let slots: Vec<u64> =
            self.events.iter().filter(|e| e.names(subject)).map(|e| e.slot).collect();
        let mut waiting = 0;
        for slot in slots {
            match self.fate(slot) {
                Some(Fate::Delivered) => self.set_fate(slot, Fate::Erased),
                Some(Fate::Waiting) => waiting += 1,
                _ => {}
            }
        }
        let rows = self.quarantine.len();
        self.quarantine.retain(|_, row| !row.raw.as_ref().is_some_and(|raw| raw.contains(subject)));
        self.erased.insert(subject.to_owned());
        let facts = self.facts.len();
        let quoted = format!("\"{subject}\"");
        self.facts.retain(|_, value| !String::from_utf8_lossy(value).contains(&quoted));
        (waiting, (rows - self.quarantine.len()) as u64, (facts - self.facts.len()) as u64)
    }

    /// The rows of quarantine that stay when those from `first` on have come: of each vendor the
    /// newest, and more of those that the bus refused. It is looked each time that the numbers pass
    /// a multiple of an eighth of what stays.
    pub fn trim_quarantine(&mut self, keep: u64, first: u64) {
        let step = (keep / 8).max(1);
        if (first..=self.last_quarantine).all(|id| id % step != 0) {
            return;
        }
        let mut left: BTreeMap<Option<String>, u64> = BTreeMap::new();
        let mut left_refused = keep * 40;
        let mut stay = BTreeSet::new();
        for (id, row) in self.quarantine.iter().rev() {
            let left = if row.reason == "refused_by_bus" {
                &mut left_refused
            } else {
                let vendor = row.vendor.as_ref().map(ToString::to_string);
                left.entry(vendor).or_insert(keep)
            };
            if *left > 0 {
                *left -= 1;
                stay.insert(*id);
            }
        }
        self.quarantine.retain(|id, _| stay.contains(id));
    }
}

/// Whether an event is as it was committed.
pub fn same(event: &Stored, known: &Known) -> Result<(), Violation> {
    let slot = known.slot;
    demand!(event.slot == slot, "slot {} where {slot} is due", event.slot);
    demand!(
        event.detail == known.detail,
        "slot {slot}: {} instead of {}",
        event.detail,
        known.detail
    );
    demand!(event.kind == known.kind, "slot {slot} is {:?}", event.kind);
    demand!(event.vendor == known.vendor, "slot {slot} is of {:?}", event.vendor);
    demand!(event.lane_key == known.lane_key, "slot {slot} is in the lane {}", event.lane_key);
    demand!(event.id == known.id, "slot {slot} has the id {}", event.id);
    Ok(())
}
