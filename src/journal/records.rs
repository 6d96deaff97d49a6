//! What goes into the journal and what comes back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use doorward_events::ClockInterval;
use doorward_events::{Draft, EventType};
use jiff::Timestamp;
use uuid::Uuid;

use super::class::Class;
use super::closing::Closing;
use super::folded::Gap;
use super::recovery::Arrival;
use crate::domain::ids::VendorId;
use crate::link::Digest;

/// So many digests are worth a commit of their own.
const SEEN_ALONE: usize = 512;

/// Everything that one or more inputs change, committed together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Becomes the events' `recorded_at`.
    pub recorded_at: Timestamp,
    /// Where the true time lies, if that may be doubted.
    pub clock: Option<ClockInterval>,
    pub events: Vec<NewEvent>,
    /// Facts by name; the last value of a name stands. An empty one ends the fact.
    pub facts: BTreeMap<String, Vec<u8>>,
    /// Digests for the window of seen messages, in order of receipt.
    pub seen: Vec<Digest>,
    pub quarantine: Vec<QuarantineRecord>,
    /// Slots of events that the bus accepted or finally refused.
    pub finished: Vec<u64>,
    /// Those of them that it finally refused.
    pub refused: Vec<u64>,
    /// The range that a checkpoint among `events` closes.
    pub closing: Option<Closing>,
    /// Ids of gaps that events of this batch tell of.
    pub told: Vec<u64>,
}

impl Batch {
    /// Whether there is nothing that a commit is worth. A few digests of messages that changed
    /// nothing wait for the next batch: those messages do no harm when they come again.
    pub fn is_empty(&self) -> bool {
        self.seen.len() < SEEN_ALONE
            && self.events.is_empty()
            && self.facts.is_empty()
            && self.quarantine.is_empty()
            && self.finished.is_empty()
            && self.told.is_empty()
    }

    /// The class of its most precious event.
    pub fn most_urgent(&self) -> Option<Class> {
        self.events.iter().map(|event| Class::of(event.draft.event_type())).max()
    }

    /// Adds what `later` changes after `self`.
    pub fn append(&mut self, later: Batch) {
        self.recorded_at = self.recorded_at.max(later.recorded_at);
        // What may be doubted of a part is doubted of the whole.
        self.clock = later.clock.or(self.clock.take());
        self.events.extend(later.events);
        self.facts.extend(later.facts);
        self.seen.extend(later.seen);
        self.quarantine.extend(later.quarantine);
        self.finished.extend(later.finished);
        self.refused.extend(later.refused);
        // One at a time is made (`gateway::audit`).
        self.closing = later.closing.or(self.closing.take());
        self.told.extend(later.told);
    }
}

impl Batch {
    /// Takes out the checkpoint, which is made anew for the range as it is then.
    pub fn withdraw_checkpoint(&mut self) {
        self.closing = None;
        self.events.retain(|event| event.draft.event_type() != EventType::AuditCheckpoint);
    }
}

/// An event on its way into the journal.
#[derive(Debug)]
pub struct NewEvent {
    pub draft: Draft,
    /// The vendor it stems from; `None` for the gateway's own.
    pub vendor: Option<VendorId>,
}

impl NewEvent {
    /// Events with the same key leave in sequence: the entry, else the endpoint, else `gateway`.
    pub fn lane_key(&self) -> Arc<str> {
        lane_key(self.draft.entry_id(), self.draft.endpoint_id())
    }
}

/// See [`NewEvent::lane_key`].
pub(super) fn lane_key(entry: Option<&Arc<str>>, endpoint: Option<&Arc<str>>) -> Arc<str> {
    entry.or(endpoint).map_or_else(|| Arc::from("gateway"), Arc::clone)
}

/// An event as it stands in the file.
#[derive(Debug, Clone)]
pub struct Stored {
    /// Its place in this file; events taken over from another journal have one too.
    pub slot: u64,
    pub kind: EventType,
    pub vendor: Option<VendorId>,
    /// See [`NewEvent::lane_key`].
    pub lane_key: Arc<str>,
    pub id: Uuid,
    /// The exact outgoing bytes.
    pub detail: Arc<str>,
}

/// The answer to a commit.
#[derive(Debug)]
pub struct Committed {
    pub events: Vec<Stored>,
    /// The journal's last slot.
    pub slot: u64,
    pub waiting: u64,
    /// Gaps that came up since the last answer; each is to be told and then named in
    /// [`Batch::told`].
    pub gaps: Vec<Gap>,
    /// Slots that were given up since the last answer, ascending ranges.
    pub dropped: Vec<(u64, u64)>,
    /// Vendors whose waiting events have reached their quota with what is never dropped: no
    /// more of theirs should be taken in for now.
    pub crowded: BTreeSet<VendorId>,
}

/// One row of quarantine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuarantineRecord {
    /// Given by the gateway, grows by one.
    pub id: u64,
    pub at: Timestamp,
    pub vendor: Option<VendorId>,
    /// The topic, or the event type that the bus refused.
    pub source: String,
    pub reason: String,
    pub detail: String,
    /// The payload's full length.
    pub bytes: u64,
    /// What was kept of it.
    pub raw: Option<String>,
    pub keyed_digest: Option<Digest>,
}

/// How the last run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviousStop {
    Clean,
    Unclean,
    FirstStart,
}

/// What the journal held when it was opened.
#[derive(Debug)]
pub struct Restored {
    pub journal_id: Uuid,
    pub previous_stop: PreviousStop,
    /// The last slot.
    pub slot: u64,
    pub waiting: u64,
    pub facts: Vec<(String, Vec<u8>)>,
    /// Oldest first.
    pub seen: Vec<Digest>,
    pub last_quarantine_id: u64,
    /// Slots that have their final answer.
    pub finished: super::Finished,
    /// Gaps that are still to be told.
    pub gaps: Vec<Gap>,
    /// What happened to the journal before it could be opened.
    pub arrival: Arrival,
}
