//! Which loops of the gateway turn, for a watchdog that starts a hung gateway again. A loop must
//! come round whether or not it has anything to do; but one that waits for the disk is not hung,
//! and starting again would not mend the disk: that is a storage failure, which is told as such.

use std::time::Duration;

use crate::journal::Doing;

/// A loop that must turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loop {
    /// What decides: signals, requests, commits.
    Gateway,
    /// The journal's thread.
    Journal,
    /// What brings events to the bus.
    Uplink,
    /// What takes requests from the bus, where there is a queue for them.
    Downlink,
}

impl Loop {
    pub const ALL: [Self; 4] = [Self::Gateway, Self::Journal, Self::Uplink, Self::Downlink];

    /// As in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Journal => "journal",
            Self::Uplink => "uplink",
            Self::Downlink => "downlink",
        }
    }
}

/// What holds up the journal's thread, as of two looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disk {
    /// Nothing.
    Free,
    /// The disk: whoever needs the journal waits with it.
    Awaited,
    /// It is within one order all the time, and that is no waiting.
    Spinning,
}

impl Disk {
    /// What `before` and `after` say, `passed` apart. A thread takes less than half of a processor
    /// while it waits; where the kernel does not say what it takes, it is believed to wait.
    pub fn between(before: Doing, after: Doing, passed: Duration) -> Self {
        if !after.busy {
            return Self::Free;
        }
        let taken = match (before.taken, after.taken) {
            (Some(before), Some(after)) => after.saturating_sub(before),
            _ => Duration::ZERO,
        };
        if taken < passed / 2 {
            Self::Awaited
        } else if before.busy && before.done == after.done {
            Self::Spinning
        } else {
            Self::Free
        }
    }
}

/// The loops that owe a turn: `turned` has those that completed one since they were last looked at.
/// Empty: the watchdog is fed.
pub fn missed(turned: &[Loop], disk: Disk) -> Vec<Loop> {
    if disk == Disk::Awaited {
        return Vec::new();
    }
    Loop::ALL.into_iter().filter(|one| !turned.contains(one)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

    use proptest::prelude::*;

    use super::*;

    const ROUND: Duration = Duration::from_secs(15);

    fn doing(done: u64, busy: bool, taken_ms: u64) -> Doing {
        Doing { done, busy, taken: Some(Duration::from_millis(taken_ms)) }
    }

    #[test]
    fn a_disk_that_does_not_answer_is_no_missed_turn() {
        let disk = Disk::between(doing(7, true, 100), doing(7, true, 101), ROUND);
        assert_eq!(disk, Disk::Awaited);
        assert_eq!(missed(&[], disk), []);
        // A slow one, that goes on from order to order.
        assert_eq!(Disk::between(doing(7, true, 0), doing(9, true, 900), ROUND), Disk::Awaited);
        let unknown = Doing { done: 7, busy: true, taken: None };
        assert_eq!(Disk::between(unknown, unknown, ROUND), Disk::Awaited);
    }

    #[test]
    fn a_journal_that_spins_is_one() {
        let disk = Disk::between(doing(7, true, 100), doing(7, true, 14_000), ROUND);
        assert_eq!(disk, Disk::Spinning);
        assert_eq!(missed(&[Loop::Gateway, Loop::Uplink, Loop::Downlink], disk), [Loop::Journal]);
    }

    #[test]
    fn a_journal_that_has_much_to_do_turns() {
        let disk = Disk::between(doing(7, true, 0), doing(90, true, 14_000), ROUND);
        assert_eq!(disk, Disk::Free);
        assert_eq!(missed(&Loop::ALL, disk), []);
    }

    #[test]
    fn each_loop_alone_is_missed_when_it_does_not_turn() {
        for one in Loop::ALL {
            let turned: Vec<_> = Loop::ALL.into_iter().filter(|other| *other != one).collect();
            assert_eq!(missed(&turned, Disk::Free), [one]);
        }
    }

    proptest! {
        /// Whatever is seen: only a busy thread that waits excuses anybody.
        #[test]
        fn an_idle_journal_excuses_nobody(
            before in (any::<u64>(), any::<bool>(), 0..100_000_u64),
            done in any::<u64>(),
            taken in 0..100_000_u64,
        ) {
            let before = doing(before.0, before.1, before.2);
            let disk = Disk::between(before, doing(done, false, taken), ROUND);
            prop_assert_eq!(missed(&[], disk), Loop::ALL);
        }
    }
}
