//! The conversation on the line: one question at a time, and the line quiet before each.

use std::time::Duration;

use super::acts::{Acts, Waiting};
use super::frame::{REQUEST_LENGTH, Request, without_answers};
use super::inputs::Pace;
use super::schedule::Schedule;
use super::tally::Garbage;
use super::timing::Timing;
use super::unit::{Job, Unit};
use crate::observation::{Device, MAX_OBSERVATIONS, Observation};
use crate::translator::{Acted, CannotAct, LineDriver, LineFault, Report, Step};
use crate::vocabulary::Act;

/// Most bytes that wait for the rest of an answer; of more, the oldest are garbage. Also most that
/// are gathered while nothing is asked. The longest answer has 255.
pub(super) const MAX_BUFFER: usize = 512;

/// Most faults of one [`LineDriver::reports`]; further ones wait for the next.
pub(super) const MAX_FAULTS: usize = 64;

/// The driver of one line.
#[derive(Debug)]
pub(super) struct Modbus {
    timing: Timing,
    /// How long a unit may take to answer, beyond the time that the bytes take on the line.
    timeout: Duration,
    pace: Pace,
    devices: Vec<Device>,
    units: Vec<Unit>,
    schedule: Schedule,
    line: Option<Line>,
    acts: Acts,
    /// What came while nothing was asked.
    unasked: Garbage,
    /// The unit whose faults are told first: where the last time ended, so that none waits for ever.
    first_told: usize,
}

/// The line, while it stands.
#[derive(Debug)]
struct Line {
    asked: Option<Asked>,
    buffer: Vec<u8>,
    /// What comes while nothing is asked, until a question follows or the line is quiet again.
    idle: Vec<u8>,
    /// The line was quiet for long enough from here on.
    quiet_at: Duration,
    /// Nobody waits for quiet any longer than this: a line full of noise is asked all the same.
    patience: Duration,
}

/// The question that has no answer yet.
#[derive(Debug, Clone, Copy)]
struct Asked {
    unit: usize,
    job: Job,
    request: Request,
    begun: Duration,
    expires: Duration,
}

impl Modbus {
    pub(super) fn new(
        timing: Timing,
        timeout: Duration,
        poll: Duration,
        pace: Pace,
        devices: Vec<Device>,
        units: Vec<Unit>,
    ) -> Self {
        Self {
            timing,
            timeout,
            pace,
            devices,
            units,
            schedule: Schedule::new(poll),
            line: None,
            acts: Acts::default(),
            unasked: Garbage::default(),
            first_told: 0,
        }
    }

    /// The relay of an act: its unit, its endpoint and itself, by their order.
    fn relay_for(&self, address: &str, act: Act) -> Result<(usize, (usize, usize)), CannotAct> {
        let found = self.units.iter().enumerate().find_map(|(index, unit)| {
            Some(unit.relay_for(address, act)?.map(|place| (index, place)))
        });
        found.unwrap_or_else(|| Err(CannotAct::UnknownDevice(address.to_owned())))
    }

    fn patience(&self, now: Duration) -> Duration {
        now.saturating_add(self.timing.silence).saturating_add(self.timeout)
    }

    /// No answer in time: the unit's other questions wait for the next cycle. After an OFF, a living
    /// unit is read all the same.
    fn give_up(&mut self, now: Duration, asked: Asked) {
        let patience = self.patience(now);
        let Some(line) = &mut self.line else { return };
        line.asked = None;
        line.patience = patience;
        let heard = std::mem::take(&mut line.buffer);
        let is_dead = self.units.get(asked.unit).is_some_and(|unit| unit.health.is_dead());
        match asked.job {
            Job::On { .. } => self.acts.missed(),
            Job::Off { .. } if !is_dead => self.schedule.skip_writes(asked.unit),
            Job::Off { .. } | Job::Inputs | Job::Coils => self.schedule.skip(asked.unit),
        }
        if let Some(unit) = self.units.get_mut(asked.unit) {
            unit.garbage.add("in place of an answer", &without_answers(&heard));
            unit.missed(now, asked.job);
        }
    }

    fn take_in(&mut self, now: Duration, bytes: &[u8]) {
        let patience = self.patience(now);
        let Some(line) = &mut self.line else { return };
        let Some(asked) = line.asked else {
            line.idle.extend_from_slice(bytes);
            if line.idle.len() > MAX_BUFFER {
                self.judge_idle();
            }
            return;
        };
        line.buffer.extend_from_slice(bytes);
        let Some(unit) = self.units.get_mut(asked.unit) else { return };
        let Some(found) = asked.request.find(&line.buffer) else {
            let beyond = line.buffer.len().saturating_sub(MAX_BUFFER);
            let oldest: Vec<u8> = line.buffer.drain(..beyond).collect();
            unit.garbage.add("in place of an answer", &oldest);
            return;
        };
        line.asked = None;
        line.patience = patience;
        let heard = std::mem::take(&mut line.buffer);
        let before = heard.get(..found.start).unwrap_or_default();
        let behind = heard.get(found.end..).unwrap_or_default();
        unit.garbage.add("before an answer", &without_answers(before));
        unit.garbage.add("behind an answer", &without_answers(behind));
        if let Job::On { .. } = asked.job {
            self.acts.answered(&found.answer);
        }
        unit.answered(asked.job, asked.request, asked.begun, &found.answer, self.pace);
    }

    /// When what came while nothing was asked is whole: nothing has followed for as long as a unit
    /// may take to answer.
    fn idle_ends(&self) -> Option<Duration> {
        let line = self.line.as_ref().filter(|line| !line.idle.is_empty())?;
        Some(line.quiet_at.saturating_add(self.timeout))
    }

    /// Answers that came too late are no garbage.
    fn judge_idle(&mut self) {
        let Some(line) = &mut self.line else { return };
        let idle = std::mem::take(&mut line.idle);
        self.unasked.add("while nothing was asked", &without_answers(&idle));
    }

    /// Whether something waits that goes before the readings.
    fn is_urgent(&self) -> bool {
        self.acts.waits() || self.units.iter().any(|unit| unit.due().is_some())
    }

    /// What goes before the readings: an OFF whose time has come, then an act.
    fn urgent(&mut self, now: Duration) -> Option<(usize, Job)> {
        let due = self.units.iter().enumerate().find_map(|(index, it)| Some((index, it.due()?)));
        if due.is_some() {
            return due;
        }
        let waiting = self.acts.waiting()?;
        let unit = self.units.get(waiting.unit);
        if unit.is_none_or(|unit| unit.may_act(waiting.place, waiting.act).is_err()) {
            self.acts.unreachable();
            return None;
        }
        let over = now.saturating_add(self.timing.characters(REQUEST_LENGTH));
        let (endpoint, relay) = waiting.place;
        self.acts.turn(over).then_some((waiting.unit, Job::On { endpoint, relay }))
    }

    fn is_quiet(&self, now: Duration) -> bool {
        self.line.as_ref().is_some_and(|line| now >= line.quiet_at.min(line.patience))
    }

    /// The next question, now that the line is quiet.
    fn ask(&mut self, now: Duration) -> Option<Vec<u8>> {
        self.judge_idle();
        while let Some((index, job)) = self.urgent(now).or_else(|| self.schedule.take()) {
            let begun = self.units.get_mut(index).and_then(|unit| unit.begin(now, job));
            let Some(request) = begun else { continue };
            let line = self.line.as_mut()?;
            let written = now.saturating_add(self.timing.characters(REQUEST_LENGTH));
            let expires = written
                .saturating_add(self.timeout)
                .saturating_add(self.timing.characters(request.answer_length()));
            line.quiet_at = line.quiet_at.max(written.saturating_add(self.timing.silence));
            line.asked = Some(Asked { unit: index, job, request, begun: now, expires });
            return Some(request.encode());
        }
        None
    }

    /// What the units tell of their endpoints, in reports that a signal of the link can hold.
    fn states(&mut self, news: impl Fn(&mut Unit) -> Vec<Observation>) -> Vec<Report> {
        let mut reports = Vec::new();
        for unit in &mut self.units {
            for some in news(unit).chunks(MAX_OBSERVATIONS) {
                let source = source(unit);
                reports.push(Report { source, observations: some.to_vec(), fault: None });
            }
        }
        reports
    }

    /// All that is to be told now, each unit's apart: states first, then faults.
    fn told(&mut self, now: Duration) -> Vec<Report> {
        let mut reports = self.states(Unit::observations);
        let mut faults: Vec<(String, LineFault)> = Vec::new();
        if let Some(fault) = self.unasked.take(now) {
            faults.push(("line".to_owned(), fault));
        }
        let count = self.units.len();
        for index in (0..count).map(|n| (self.first_told + n) % count) {
            let Some(unit) = self.units.get_mut(index) else { continue };
            while faults.len() < MAX_FAULTS
                && let Some(fault) = unit.fault(now)
            {
                faults.push((source(unit), fault));
            }
            if faults.len() == MAX_FAULTS {
                self.first_told = index;
                break;
            }
        }
        reports.extend(faults.into_iter().map(|(source, fault)| Report {
            source,
            observations: Vec::new(),
            fault: Some(fault),
        }));
        reports
    }
}

fn source(unit: &Unit) -> String {
    format!("unit {}", unit.number)
}

impl LineDriver for Modbus {
    fn opened(&mut self, now: Duration) {
        self.acts.cut_off();
        self.units.iter_mut().for_each(Unit::forget);
        self.unasked = Garbage::default();
        self.schedule.restart(now);
        self.line = Some(Line {
            asked: None,
            buffer: Vec::new(),
            idle: Vec::new(),
            quiet_at: now.saturating_add(self.timing.silence),
            patience: self.patience(now),
        });
    }

    fn closed(&mut self, _now: Duration) {
        self.acts.cut_off();
        self.line = None;
    }

    fn received(&mut self, now: Duration, bytes: &[u8]) {
        let Some(line) = &mut self.line else { return };
        if !bytes.is_empty() {
            line.quiet_at = line.quiet_at.max(now.saturating_add(self.timing.silence));
        }
        for portion in bytes.chunks(MAX_BUFFER) {
            self.take_in(now, portion);
        }
    }

    fn transmit(&mut self, now: Duration) -> Option<Vec<u8>> {
        if let Some(asked) = self.line.as_ref()?.asked {
            if now < asked.expires {
                return None;
            }
            self.give_up(now, asked);
        }
        if self.idle_ends().is_some_and(|end| end <= now) {
            self.judge_idle();
        }
        self.units.iter_mut().for_each(|unit| unit.release(now));
        if self.is_urgent()
            && self.is_quiet(now)
            && let Some(frame) = self.ask(now)
        {
            return Some(frame);
        }
        if self.schedule.is_empty() {
            if now < self.schedule.next_start(&self.units)? {
                return None;
            }
            self.schedule.begin(now, &self.units);
            let patience = self.patience(now);
            self.line.as_mut()?.patience = patience;
        }
        if !self.is_quiet(now) {
            return None;
        }
        self.ask(now)
    }

    fn deadline(&self) -> Option<Duration> {
        let line = self.line.as_ref()?;
        if let Some(asked) = line.asked {
            return Some(asked.expires);
        }
        let next = if self.schedule.is_empty() && !self.is_urgent() {
            self.schedule.next_start(&self.units)
        } else {
            Some(line.quiet_at.min(line.patience))
        };
        let held = self.units.iter().filter_map(Unit::held_until).min();
        next.into_iter().chain(held).chain(self.idle_ends()).min()
    }

    fn reports(&mut self, now: Duration) -> Vec<Report> {
        if self.line.is_none() {
            // What it said last is no longer news: without a line no unit can be reached.
            return self.states(Unit::unreachable);
        }
        self.told(now)
    }

    fn read_again(&mut self, address: &str) {
        for unit in &mut self.units {
            unit.read_again(address);
        }
    }

    fn devices(&self) -> Vec<Device> {
        self.devices.clone()
    }

    fn command(&self, address: &str, act: Act) -> Result<Vec<Step>, CannotAct> {
        let (index, (endpoint, relay)) = self.relay_for(address, act)?;
        let unit = self.units.get(index);
        let relay = unit.and_then(|unit| unit.endpoints.get(endpoint)?.relays.get(relay));
        let steps = unit.zip(relay).map(|(unit, relay)| relay.steps(unit.number));
        steps.ok_or(CannotAct::NoSafeForm(act))
    }

    fn ready(&self, address: &str, act: Act) -> Result<(), CannotAct> {
        let (index, place) = self.relay_for(address, act)?;
        if self.line.is_none() {
            return Err(CannotAct::Unreachable("there is no line"));
        }
        self.acts.is_free()?;
        self.units.get(index).map_or(Ok(()), |unit| unit.may_act(place, act))
    }

    fn begin(
        &mut self,
        now: Duration,
        address: &str,
        act: Act,
        until: Duration,
    ) -> Result<(), CannotAct> {
        self.ready(address, act)?;
        let (unit, place) = self.relay_for(address, act)?;
        let patience = self.patience(now);
        if let Some(line) = self.line.as_mut().filter(|_| self.schedule.is_empty()) {
            line.patience = patience;
        }
        if act == Act::Stop
            && let Some(unit) = self.units.get_mut(unit)
        {
            unit.cut_short(place.0);
        }
        self.acts.take(Waiting { unit, place, act }, until);
        Ok(())
    }

    fn acted(&mut self) -> Option<Acted> {
        self.acts.acted()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::modbus::inputs::Sensors;
    use crate::modbus::unit::{Endpoint, Span};

    const NOW: Duration = Duration::from_secs(1);

    fn asked() -> Modbus {
        let endpoint = Endpoint::new("e0".to_owned(), Sensors::default(), vec![]);
        let unit = Unit::new(1, Some(Span { first: 0, count: 1 }), None, vec![endpoint]);
        let second = Duration::from_secs(1);
        let pace = Pace { debounce: Duration::ZERO, travel: second };
        let mut driver =
            Modbus::new(Timing::new(9600), second, second, pace, Vec::new(), vec![unit]);
        driver.opened(Duration::ZERO);
        assert!(driver.transmit(NOW).is_some());
        driver
    }

    #[test]
    fn the_buffer_is_bounded_and_an_answer_behind_it_is_found() {
        let mut driver = asked();
        let held = |driver: &Modbus| driver.line.as_ref().map_or(0, |line| line.buffer.len());
        for length in [1, 127, 128, 129, 511, 513, 5000] {
            driver.received(NOW, &vec![1; length]);
            assert!(held(&driver) <= MAX_BUFFER, "{length}");
        }
        assert_eq!(held(&driver), MAX_BUFFER);
        driver.received(NOW, &[&[2; 300][..], &[1, 2, 1, 1, 0x60, 0x48]].concat());
        assert_eq!(held(&driver), 0, "it is answered");
        let reports = driver.reports(NOW);
        assert_eq!(reports.len(), 2, "{reports:?}");
        let told = reports.iter().find_map(|report| report.fault.as_ref()).unwrap();
        assert_eq!(told.raw.len(), 256);
        assert!(told.detail.contains("bytes 6709"), "{told:?}");
    }

    proptest! {
        #[test]
        fn no_bytes_at_any_time_fill_the_buffer_beyond_its_bound(
            portions in prop::collection::vec((0_u64..3000, any::<u8>(), 0_usize..900), 0..60),
        ) {
            let mut driver = asked();
            let mut now = NOW;
            for (pause, byte, length) in portions {
                now += Duration::from_millis(pause);
                driver.received(now, &vec![byte; length]);
                prop_assert!(driver.line.as_ref().is_some_and(|line| line.buffer.len() <= MAX_BUFFER));
                while driver.transmit(now).is_some() {}
                prop_assert!(driver.deadline().is_some_and(|deadline| deadline > now));
            }
        }
    }
}
