//! From the inputs of a board to where a leaf or a bolt is.
//!
//! A contact bounces, and a reading may fall into it: a value counts once it was read the same at
//! least [`SAME_READINGS`] times in a row, over at least the configured time. What is between two
//! limit switches is told from the limit that was left last, and no longer than a leaf travels.

use std::time::Duration;

use serde::Deserialize;

use crate::vocabulary::{LockState, Position};

/// Least readings in a row that must agree.
pub(super) const SAME_READINGS: u32 = 2;

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
    settled: Option<bool>,
}

#[derive(Debug, Clone, Copy)]
struct Candidate {
    active: bool,
    since: Duration,
    readings: u32,
}

impl Input {
    pub(super) const fn new(number: u16, contact: Contact) -> Self {
        Self { number, contact, candidate: None, settled: None }
    }

    /// A reading that began `at`: `on` as the board says it.
    fn read(&mut self, at: Duration, on: bool, debounce: Duration) {
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
        }
    }

    /// Whether the newest reading says what counts.
    fn is_steady(&self) -> bool {
        self.candidate.map(|candidate| candidate.active) == self.settled
    }

    fn forget(&mut self) {
        self.candidate = None;
        self.settled = None;
    }
}

/// What an endpoint's inputs mean.
#[derive(Debug, Default)]
pub(super) struct Sensors {
    pub(super) closed: Option<Input>,
    pub(super) open: Option<Input>,
    pub(super) obstruction: Option<Input>,
    pub(super) lock: Option<Input>,
    pub(super) motion: Motion,
}

/// Where the leaf is, and since when it is there.
#[derive(Debug, Default)]
pub(super) struct Motion {
    position: Option<Position>,
    since: Duration,
}

/// States of one endpoint. `None`: it has no such sensor, or it is not settled yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Facts {
    pub(super) position: Option<Position>,
    pub(super) lock: Option<LockState>,
    pub(super) obstruction: Option<Obstruction>,
}

/// As the alarm's `active`: `None` is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Obstruction(pub(super) Option<bool>);

/// How readings become facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pace {
    pub(super) debounce: Duration,
    /// Longest time that a leaf takes between its limits.
    pub(super) travel: Duration,
}

impl Sensors {
    fn inputs(&self) -> impl Iterator<Item = &Input> {
        [&self.closed, &self.open, &self.obstruction, &self.lock].into_iter().flatten()
    }

    fn inputs_mut(&mut self) -> impl Iterator<Item = &mut Input> {
        [&mut self.closed, &mut self.open, &mut self.obstruction, &mut self.lock]
            .into_iter()
            .flatten()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.inputs().next().is_none()
    }

    pub(super) const fn has_position(&self) -> bool {
        self.closed.is_some() || self.open.is_some()
    }

    /// A reading that began `at`. `bit`: the input of a number. One that the answer lacks was not
    /// read.
    pub(super) fn read(&mut self, at: Duration, pace: Pace, bit: impl Fn(u16) -> Option<bool>) {
        for input in self.inputs_mut() {
            if let Some(on) = bit(input.number) {
                input.read(at, on, pace.debounce);
            }
        }
        let next = self.next_position(at, pace.travel);
        if next != self.motion.position {
            self.motion = Motion { position: next, since: at };
        }
    }

    fn next_position(&self, at: Duration, travel: Duration) -> Option<Position> {
        let position = match (&self.closed, &self.open) {
            (None, None) => return None,
            (Some(closed), None) if closed.settled? => Position::Closed,
            (Some(_), None) => Position::Open,
            (None, Some(open)) if open.settled? => Position::Open,
            (None, Some(_)) => Position::Unknown,
            (Some(closed), Some(open)) => match (closed.settled?, open.settled?) {
                (true, true) => Position::Fault,
                (true, false) => Position::Closed,
                (false, true) => Position::Open,
                (false, false) => self.between(at, travel),
            },
        };
        Some(position)
    }

    /// Neither limit is active.
    fn between(&self, at: Duration, travel: Duration) -> Position {
        match self.motion.position {
            Some(Position::Closed) => Position::Opening,
            Some(Position::Open) => Position::Closing,
            Some(moving @ (Position::Opening | Position::Closing)) => {
                let lasted = at.saturating_sub(self.motion.since);
                if lasted >= travel { Position::StoppedPartial } else { moving }
            }
            Some(Position::StoppedPartial) => Position::StoppedPartial,
            _ => Position::Unknown,
        }
    }

    /// What counts now.
    pub(super) fn facts(&self) -> Facts {
        let settled = |input: &Option<Input>| input.as_ref().and_then(|input| input.settled);
        let lock_state = |locked| if locked { LockState::Locked } else { LockState::Unlocked };
        Facts {
            position: self.motion.position,
            lock: settled(&self.lock).map(lock_state),
            obstruction: settled(&self.obstruction).map(|active| Obstruction(Some(active))),
        }
    }

    /// The facts of a board that does not let itself be read.
    pub(super) fn unknown(&self) -> Facts {
        Facts {
            position: self.has_position().then_some(Position::Unknown),
            lock: self.lock.as_ref().map(|_| LockState::Unknown),
            obstruction: self.obstruction.as_ref().map(|_| Obstruction(None)),
        }
    }

    /// Whether the newest reading says of every input what counts.
    pub(super) fn are_steady(&self) -> bool {
        self.inputs().all(Input::is_steady)
    }

    /// Nothing of before counts.
    pub(super) fn forget(&mut self) {
        self.inputs_mut().for_each(Input::forget);
        self.motion = Motion::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    const PACE: Pace =
        Pace { debounce: Duration::from_millis(150), travel: Duration::from_secs(60) };

    fn input(number: u16) -> Input {
        Input::new(number, Contact::NormallyOpen)
    }

    /// Inputs 0 closed, 1 open; long readings of `(closed, open)` each.
    fn walk(sensors: &mut Sensors, steps: &[(bool, bool)]) -> Vec<Option<Position>> {
        let mut told = Vec::new();
        let mut now = 0;
        for step in steps {
            for _ in 0..3 {
                sensors.read(at(now), PACE, |n| Some(if n == 0 { step.0 } else { step.1 }));
                now += 100;
            }
            told.push(sensors.facts().position);
        }
        told
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

    #[test]
    fn both_limits() {
        use Position::{Closed, Closing, Fault, Open, Opening, Unknown};
        const CLOSED: (bool, bool) = (true, false);
        const OPEN: (bool, bool) = (false, true);
        const NEITHER: (bool, bool) = (false, false);
        const BOTH: (bool, bool) = (true, true);
        for (steps, expected) in [
            (vec![NEITHER], vec![Unknown]),
            (vec![CLOSED, NEITHER, OPEN], vec![Closed, Opening, Open]),
            (vec![OPEN, NEITHER, CLOSED], vec![Open, Closing, Closed]),
            (vec![CLOSED, NEITHER, CLOSED, NEITHER], vec![Closed, Opening, Closed, Opening]),
            (vec![CLOSED, BOTH, NEITHER], vec![Closed, Fault, Unknown]),
            (vec![OPEN, BOTH, OPEN], vec![Open, Fault, Open]),
            (vec![NEITHER, NEITHER, CLOSED], vec![Unknown, Unknown, Closed]),
        ] {
            let mut sensors =
                Sensors { closed: Some(input(0)), open: Some(input(1)), ..Sensors::default() };
            let expected: Vec<_> = expected.into_iter().map(Some).collect();
            assert_eq!(walk(&mut sensors, &steps), expected, "{steps:?}");
        }
    }

    #[test]
    fn travel_ends_in_stopped_partial() {
        let mut sensors =
            Sensors { closed: Some(input(0)), open: Some(input(1)), ..Sensors::default() };
        let neither = |_| Some(false);
        for time in [0, 200] {
            sensors.read(at(time), PACE, |n| Some(n == 0));
        }
        for (time, expected) in [
            (300, Position::Closed),
            (500, Position::Opening),
            (60_499, Position::Opening),
            (60_500, Position::StoppedPartial),
            (200_000, Position::StoppedPartial),
        ] {
            sensors.read(at(time), PACE, neither);
            assert_eq!(sensors.facts().position, Some(expected), "{time}");
        }
        for time in [200_100, 200_300] {
            sensors.read(at(time), PACE, |n| Some(n == 0));
        }
        assert_eq!(sensors.facts().position, Some(Position::Closed));
    }

    #[test]
    fn one_limit() {
        let mut closed = Sensors { closed: Some(input(0)), ..Sensors::default() };
        assert_eq!(
            walk(&mut closed, &[(true, false), (false, true)]),
            [Some(Position::Closed), Some(Position::Open)]
        );
        let mut open = Sensors { open: Some(input(1)), ..Sensors::default() };
        assert_eq!(
            walk(&mut open, &[(true, false), (false, true)]),
            [Some(Position::Unknown), Some(Position::Open)]
        );
    }

    #[test]
    fn nothing_is_known_before_both_limits_are() {
        let mut sensors =
            Sensors { closed: Some(input(0)), open: Some(input(1)), ..Sensors::default() };
        for time in [0, 500] {
            sensors.read(at(time), PACE, |n| (n == 0).then_some(true));
        }
        assert_eq!(sensors.facts(), Facts::default());
        assert_eq!(sensors.unknown().position, Some(Position::Unknown));
    }

    #[test]
    fn steady_and_forgotten() {
        let mut sensors =
            Sensors { lock: Some(input(0)), obstruction: Some(input(1)), ..Sensors::default() };
        sensors.read(at(0), PACE, |_| Some(true));
        assert!(!sensors.are_steady(), "not settled");
        sensors.read(at(200), PACE, |_| Some(true));
        assert!(sensors.are_steady());
        let facts = sensors.facts();
        assert_eq!(facts.lock, Some(LockState::Locked));
        assert_eq!(facts.obstruction, Some(Obstruction(Some(true))));
        assert_eq!(facts.position, None, "it has no such sensor");
        sensors.read(at(300), PACE, |_| Some(false));
        assert!(!sensors.are_steady(), "it may be changing");
        assert_eq!(sensors.facts(), facts);
        sensors.forget();
        assert_eq!(sensors.facts(), Facts::default());
    }
}
