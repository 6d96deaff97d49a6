//! One event in the queue, with its place there and who waits for its fate.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::Instant;

use super::fate::{Accepted, Fate, Refusal, Why};
use crate::bus::Outgoing;
use crate::types::EventType;

/// A place in the queue, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) _entry: OwnedSemaphorePermit,
    pub(super) _bytes: OwnedSemaphorePermit,
}

/// An event in the queue. Dropped without a fate, as when the runtime ends, it tells who waits
/// that the publisher is closed.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) event: Arc<Outgoing>,
    pub(super) event_type: EventType,
    /// By [`crate::entry_size`].
    pub(super) bytes: usize,
    /// In the order of the queue: a lower number has waited at least as long.
    pub(super) number: u64,
    /// The publisher's own, not the caller's.
    pub(super) is_handshake: bool,
    pub(super) queued_at: Instant,
    /// How often it was handed to the bus.
    pub(super) attempts: u32,
    /// What the bus said last: code and message.
    pub(super) trouble: Option<(String, String)>,
    fate: Option<oneshot::Sender<Fate>>,
    _room: Room,
}

impl Entry {
    pub(super) fn new(
        event: Arc<Outgoing>,
        event_type: EventType,
        (bytes, room): (usize, Room),
        (number, queued_at): (u64, Instant),
        is_handshake: bool,
        fate: oneshot::Sender<Fate>,
    ) -> Self {
        Self {
            event,
            event_type,
            bytes,
            number,
            is_handshake,
            queued_at,
            attempts: 0,
            trouble: None,
            fate: Some(fate),
            _room: room,
        }
    }

    pub(super) fn accepted(&self, bus_id: Option<String>, now: Instant) -> Accepted {
        Accepted {
            event_id: self.event.id,
            event_type: self.event_type,
            bus_id,
            attempts: self.attempts,
            latency: now.duration_since(self.queued_at),
        }
    }

    pub(super) fn refusal(&self, why: Why) -> Refusal {
        Refusal {
            event_id: self.event.id,
            event_type: self.event_type,
            why,
            event: Some(Arc::clone(&self.event)),
        }
    }

    /// Tells who waits, and gives the place back; false if nobody waits.
    pub(super) fn tell(mut self, fate: Fate) -> bool {
        self.fate.take().is_some_and(|waiting| waiting.send(fate).is_ok())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(waiting) = self.fate.take() {
            // Nobody may be waiting any more.
            let _ = waiting.send(Err(self.refusal(Why::Closed { attempts: self.attempts })));
        }
    }
}
