//! What a publisher may be told, within which bounds, and what it refuses to start with.

use std::time::Duration;

use crate::bus::{MAX_BATCH_BYTES, MAX_BATCH_ENTRIES};
use crate::validate::MAX_EVENT_BYTES;

/// No entry is larger, by [`crate::entry_size`]: the longest event, the source and the type's name.
pub const LARGEST_ENTRY_BYTES: usize = MAX_EVENT_BYTES + 1024;
/// The most that [`Settings::queue_entries`] may be.
pub const MAX_QUEUE_ENTRIES: usize = 1_000_000;
/// The most that [`Settings::queue_bytes`] may be.
pub const MAX_QUEUE_BYTES: usize = 1 << 30;
/// The most that [`Settings::calls`] may be.
pub const MAX_CALLS: usize = 64;

const MAX_LINGER: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// How a publisher behaves. Change what matters and take the rest from [`Settings::default`].
///
/// [`Publisher::start`](super::Publisher::start) refuses what cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The most entries of one call: 1 to [`MAX_BATCH_ENTRIES`]. 10 unless told.
    pub batch_entries: usize,
    /// The most bytes of one call, by [`crate::entry_size`]: [`LARGEST_ENTRY_BYTES`] to
    /// [`MAX_BATCH_BYTES`]. All of it unless told.
    pub batch_bytes: usize,
    /// How long an event may wait for others to share its call: 0 to 60 s. 10 ms unless told.
    pub linger: Duration,
    /// The most events in the queue: those that wait, that are under way and that stand aside
    /// after a failure. 1 to [`MAX_QUEUE_ENTRIES`]; 1,000 unless told. At the bound
    /// [`send`](super::Publisher::send) waits and [`try_send`](super::Publisher::try_send) refuses.
    pub queue_entries: usize,
    /// The most bytes of the same events, by [`crate::entry_size`]. Not counted: less than a
    /// kilobyte for each event's place, and the copies of its batch that a bus makes for a call,
    /// which [`calls`](Self::calls) and [`batch_bytes`](Self::batch_bytes) bound. [`LARGEST_ENTRY_BYTES`] to [`MAX_QUEUE_BYTES`]; 4 MiB
    /// unless told.
    pub queue_bytes: usize,
    /// The most calls under way at once: 1 to [`MAX_CALLS`]. 4 unless told.
    pub calls: usize,
    /// The most entries handed to the bus in a second, resends included, as a token bucket that
    /// holds one second's worth: at least 1. No limit unless told. The bus itself may make it
    /// slower; see [the module](super#pace).
    pub entries_per_second: Option<u32>,
    /// An event that the bus has not taken after that long is returned: more than the linger, at
    /// most a day. 15 minutes unless told.
    pub give_up_after: Duration,
    /// From one handshake to the next: whole seconds, 1 s to a day. An hour unless told.
    pub handshake_interval: Duration,
    /// How long the queue is still emptied after the last [`Publisher`](super::Publisher) was
    /// dropped without [`close`](super::Publisher::close): 0 to a day. 5 s unless told.
    pub grace: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_entries: MAX_BATCH_ENTRIES,
            batch_bytes: MAX_BATCH_BYTES,
            linger: Duration::from_millis(10),
            queue_entries: 1_000,
            queue_bytes: 4 << 20,
            calls: 4,
            entries_per_second: None,
            give_up_after: Duration::from_mins(15),
            handshake_interval: Duration::from_hours(1),
            grace: Duration::from_secs(5),
        }
    }
}

/// A setting that cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{setting} must be {rule}")]
pub struct SettingError {
    /// The name of the member of [`Settings`].
    pub setting: &'static str,
    /// What it must be.
    pub rule: &'static str,
}

impl Settings {
    /// The first setting that cannot work.
    pub fn check(&self) -> Result<(), SettingError> {
        let whole_seconds = self.handshake_interval.subsec_nanos() == 0;
        let rules = [
            ("batch_entries", "1 to 10", (1..=MAX_BATCH_ENTRIES).contains(&self.batch_entries)),
            (
                "batch_bytes",
                "LARGEST_ENTRY_BYTES (66,560) to 1,000,000, so that every event fits",
                (LARGEST_ENTRY_BYTES..=MAX_BATCH_BYTES).contains(&self.batch_bytes),
            ),
            ("linger", "at most 60 s", self.linger <= MAX_LINGER),
            (
                "queue_entries",
                "1 to 1,000,000",
                (1..=MAX_QUEUE_ENTRIES).contains(&self.queue_entries),
            ),
            (
                "queue_bytes",
                "LARGEST_ENTRY_BYTES (66,560) to 1 GiB, so that every event fits",
                (LARGEST_ENTRY_BYTES..=MAX_QUEUE_BYTES).contains(&self.queue_bytes),
            ),
            ("calls", "1 to 64", (1..=MAX_CALLS).contains(&self.calls)),
            (
                "entries_per_second",
                "at least 1, or None for no limit",
                self.entries_per_second != Some(0),
            ),
            (
                "give_up_after",
                "longer than linger and at most a day",
                self.give_up_after > self.linger && self.give_up_after <= DAY,
            ),
            (
                "handshake_interval",
                "whole seconds, 1 s to a day",
                whole_seconds
                    && !self.handshake_interval.is_zero()
                    && self.handshake_interval <= DAY,
            ),
            ("grace", "at most a day", self.grace <= DAY),
        ];
        match rules.into_iter().find(|(_, _, holds)| !holds) {
            Some((setting, rule, _)) => Err(SettingError { setting, rule }),
            None => Ok(()),
        }
    }
}
