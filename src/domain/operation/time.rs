//! Moments, timers and what a restart does to them.
//!
//! A timer runs on monotonic time, so a wall clock that steps changes nothing while the gateway
//! runs. Over a restart only the wall clock goes on. So a timer keeps both readings of its start:
//! what is left is its length less the wall time since, never more than its whole length, and
//! nothing at all where the gap is not known or the wall clock stands before the start. A restart
//! ends early rather than late.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How far the clocks of a device and of the gateway may differ when times of both are compared.
pub const CLOCK_DIFFERENCE: Duration = Duration::from_secs(2);

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct At {
    /// Never steps back while the process lives; means nothing to the next one.
    pub monotonic: Duration,
    /// The wall clock, which may step.
    pub wall: Timestamp,
}

impl At {
    /// The same moment for a process that starts later: before everything it will see.
    #[must_use]
    pub fn of_an_earlier_life(self) -> Self {
        Self { monotonic: Duration::ZERO, wall: self.wall }
    }
}

/// Whether the time between the last life of the process and this one can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// The wall clock was trusted when the state was stored, is trusted now, and was not set back
    /// in between.
    Known,
    /// Any of that is in doubt: every timer is over.
    Unknown,
}

/// The first thing that a restored machine is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restart {
    /// Now, on the clocks of the new process.
    pub at: At,
    pub gap: Gap,
}

/// A time that is over at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timer {
    set: At,
    length: Duration,
}

impl Timer {
    /// Is over `length` after `at`.
    pub const fn new(at: At, length: Duration) -> Self {
        Self { set: at, length }
    }

    /// When it is over, monotonic.
    pub fn due(&self) -> Duration {
        self.set.monotonic.saturating_add(self.length)
    }

    /// Whether it is over.
    pub fn is_over(&self, at: At) -> bool {
        self.due() <= at.monotonic
    }

    /// Goes on with what is left in a new process.
    pub fn restart(&mut self, restart: &Restart) {
        let passed = restart.at.wall.duration_since(self.set.wall);
        let passed = match restart.gap {
            Gap::Known => Duration::try_from(passed).unwrap_or(self.length),
            Gap::Unknown => self.length,
        };
        *self = Self { set: restart.at, length: self.length.saturating_sub(passed) };
    }
}

/// Whether the timer runs and is over.
pub(super) fn is_over(timer: Option<&Timer>, at: At) -> bool {
    timer.is_some_and(|timer| timer.is_over(at))
}

/// The earliest of those that run.
pub(super) fn earliest<'a>(
    timers: impl IntoIterator<Item = &'a Option<Timer>>,
) -> Option<Duration> {
    timers.into_iter().flatten().map(Timer::due).min()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn at(monotonic: u64, wall: i64) -> At {
        At {
            monotonic: Duration::from_secs(monotonic),
            wall: Timestamp::from_second(1_800_000_000 + wall).unwrap(),
        }
    }

    #[test]
    fn what_was_left_goes_on() {
        let mut timer = Timer::new(at(1_000, 0), Duration::from_secs(60));
        timer.restart(&Restart { at: at(3, 20), gap: Gap::Known });
        assert_eq!(timer.due(), Duration::from_secs(43));
    }

    #[test]
    fn a_gap_that_nobody_knows_ends_it() {
        for (gap, wall) in [(Gap::Unknown, 20), (Gap::Known, -1), (Gap::Known, 61)] {
            let mut timer = Timer::new(at(1_000, 0), Duration::from_secs(60));
            let now = at(3, wall);
            timer.restart(&Restart { at: now, gap });
            assert!(timer.is_over(now), "{gap:?} {wall}");
        }
    }

    proptest! {
        /// Over any number of restarts a timer whose wall clock is right never ends later than it
        /// would have without one, and never has more left than its length.
        #[test]
        fn nothing_lengthens_a_timer(
            length in 0u64..1_000,
            gaps in proptest::collection::vec((0i64..200, any::<bool>(), 0u64..50), 1..8),
        ) {
            let mut timer = Timer::new(at(500, 0), Duration::from_secs(length));
            let mut wall = 0;
            for (away, known, monotonic) in gaps {
                wall += away;
                let now = at(monotonic, wall);
                let gap = if known { Gap::Known } else { Gap::Unknown };
                timer.restart(&Restart { at: now, gap });
                let left = timer.due().saturating_sub(now.monotonic);
                let without = length.saturating_sub(wall.unsigned_abs());
                prop_assert!(left <= Duration::from_secs(without));
            }
        }
    }
}
