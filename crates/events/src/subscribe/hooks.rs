//! What a subscriber tells whoever watches it: for metrics, logs and alarms.

use std::time::Duration;

use uuid::Uuid;

use super::store::StoreError;
use super::verdict::{Reason, Why};
use crate::types::EventType;

/// Which event something is told of, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct About {
    /// Its type; `None`: not known, or not to this build.
    pub event_type: Option<EventType>,
    /// Its id.
    pub id: Option<Uuid>,
}

/// Why a delivery must come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The handler said [`Failure::Again`](super::Failure::Again), for this reason.
    Handler(String),
    /// The handler panicked.
    Panicked,
    /// The handler was dropped after the longest handling time.
    TookTooLong,
    /// The handler was dropped because the consumer stops.
    Stopped,
    /// Somebody else handles the event now.
    Busy,
    /// A policy says so.
    Policy(Why),
    /// The store could not be asked.
    Store(StoreError),
    /// A dead letter could not be put aside.
    DeadLetters(String),
}

/// A range of events of one type that a gateway journaled and this consumer did not receive, or
/// could not read: what its schema refuses is a dead letter and missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The gateway's instance.
    pub instance: String,
    /// The journal.
    pub journal_id: Uuid,
    /// The type.
    pub event_type: EventType,
    /// The first `type_sequence` that is missing.
    pub first: u64,
    /// The last one.
    pub last: u64,
    /// The gateway says that it delivered, dropped or was refused the range; otherwise it is
    /// late. A heartbeat may overtake events on the last yards of a queue: what comes after all
    /// is told as closed, so alarm on what stays open.
    pub lost: bool,
}

/// How a gap, or a part of one, ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GapEnd {
    /// The events came after all.
    Arrived,
    /// There were more than [`MOST_RANGES`](super::MOST_RANGES) ranges, and the oldest is no
    /// longer watched.
    Forgotten,
}

/// One place in a journal with two events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The gateway's instance.
    pub instance: String,
    /// The journal.
    pub journal_id: Uuid,
    /// The place.
    pub sequence: u64,
    /// The event that was seen first, and the one that has come now.
    pub ids: [Uuid; 2],
}

/// Told what happens, while it happens. Every method does nothing by default.
///
/// Called on the runtime: never block, never panic. What is told is never the value of a field.
/// Tellings of gaps are lost if the process ends between remembering and telling.
pub trait Hooks: Send + Sync {
    /// A delivery has come.
    fn received(&self, about: About) {
        let _ = about;
    }

    /// Handled and remembered. `latency`: from taking the delivery on.
    fn handled(&self, about: About, latency: Duration, attempts: u32) {
        let _ = (about, latency, attempts);
    }

    /// Acknowledged, since it was handled before.
    fn duplicate(&self, about: About) {
        let _ = about;
    }

    /// Acknowledged without a handler.
    fn ignored(&self, about: About, why: Why) {
        let _ = (about, why);
    }

    /// To be put aside; told at the verdict, so again if the queue brings the message again.
    fn dead_lettered(&self, about: About, reason: &Reason) {
        let _ = (about, reason);
    }

    /// Not handled; it must come again.
    fn failed(&self, about: About, fault: &Fault) {
        let _ = (about, fault);
    }

    /// Events are missing. Each is told once as late, at the latest, and once as lost.
    fn gap(&self, gap: &Gap) {
        let _ = gap;
    }

    /// Events told as missing are so no longer.
    fn gap_closed(&self, gap: &Gap, end: GapEnd) {
        let _ = (gap, end);
    }

    /// Two machines write one journal.
    fn journal_forked(&self, fork: &Fork) {
        let _ = fork;
    }

    /// A message's visibility was extended because its handler still runs.
    fn extended(&self, by: Duration) {
        let _ = by;
    }

    /// A call of the queue failed, with the service's error code or ours: `Timeout`, `Transport`.
    fn queue_failed(&self, operation: &'static str, code: &str) {
        let _ = (operation, code);
    }
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Hooks for Silent {}
