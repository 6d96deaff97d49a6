//! The events that wait for a call: ready ones in the order of the queue, and ones that stand
//! aside after a failure.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::entry::Entry;

/// What waits. An event is in `entries` and in one of the other two.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    entries: BTreeMap<u64, Entry>,
    ready: BTreeSet<u64>,
    ready_bytes: usize,
    aside: BTreeSet<(Instant, u64)>,
}

/// When a batch is worth a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Worth {
    pub(super) entries: usize,
    pub(super) bytes: usize,
    pub(super) linger: Duration,
    /// Events before this number do not linger.
    pub(super) hurry_before: u64,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn ready(&self) -> usize {
        self.ready.len()
    }

    /// A new event.
    pub(super) fn add(&mut self, entry: Entry) {
        self.ready_bytes += entry.bytes;
        self.ready.insert(entry.number);
        self.entries.insert(entry.number, entry);
    }

    /// One that failed: not before then.
    pub(super) fn put_aside(&mut self, entry: Entry, until: Instant) {
        self.aside.insert((until, entry.number));
        self.entries.insert(entry.number, entry);
    }

    /// Those whose time has come are ready again.
    pub(super) fn wake(&mut self, now: Instant) {
        while self.aside.first().is_some_and(|(until, _)| *until <= now) {
            self.wake_first();
        }
    }

    /// All are ready: the bus works again.
    pub(super) fn forgive(&mut self) {
        while !self.aside.is_empty() {
            self.wake_first();
        }
    }

    fn wake_first(&mut self) {
        if let Some((_, number)) = self.aside.pop_first() {
            self.ready_bytes += self.entries.get(&number).map_or(0, |entry| entry.bytes);
            self.ready.insert(number);
        }
    }

    /// When the next one that stands aside is ready.
    pub(super) fn next_awake(&self) -> Option<Instant> {
        self.aside.first().map(|(until, _)| *until)
    }

    /// From when on what is ready is worth a call: a full batch at once, others when the oldest
    /// has lingered.
    pub(super) fn worth_at(&self, worth: Worth, now: Instant) -> Option<Instant> {
        let oldest = self.entries.get(self.ready.first()?)?;
        let full = self.ready.len() >= worth.entries || self.ready_bytes >= worth.bytes;
        if full || oldest.number < worth.hurry_before {
            return Some(now);
        }
        Some(oldest.queued_at + worth.linger)
    }

    /// A batch of what is ready, oldest first, within both bounds. An entry is never larger than
    /// `most_bytes`, by the settings' check.
    pub(super) fn take(&mut self, most: usize, most_bytes: usize) -> Vec<Entry> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < most {
            let Some(number) = self.ready.first().copied() else { break };
            let size = self.entries.get(&number).map_or(0, |entry| entry.bytes);
            if bytes + size > most_bytes && !batch.is_empty() {
                break;
            }
            bytes += size;
            self.ready.remove(&number);
            self.ready_bytes = self.ready_bytes.saturating_sub(size);
            batch.extend(self.entries.remove(&number));
        }
        batch
    }

    /// When the oldest came into the queue.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.entries.first_key_value().map(|(_, entry)| entry.queued_at)
    }

    /// The oldest, if it has been in the queue that long.
    pub(super) fn take_aged(&mut self, age: Duration, now: Instant) -> Option<Entry> {
        let oldest = self.entries.first_entry()?;
        if now.duration_since(oldest.get().queued_at) < age {
            return None;
        }
        let entry = oldest.remove();
        if self.ready.remove(&entry.number) {
            self.ready_bytes = self.ready_bytes.saturating_sub(entry.bytes);
        } else {
            self.aside.retain(|(_, number)| *number != entry.number);
        }
        Some(entry)
    }

    /// Everything, oldest first.
    pub(super) fn take_all(&mut self) -> Vec<Entry> {
        std::mem::take(self).entries.into_values().collect()
    }
}
