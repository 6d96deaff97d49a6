//! One input of a board: when what it reads counts.
//!
//! A contact bounces, and a reading may fall into it: a value counts once it was read the same at
//! least [`SAME_READINGS`] times in a row, over at least the configured time. Until then the value
//! before counts, but not for ever: a contact that chatters says nothing.

use std::time::Duration;

use serde::Deserialize;

/// Least readings in a row that must agree.
pub(super) const SAME_READINGS: u32 = 2;

/// An input chatters once no value counted for longer than this many debounce times...
pub(super) const CHATTER_DEBOUNCES: u32 = 10;

/// ...and longer than this...
pub(super) const CHATTER_TIME: Duration = Duration::from_secs(3);

/// ...and in more readings than this: seldom ones, or a gap between them, are no chatter.
pub(super) const CHATTER_READINGS: u32 = 10;

/// What a contact is while what it watches for is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Contact {
    /// Open at rest: the input is on while active.
    NormallyOpen,
    /// Closed at rest: the input is off while active.
    NormallyClosed,
}

/// One input of a board, debounced.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) number: u16,
    contact: Contact,
    candidate: Option<Candidate>,
    /// The value that counts.
    pub(super) settled: Option<bool>,
    unsteady: Option<Unsteady>,
    /// No value counts, for too long.
    pub(super) chatters: bool,
}

/// The readings since a value counted last.
#[derive(Debug, Clone, Copy)]
struct Unsteady {
    since: Duration,
    readings: u32,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    active: bool,
    since: Duration,
    readings: u32,
}

impl Input {
    pub(super) const fn new(number: u16, contact: Contact) -> Self {
        let (candidate, settled, unsteady) = (None, None, None);
        Self { number, contact, candidate, settled, unsteady, chatters: false }
    }

    /// A reading that began `at`: `on` as the board says it.
    pub(super) fn read(&mut self, at: Duration, on: bool, debounce: Duration) {
        let active = on == (self.contact == Contact::NormallyOpen);
        let candidate = match self.candidate {
            Some(before) if before.active == active => {
                Candidate { readings: before.readings.saturating_add(1), ..before }
            }
            _ => Candidate { active, since: at, readings: 1 },
        };
        self.candidate = Some(candidate);
        let lasted = at.saturating_sub(candidate.since);
        if candidate.readings >= SAME_READINGS && lasted >= debounce {
            self.settled = Some(active);
            self.unsteady = None;
            self.chatters = false;
            return;
        }
        let unsteady = self.unsteady.get_or_insert(Unsteady { since: at, readings: 0 });
        unsteady.readings = unsteady.readings.saturating_add(1);
        let bound = debounce.saturating_mul(CHATTER_DEBOUNCES).max(CHATTER_TIME);
        if unsteady.readings > CHATTER_READINGS && at.saturating_sub(unsteady.since) > bound {
            self.settled = None;
            self.chatters = true;
        }
    }

    /// Whether the newest reading says what counts, or that nothing does.
    pub(super) fn is_steady(&self) -> bool {
        self.chatters || self.candidate.map(|candidate| candidate.active) == self.settled
    }

    pub(super) fn forget(&mut self) {
        *self = Self::new(self.number, self.contact);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_value_counts_after_two_readings_over_the_time() {
        for (name, debounce, readings, expected) in [
            ("one reading", 0, vec![(0, true)], None),
            ("two, no time asked", 0, vec![(0, true), (0, true)], Some(true)),
            ("two, too close", 150, vec![(0, true), (100, true)], None),
            ("three", 150, vec![(0, true), (100, true), (200, true)], Some(true)),
            ("two, far apart", 150, vec![(0, true), (150, true)], Some(true)),
            ("long, but only one", 150, vec![(0, true), (900, false)], None),
            (
                "a bounce begins anew",
                150,
                vec![(0, true), (100, false), (200, true), (300, true)],
                None,
            ),
            (
                "a bounce changes nothing",
                150,
                vec![(0, true), (200, true), (300, false), (400, true)],
                Some(true),
            ),
            (
                "another value counts as well",
                150,
                vec![(0, true), (200, true), (300, false), (450, false)],
                Some(false),
            ),
        ] {
            let mut input = Input::new(0, Contact::NormallyOpen);
            for (time, on) in readings {
                input.read(at(time), on, at(debounce));
            }
            assert_eq!(input.settled, expected, "{name}");
        }
    }

    #[test]
    fn polarity() {
        for (contact, on, active) in [
            (Contact::NormallyOpen, true, true),
            (Contact::NormallyOpen, false, false),
            (Contact::NormallyClosed, true, false),
            (Contact::NormallyClosed, false, true),
        ] {
            let mut input = Input::new(0, contact);
            input.read(at(0), on, at(0));
            input.read(at(0), on, at(0));
            assert_eq!(input.settled, Some(active), "{contact:?} {on}");
        }
    }
}
