//! What a handler is told beside the event, and what it answers.

use std::time::Duration;

use crate::text::bounded_text;

/// The longest text of a [`Failure`] that is passed on, in characters.
pub const MAX_WHY: usize = 256;

/// What a handler is told beside the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Context {
    /// How often the delivery was received, from 1, as the queue counts; 1 where nobody counts.
    pub attempt: u32,
    /// The name of the replay that it comes from.
    pub replay: Option<String>,
    /// Whether it is the newest of its entry.
    pub order: Order,
    /// Its place in the gateway's journal was taken by another event before: two machines have
    /// one journal, and neither's story may be trusted alone.
    pub forked: bool,
}

/// Where an event stands among those that this consumer saw of its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// None seen is newer.
    Newest,
    /// A newer one was seen before.
    Older {
        /// By how much.
        by: Behind,
    },
    /// Nothing to tell it by: no origin, no entry, or not tracked.
    Unknown,
}

/// How far an event lies behind the newest seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// In the same journal: by so many places, of all types.
    Sequence(u64),
    /// In another journal of the gateway: by so much time at the device.
    Time(Duration),
}

/// Why a handler did not succeed. The text goes to [`Hooks`](super::Hooks) only, cut to
/// [`MAX_WHY`] characters; keep values of fields out of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Another attempt may succeed: something was busy, broken or not reached.
    Again(String),
    /// No attempt will ever succeed: the event becomes a dead letter.
    Never(String),
}

impl Failure {
    pub(super) fn text(&self) -> String {
        let (Self::Again(why) | Self::Never(why)) = self;
        bounded_text(why, MAX_WHY)
    }
}
