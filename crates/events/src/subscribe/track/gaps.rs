//! Which events of one type of one journal were received, and which are missing.
//!
//! Every sequence number is told at most once as late, at most once as lost, and at most once as
//! closed, and never as closed without having been told: what is told follows from the ranges and
//! from how far the gateway has delivered, so nothing else is remembered.

use serde::{Deserialize, Serialize};

/// The most ranges of received events that are kept of one type of one journal. When there are
/// more, the oldest is dropped, and the holes before the next one are closed as forgotten.
pub const MOST_RANGES: usize = 512;

/// Something to be told; both ends belong to the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Late(u64, u64),
    Lost(u64, u64),
    Arrived(u64, u64),
    Forgotten(u64, u64),
}

/// Received events, from the first one seen on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// Nothing before it is watched.
    start: u64,
    /// What the gateway has delivered: holes up to it are lost.
    through: Option<u64>,
    /// Ascending; at least one number is missing between two of them.
    ranges: Vec<(u64, u64)>,
}

impl Seen {
    /// The first event of a journal: whatever was before it is none of this consumer's.
    pub(super) fn from_event(sequence: u64) -> Self {
        Self { start: sequence, through: None, ranges: vec![(sequence, sequence)] }
    }

    /// The first sign of a journal is a heartbeat: what was delivered before it is none of this
    /// consumer's.
    pub(super) fn from_heartbeat(through: u64) -> Self {
        let (start, ranges) = match through.checked_add(1) {
            Some(start) => (start, Vec::new()),
            None => (through, vec![(through, through)]),
        };
        Self { start, through: Some(through), ranges }
    }

    /// The last number that is known to have been given.
    fn known(&self) -> u64 {
        let last = self.ranges.last().map(|(_, last)| *last);
        last.max(self.through).unwrap_or(self.start)
    }

    /// Whether the number is at most so far beyond the last one known.
    pub(super) fn reaches(&self, sequence: u64, most_ahead: u64) -> bool {
        sequence <= self.known().saturating_add(most_ahead)
    }

    /// An event has come.
    pub(super) fn event(&mut self, sequence: u64) -> Vec<Told> {
        let after = self.ranges.partition_point(|(first, _)| *first <= sequence);
        let before = after.checked_sub(1).and_then(|at| self.ranges.get(at));
        if sequence < self.start || before.is_some_and(|(_, last)| sequence <= *last) {
            return Vec::new();
        }
        let known = self.known();
        let mut told = Vec::new();
        if sequence <= known {
            told.push(Told::Arrived(sequence, sequence));
        } else if sequence - known > 1 {
            told.push(Told::Late(known + 1, sequence - 1));
        }
        self.insert(after, sequence);
        if self.ranges.len() > MOST_RANGES {
            self.forget(&mut told);
        }
        told
    }

    /// `after`: the place of the first range behind it.
    fn insert(&mut self, after: usize, sequence: u64) {
        let joins_next = self
            .ranges
            .get(after)
            .is_some_and(|(first, _)| sequence.checked_add(1) == Some(*first));
        let next = if joins_next { Some(self.ranges.remove(after)) } else { None };
        let end = next.map_or(sequence, |(_, last)| last);
        let before = after.checked_sub(1).and_then(|at| self.ranges.get_mut(at));
        match before {
            Some((_, last)) if last.checked_add(1) == Some(sequence) => *last = end,
            _ => self.ranges.insert(after, (sequence, end)),
        }
    }

    /// Drops the oldest range; the holes on both its sides are no longer watched.
    fn forget(&mut self, told: &mut Vec<Told>) {
        let (first, last) = self.ranges.remove(0);
        if self.start < first {
            told.push(Told::Forgotten(self.start, first - 1));
        }
        if let Some((next, _)) = self.ranges.first() {
            // Ranges never touch.
            told.push(Told::Forgotten(last + 1, next - 1));
            self.start = *next;
        }
    }

    /// The gateway says how far it has delivered. One that says less than another before it says
    /// nothing new.
    pub(super) fn heartbeat(&mut self, through: u64) -> Vec<Told> {
        if self.through.is_some_and(|before| through <= before) {
            return Vec::new();
        }
        let judged = self.through.map_or(0, |before| before.saturating_add(1)).max(self.start);
        let mut told = Vec::new();
        let mut lost = |first: u64, last: u64| {
            let (first, last) = (first.max(judged), last.min(through));
            if first <= last {
                told.push(Told::Lost(first, last));
            }
        };
        let mut next = self.start;
        for (first, last) in &self.ranges {
            if let Some(end) = first.checked_sub(1) {
                lost(next, end);
            }
            next = last.saturating_add(1);
        }
        if self.ranges.last().is_none_or(|(_, last)| *last < through) {
            lost(next, through);
        }
        self.through = Some(through);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// What was told of each number, and whether it may be.
    #[derive(Default)]
    struct Ledger {
        late: BTreeSet<u64>,
        lost: BTreeSet<u64>,
        closed: BTreeSet<u64>,
    }

    impl Ledger {
        fn take(&mut self, told: Vec<Told>) {
            for told in told {
                let (Told::Late(first, last)
                | Told::Lost(first, last)
                | Told::Arrived(first, last)
                | Told::Forgotten(first, last)) = told;
                assert!(first <= last, "{told:?}");
                for n in first..=last {
                    let new = match told {
                        Told::Late(..) => !self.lost.contains(&n) && self.late.insert(n),
                        Told::Lost(..) => self.lost.insert(n),
                        _ => {
                            assert!(self.late.contains(&n) || self.lost.contains(&n), "{told:?}");
                            self.closed.insert(n)
                        }
                    };
                    assert!(new, "{n} of {told:?} was told before");
                    let open = matches!(told, Told::Late(..) | Told::Lost(..));
                    assert!(!open || !self.closed.contains(&n), "{told:?} is closed");
                }
            }
        }

        fn open(&self) -> BTreeSet<u64> {
            self.late.union(&self.lost).filter(|n| !self.closed.contains(n)).copied().collect()
        }
    }

    #[derive(Debug, Clone)]
    enum Step {
        Event(u64),
        Heartbeat(u64),
    }

    /// A journal's events in any order, some twice, some never, heartbeats between.
    fn history() -> impl Strategy<Value = (Vec<Step>, Vec<u64>)> {
        let events = prop::collection::vec((any::<u32>(), 0..4_u8), 1..80);
        let beats = prop::collection::vec((any::<u32>(), 0..80_u64), 0..8);
        (events, beats).prop_map(|(events, beats)| {
            let mut steps = Vec::new();
            let mut never = Vec::new();
            for (n, (place, fate)) in (0_u64..).zip(&events) {
                match fate {
                    0 => never.push(n),
                    1 => {
                        steps.push((*place, Step::Event(n)));
                        steps.push((place.wrapping_mul(2_654_435_761), Step::Event(n)));
                    }
                    _ => steps.push((*place, Step::Event(n))),
                }
            }
            steps.extend(beats.into_iter().map(|(place, n)| (place, Step::Heartbeat(n))));
            steps.sort_by_key(|(place, _)| *place);
            (steps.into_iter().map(|(_, step)| step).collect(), never)
        })
    }

    fn play(steps: &[Step], ledger: &mut Ledger) -> Option<Seen> {
        let mut seen: Option<Seen> = None;
        for step in steps {
            match (&mut seen, step) {
                (None, Step::Event(n)) => seen = Some(Seen::from_event(*n)),
                (None, Step::Heartbeat(n)) => seen = Some(Seen::from_heartbeat(*n)),
                (Some(seen), Step::Event(n)) => ledger.take(seen.event(*n)),
                (Some(seen), Step::Heartbeat(n)) => ledger.take(seen.heartbeat(*n)),
            }
        }
        seen
    }

    proptest! {
        #[test]
        fn what_is_told_is_what_is_missing((steps, never) in history()) {
            let mut ledger = Ledger::default();
            let Some(mut seen) = play(&steps, &mut ledger) else { return Ok(()) };
            let came: BTreeSet<u64> = steps
                .iter()
                .filter_map(|step| match step {
                    Step::Event(n) => Some(*n),
                    Step::Heartbeat(_) => None,
                })
                .collect();
            let (start, known) = (seen.start, seen.known());
            let missing: BTreeSet<u64> = (start..=known).filter(|n| !came.contains(n)).collect();
            let open = ledger.open();
            prop_assert_eq!(&open, &missing);
            // What is at or below what was delivered is lost, the rest is late.
            for n in &open {
                prop_assert_eq!(ledger.lost.contains(n), Some(*n) <= seen.through);
            }
            // All the rest comes after all: nothing stays open.
            for n in never {
                ledger.take(seen.event(n));
            }
            let beyond = ledger.open().into_iter().filter(|n| came.iter().max() >= Some(n)).count();
            prop_assert_eq!(beyond, 0);
        }
    }

    #[test]
    fn every_step_tells_once() {
        let mut seen = Seen::from_event(5);
        assert_eq!(seen.event(3), [], "before the first one seen");
        assert_eq!(seen.event(6), []);
        assert_eq!(seen.event(10), [Told::Late(7, 9)]);
        assert_eq!(seen.event(10), []);
        assert_eq!(seen.event(8), [Told::Arrived(8, 8)]);
        assert_eq!(seen.heartbeat(7), [Told::Lost(7, 7)]);
        assert_eq!(seen.heartbeat(7), []);
        assert_eq!(seen.heartbeat(12), [Told::Lost(9, 9), Told::Lost(11, 12)]);
        assert_eq!(seen.event(12), [Told::Arrived(12, 12)]);
        assert_eq!(seen.event(14), [Told::Late(13, 13)]);
        assert_eq!(seen.heartbeat(11), [], "an older heartbeat");
        assert_eq!(seen.event(11), [Told::Arrived(11, 11)]);
    }

    #[test]
    fn a_heartbeat_may_be_the_first_sign() {
        let mut seen = Seen::from_heartbeat(10);
        assert_eq!(seen.event(9), []);
        assert_eq!(seen.event(12), [Told::Late(11, 11)]);
        assert_eq!(seen.event(11), [Told::Arrived(11, 11)]);
    }

    #[test]
    fn the_oldest_range_is_forgotten_and_told() {
        let mut seen = Seen::from_event(0);
        for n in 1..MOST_RANGES as u64 {
            assert_eq!(seen.event(2 * n), [Told::Late(2 * n - 1, 2 * n - 1)]);
        }
        assert_eq!(seen.ranges.len(), MOST_RANGES);
        let next = 2 * MOST_RANGES as u64;
        assert_eq!(seen.event(next), [Told::Late(next - 1, next - 1), Told::Forgotten(1, 1)]);
        assert_eq!(seen.ranges.len(), MOST_RANGES);
        assert_eq!(seen.event(1), [], "it is no longer watched");
        assert_eq!(seen.event(3), [Told::Arrived(3, 3)]);
    }

    #[test]
    fn the_last_number_of_all_breaks_nothing() {
        let mut seen = Seen::from_event(u64::MAX - 1);
        assert_eq!(seen.event(u64::MAX), []);
        assert_eq!(seen.heartbeat(u64::MAX), []);
        let mut seen = Seen::from_heartbeat(u64::MAX);
        assert_eq!(seen.event(u64::MAX), [], "delivered before the first sign");
        assert_eq!(seen.heartbeat(u64::MAX), []);
    }
}
