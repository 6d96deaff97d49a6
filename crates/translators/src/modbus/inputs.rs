//! From the inputs of a board to where a leaf or a bolt is.
//!
//! What is between two limit switches is told from the limit that was left last, and no longer than
//! a leaf travels. What hangs on a contact that chatters is unknown.

use std::time::Duration;

use super::contact::Input;
use crate::vocabulary::{LockState, Position};

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
        if [&self.closed, &self.open].into_iter().flatten().any(|input| input.chatters) {
            return Some(Position::Unknown);
        }
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
        let lock_state = |lock: &Input| match lock.settled {
            _ if lock.chatters => Some(LockState::Unknown),
            settled => {
                settled.map(|locked| if locked { LockState::Locked } else { LockState::Unlocked })
            }
        };
        let obstruction = |input: &Input| match input.settled {
            _ if input.chatters => Some(Obstruction(None)),
            settled => settled.map(|active| Obstruction(Some(active))),
        };
        Facts {
            position: self.motion.position,
            lock: self.lock.as_ref().and_then(lock_state),
            obstruction: self.obstruction.as_ref().and_then(obstruction),
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

    /// Whether the newest reading says of every input what counts, or that nothing does.
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
    use crate::modbus::contact::Contact;

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

    /// Readings each 100 ms, by what they say; when each change is noticed.
    fn changes(values: impl Iterator<Item = bool>, pause: u64, debounce: u64) -> Vec<(u64, Facts)> {
        let mut sensors = Sensors {
            closed: Some(input(0)),
            lock: Some(input(1)),
            obstruction: Some(input(2)),
            ..Sensors::default()
        };
        let pace = Pace { debounce: at(debounce), ..PACE };
        let mut told = vec![(0, Facts::default())];
        for (n, on) in (0..).zip(values) {
            sensors.read(at(n * pause), pace, |_| Some(on));
            if told.last().unwrap().1 != sensors.facts() {
                told.push((n * pause, sensors.facts()));
            }
        }
        told.remove(0);
        told
    }

    const ACTIVE: Facts = Facts {
        position: Some(Position::Closed),
        lock: Some(LockState::Locked),
        obstruction: Some(Obstruction(Some(true))),
    };
    const CHATTERING: Facts = Facts {
        position: Some(Position::Unknown),
        lock: Some(LockState::Unknown),
        obstruction: Some(Obstruction(None)),
    };

    #[test]
    fn chatter_is_unknown_after_its_bound() {
        let turns = |count: usize| (0..count).map(|n| n % 2 == 1);
        let steady = |count: usize| std::iter::repeat_n(true, count);
        // The turns begin at 1000, and the last of them, at 10,900, is what stays.
        for (debounce, settled, unknown, back) in [
            (0, 100, 4100, 11_000),
            (150, 200, 4100, 11_100),
            (300, 300, 4100, 11_200),
            (350, 400, 4600, 11_300),
            (500, 500, 6100, 11_400),
        ] {
            let found = changes(steady(10).chain(turns(100)).chain(steady(9)), 100, debounce);
            let expected = [(settled, ACTIVE), (unknown, CHATTERING), (back, ACTIVE)];
            assert_eq!(found, expected, "{debounce}");
        }
        // Short of the bound the value before counts, and nothing is told.
        let found = changes(steady(10).chain(turns(30)).chain(steady(9)), 100, 150);
        assert_eq!(found, [(200, ACTIVE)]);
        // Never settled at all.
        let found = changes(turns(100), 100, 150);
        assert_eq!(found, [(3100, CHATTERING)]);
    }

    #[test]
    fn seldom_readings_are_no_chatter() {
        let values = [true, true, false, true, true, false, false, true, true];
        let found = changes(values.into_iter(), 5000, 0);
        assert_eq!(found.len(), 3, "each value that counts, and no more: {found:?}");
        assert!(found.iter().all(|(_, facts)| facts.position != Some(Position::Unknown)));
        let turns = (0..20).map(|n| n < 2 || n % 2 == 1);
        assert_eq!(changes(turns, 5000, 0), [(5000, ACTIVE), (60_000, CHATTERING)]);
    }

    #[test]
    fn a_limit_that_chatters_loses_where_the_leaf_came_from() {
        let mut sensors =
            Sensors { closed: Some(input(0)), open: Some(input(1)), ..Sensors::default() };
        let mut now = 0;
        let mut read = |count: usize, closed: fn(usize) -> bool| {
            for n in 0..count {
                sensors.read(at(now), PACE, |number| Some(number == 0 && closed(n)));
                now += 100;
            }
            (sensors.facts().position, sensors.are_steady())
        };
        assert_eq!(read(5, |_| true), (Some(Position::Closed), true));
        assert_eq!(read(20, |n| n % 2 == 0).0, Some(Position::Closed));
        assert_eq!(read(30, |n| n % 2 == 0), (Some(Position::Unknown), true), "it can be told");
        assert_eq!(read(5, |_| false), (Some(Position::Unknown), true), "not opening");
        assert_eq!(read(5, |_| true), (Some(Position::Closed), true));
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
