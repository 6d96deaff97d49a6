//! The figures of a publisher.

use super::fate::Refusal;

/// What a publisher has done and has before it, handshakes included.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stats {
    /// Events in the queue: those that wait, that are under way and that stand aside.
    pub entries: usize,
    /// Their bytes, by [`crate::entry_size`].
    pub bytes: usize,
    /// The most events that were ever in the queue at once.
    pub most_entries: usize,
    /// The most bytes that were ever in the queue at once.
    pub most_bytes: usize,
    /// Calls under way.
    pub calls: usize,
    /// Events that came into the queue.
    pub queued: u64,
    /// Events that the bus has.
    pub accepted: u64,
    /// Events that were returned out of the queue.
    pub refused: u64,
    /// Events that were returned at the door: invalid, no room, closed.
    pub turned_away: u64,
    /// Answers that made an entry be tried again.
    pub retried: u64,
    /// Calls that failed in a row, every entry of each; 0: the bus works.
    pub failing: u32,
    /// The last answer had an entry for which a person is needed: credentials, permission, the
    /// bus itself.
    pub denied: bool,
    /// Code and message of the last failure, if the last answer had one.
    pub trouble: Option<String>,
    /// Entries per second that may leave now; `None`: as fast as it goes.
    pub pace: Option<f64>,
}

impl Stats {
    /// One more in the queue; what is there now.
    pub(super) fn came(&mut self, bytes: usize) -> (usize, usize) {
        self.queued += 1;
        self.entries += 1;
        self.bytes += bytes;
        self.most_entries = self.most_entries.max(self.entries);
        self.most_bytes = self.most_bytes.max(self.bytes);
        (self.entries, self.bytes)
    }

    /// One fewer in the queue; what is there now.
    pub(super) fn went(&mut self, bytes: usize, accepted: bool) -> (usize, usize) {
        self.entries = self.entries.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.accepted += u64::from(accepted);
        self.refused += u64::from(!accepted);
        (self.entries, self.bytes)
    }

    /// What was still there was returned as it was dropped.
    pub(super) fn ended(&mut self) {
        self.refused += self.entries as u64;
        (self.entries, self.bytes, self.calls) = (0, 0, 0);
    }
}

/// What became of the events that were in the queue when a flush began. Handshakes do not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flushed {
    /// The bus has them.
    pub accepted: u64,
    /// They were returned.
    pub refused: u64,
    /// They are still in the queue.
    pub left: u64,
}

impl Flushed {
    pub(super) fn count(&mut self, accepted: bool) {
        self.left = self.left.saturating_sub(1);
        self.accepted += u64::from(accepted);
        self.refused += u64::from(!accepted);
    }
}

/// What became of the events that were in the queue when it was closed. Handshakes do not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Closing {
    /// The bus has them.
    pub accepted: u64,
    /// They were returned before the deadline: the bus refuses them, or they were given up.
    pub refused: u64,
    /// What was in the queue at the deadline, with the texts; each of them was returned to who
    /// waited for its fate too.
    pub left: Vec<Refusal>,
}
