//! Who is asked when. A cycle begins every `poll`: first every OFF that is owed, then the readings
//! of the units that live, then at most one dead unit is probed. Of units that did not answer their
//! last OFF, one is written to in a cycle. So whatever is dead on the line, a cycle of the others
//! grows by one time-out, and by another for whatever does not answer OFF.

use std::collections::VecDeque;
use std::time::Duration;

use super::unit::{Job, Unit};

/// What is still to be asked in this cycle, and when the next begins. Holds at most one job for
/// each relay, two more for each unit, and no job twice.
#[derive(Debug)]
pub(super) struct Schedule {
    poll: Duration,
    next: Duration,
    queue: VecDeque<(usize, Job)>,
    /// From this unit on, the first that did not answer its last OFF is written to.
    mute_turn: usize,
}

impl Schedule {
    /// `poll` is not zero.
    pub(super) const fn new(poll: Duration) -> Self {
        Self { poll, next: Duration::ZERO, queue: VecDeque::new(), mute_turn: 0 }
    }

    /// The first cycle begins now.
    pub(super) fn restart(&mut self, now: Duration) {
        self.next = now;
        self.queue.clear();
    }

    /// When the next cycle begins; with no unit alive, when the first dead one is asked.
    pub(super) fn next_start(&self, units: &[Unit]) -> Option<Duration> {
        let mut first_probe: Option<Duration> = None;
        for unit in units {
            match unit.health.probe_at() {
                None => return Some(self.next),
                Some(at) => first_probe = Some(first_probe.map_or(at, |first| first.min(at))),
            }
        }
        first_probe.map(|at| at.max(self.next))
    }

    /// Begins a cycle. The one after it begins a `poll` after this one was due, so that cycles do
    /// not drift; those that were missed are left out.
    pub(super) fn begin(&mut self, now: Duration, units: &[Unit]) {
        self.next = self.next.saturating_add(self.poll);
        if self.next <= now {
            self.next = now.saturating_add(self.poll);
        }
        let living = || units.iter().enumerate().filter(|(_, unit)| !unit.health.is_dead());
        let is_mute = |index: &usize| {
            let unit = units.get(*index).filter(|unit| !unit.health.is_dead());
            unit.is_some_and(|unit| unit.health.is_mute() && !unit.writes().is_empty())
        };
        let turns = (self.mute_turn..units.len()).chain(0..self.mute_turn);
        let chosen = turns.into_iter().find(is_mute);
        self.mute_turn = chosen.map_or(0, |index| index + 1);
        for (index, unit) in living() {
            if unit.health.is_mute() && Some(index) != chosen {
                continue;
            }
            self.queue.extend(unit.writes().into_iter().map(|job| (index, job)));
        }
        for (index, unit) in living() {
            self.queue.extend(unit.readings().into_iter().map(|job| (index, job)));
        }
        let dead = units.iter().enumerate().filter_map(|(index, unit)| {
            let at = unit.health.probe_at().filter(|at| *at <= now)?;
            Some((at, index, unit))
        });
        if let Some((_, index, unit)) = dead.min_by_key(|(at, index, _)| (*at, *index)) {
            self.queue.extend(unit.probe().into_iter().map(|job| (index, job)));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(super) fn take(&mut self) -> Option<(usize, Job)> {
        self.queue.pop_front()
    }

    /// Nothing more is asked of this unit in this cycle.
    pub(super) fn skip(&mut self, unit: usize) {
        self.queue.retain(|(of, _)| *of != unit);
    }

    /// Nothing more is written to this unit in this cycle; its readings do not wait.
    pub(super) fn skip_writes(&mut self, unit: usize) {
        self.queue.retain(|(of, job)| *of != unit || !matches!(job, Job::Off { .. }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::modbus::inputs::Sensors;
    use crate::modbus::relays::{Drive, Relay, Role};
    use crate::modbus::unit::{Endpoint, Span};

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Units with one input and one relay each.
    fn units(count: u8) -> Vec<Unit> {
        let span = Some(Span { first: 0, count: 1 });
        (1..=count)
            .map(|number| {
                let relay = Relay::new(Role::Open, 0, Drive::Hold(at(500)));
                let endpoint = Endpoint::new(number.to_string(), Sensors::default(), vec![relay]);
                Unit::new(number, span, span, vec![endpoint])
            })
            .collect()
    }

    fn cycle(schedule: &mut Schedule, now: u64, units: &[Unit]) -> Vec<(usize, Job)> {
        schedule.begin(at(now), units);
        std::iter::from_fn(|| schedule.take()).collect()
    }

    fn kill(unit: &mut Unit, now: u64) {
        while !unit.health.is_dead() {
            unit.missed(at(now), Job::Inputs);
        }
    }

    #[test]
    fn every_off_goes_before_any_reading() {
        let off = Job::Off { endpoint: 0, relay: 0 };
        let jobs = cycle(&mut Schedule::new(at(100)), 0, &units(2));
        let (inputs, coils) = (Job::Inputs, Job::Coils);
        assert_eq!(jobs, [(0, off), (1, off), (0, inputs), (0, coils), (1, inputs), (1, coils)]);
    }

    #[test]
    fn one_dead_unit_a_cycle() {
        let mut units = units(5);
        for (index, unit) in units.iter_mut().enumerate().skip(1) {
            kill(unit, 10 * index as u64);
        }
        let mut schedule = Schedule::new(at(100));
        let asked = |jobs: Vec<(usize, Job)>| -> Vec<usize> {
            let mut units: Vec<usize> =
                jobs.into_iter().map(|(unit, _)| unit).filter(|unit| *unit > 0).collect();
            units.dedup();
            units
        };
        assert_eq!(asked(cycle(&mut schedule, 1009, &units)), [0; 0]);
        assert_eq!(asked(cycle(&mut schedule, 2000, &units)), [1], "the one due longest");
        units[1].missed(at(2100), Job::Inputs);
        assert_eq!(asked(cycle(&mut schedule, 2200, &units)), [2]);
    }

    #[test]
    fn a_probe_is_all_of_a_unit_or_its_readings() {
        let mut units = units(1);
        kill(&mut units[0], 0);
        let off = Job::Off { endpoint: 0, relay: 0 };
        let mut schedule = Schedule::new(at(100));
        let mut probe = |now: u64, units: &[Unit]| -> Vec<Job> {
            cycle(&mut schedule, now, units).into_iter().map(|(_, job)| job).collect()
        };
        assert_eq!(probe(1000, &units), [off, Job::Inputs, Job::Coils]);
        units[0].missed(at(1100), off);
        assert_eq!(probe(4000, &units), [Job::Inputs, Job::Coils]);
        units[0].missed(at(4100), Job::Inputs);
        assert_eq!(probe(9000, &units), [off, Job::Inputs, Job::Coils]);
    }

    #[test]
    fn of_units_that_do_not_answer_off_one_is_written_to() {
        let mut units = units(4);
        let off = Job::Off { endpoint: 0, relay: 0 };
        for unit in &mut units[1..] {
            unit.missed(at(0), off);
        }
        let mut schedule = Schedule::new(at(100));
        let mut turns = Vec::new();
        for now in 1..=6 {
            let jobs = cycle(&mut schedule, now * 200, &units);
            let mut written = jobs.iter().filter(|(_, job)| *job == off).map(|(unit, _)| *unit);
            assert_eq!(written.next(), Some(0), "the one that answers");
            turns.extend(written);
            assert_eq!(jobs.iter().filter(|(_, job)| *job != off).count(), 8, "all are read");
        }
        assert_eq!(turns, [1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn cycles_do_not_drift_and_do_not_gather() {
        let units = units(1);
        let mut schedule = Schedule::new(at(100));
        schedule.restart(at(0));
        let mut starts = Vec::new();
        for begun in [0, 130, 205, 620, 720] {
            cycle(&mut schedule, begun, &units);
            starts.push(schedule.next_start(&units).unwrap().as_millis());
        }
        assert_eq!(starts, [100, 200, 300, 720, 820]);
    }

    #[test]
    fn nothing_to_do_until_a_probe() {
        let mut units = units(2);
        let mut schedule = Schedule::new(at(100));
        schedule.restart(at(0));
        for unit in &mut units {
            kill(unit, 500);
        }
        assert_eq!(schedule.next_start(&units), Some(at(1500)));
        assert_eq!(schedule.next_start(&[]), None);
        schedule.skip(0);
        assert!(schedule.is_empty());
    }
}
