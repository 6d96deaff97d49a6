//! Whether a vendor's process makes progress. That its timer runs says little: what waits at its
//! devices' side must be taken while the core has room for it.

use std::time::Duration;

use super::spawn::Cause;
use crate::link::CREDIT;

/// So long may messages wait while none is taken.
const STUCK: Duration = Duration::from_secs(3);
/// Heartbeats that may come at once, and words on a connection: those of a while in which nobody
/// read.
const AT_ONCE: u64 = 50;
/// Of each so many a second of a whole life, twice what a process sends. More are a flood.
const EACH_SECOND: u64 = 2;

/// What a heartbeat says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beat {
    pub handled: u64,
    pub waiting: u32,
    pub unacknowledged: u32,
}

/// The last progress that was seen.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    handled: u64,
    beats: u64,
    connections: u64,
    /// When messages were first seen to wait since.
    since: Option<Duration>,
}

impl Pulse {
    /// A heartbeat came at `at`, since the life began. `Some`: it is stuck, or beats too often.
    pub fn beat(&mut self, at: Duration, beat: Beat) -> Option<Cause> {
        self.beats = self.beats.saturating_add(1);
        if self.beats > admitted(at) {
            return Some(flood("more heartbeats than a process sends"));
        }
        let full = usize::try_from(beat.unacknowledged).is_ok_and(|waiting| waiting >= CREDIT);
        if beat.waiting == 0 || full || beat.handled != self.handled {
            self.handled = beat.handled;
            self.since = None;
            return None;
        }
        let since = *self.since.get_or_insert(at);
        let stuck = at.saturating_sub(since);
        (stuck >= STUCK).then(|| Cause {
            word: "missed_heartbeat",
            detail: format!("{} messages wait, and none is taken", beat.waiting),
        })
    }
}

impl Pulse {
    /// It told at `at` that its connection came or went. `Some`: it does so too often. Each time
    /// all its devices are looked through.
    pub fn connection(&mut self, at: Duration) -> Option<Cause> {
        self.connections = self.connections.saturating_add(1);
        (self.connections > admitted(at))
            .then(|| flood("its connection comes and goes more often than a process tries"))
    }
}

/// So many of a kind may have come until then.
fn admitted(at: Duration) -> u64 {
    AT_ONCE.saturating_add(at.as_secs().saturating_mul(EACH_SECOND))
}

fn flood(detail: &str) -> Cause {
    Cause { word: "protocol_violation", detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuck_at(beats: impl IntoIterator<Item = Beat>) -> Option<usize> {
        let mut pulse = Pulse::default();
        beats
            .into_iter()
            .enumerate()
            .find(|(second, beat)| pulse.beat(Duration::from_secs(*second as u64), *beat).is_some())
            .map(|(second, _)| second)
    }

    const fn beat(handled: u64, waiting: u32, unacknowledged: u32) -> Beat {
        Beat { handled, waiting, unacknowledged }
    }

    #[test]
    fn messages_that_wait_while_none_is_taken_are_a_missed_heartbeat() {
        assert_eq!(
            stuck_at([beat(5, 0, 0), beat(5, 7, 0), beat(5, 7, 0), beat(5, 8, 0), beat(5, 8, 1)]),
            Some(4)
        );
    }

    #[test]
    fn a_flood_of_heartbeats_is_a_violation_and_those_of_an_hour_unread_are_none() {
        let mut pulse = Pulse::default();
        let at = Duration::from_secs(5);
        let fault = (0..10_000).find_map(|n| Some((n, pulse.beat(at, beat(n, 0, 0))?)));
        let (n, cause) = fault.unwrap();
        assert_eq!((n, cause.word), (60, "protocol_violation"));
        let words = (0..10_000).find_map(|n| Some((n, pulse.connection(at)?)));
        assert_eq!(words.map(|(n, cause)| (n, cause.word)), Some((60, "protocol_violation")));
        let mut pulse = Pulse::default();
        let hour = Duration::from_secs(3600);
        assert!((0..3600).all(|n| pulse.beat(hour, beat(n, 0, 0)).is_none()));
    }

    #[test]
    fn silence_slow_progress_and_a_full_core_are_none() {
        assert_eq!(stuck_at((0..100).map(|_| beat(5, 0, 3))), None);
        assert_eq!(stuck_at((0..100).map(|n| beat(n, 64, 3))), None);
        let full = u32::try_from(CREDIT).unwrap();
        assert_eq!(stuck_at((0..100).map(|_| beat(5, 64, full))), None);
    }
}
