//! One unit of the line with its endpoints: which requests it needs, and what its answers mean.

use std::time::Duration;

use super::frame::{Answer, Bits, READ_COILS, READ_INPUTS, Request};
use super::health::{Change, Health, Reading};
use super::inputs::{Facts, Pace, Sensors};
use super::relays::Relay;
use super::tally::{Exceptions, Garbage};
use super::told::{Told, about};
use crate::observation::{Observation, What};
use crate::translator::{CannotAct, LineFault};
use crate::vocabulary::Act;

/// Most relays of a living unit that are written OFF once more in one cycle; the others' turn comes
/// in the next. So one whose coils cannot be read leaves the line to the others.
pub(super) const MAX_OFF_AGAIN: usize = 4;

/// Coils or inputs that one request reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: u16,
    pub(super) count: u16,
}

/// One thing that a unit is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Job {
    /// Write OFF to a relay: its endpoint and itself, by their order.
    Off { endpoint: usize, relay: usize },
    /// Write to a relay what makes it act, once.
    On { endpoint: usize, relay: usize },
    /// Read all inputs.
    Inputs,
    /// Read all relays' coils.
    Coils,
}

/// A device of the vendor's file.
#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) address: String,
    pub(super) sensors: Sensors,
    pub(super) relays: Vec<Relay>,
    told: Told,
    again: Again,
}

/// How far it is with telling an endpoint's state again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    /// Asked for; what may be under way began before.
    Asked,
    /// A reading has begun since: the next answer to one counts.
    Reading,
}

impl Endpoint {
    pub(super) fn new(address: String, sensors: Sensors, relays: Vec<Relay>) -> Self {
        Self { address, sensors, relays, told: Told::default(), again: Again::No }
    }
}

/// One unit.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) number: u8,
    inputs: Option<Span>,
    coils: Option<Span>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) health: Health,
    exceptions: Exceptions,
    pub(super) garbage: Garbage,
    /// The relay that was written OFF last: endpoint and relay, by their order.
    last_off: (usize, usize),
}

impl Unit {
    /// `inputs` and `coils` cover those of all endpoints, and at least one of them is there.
    pub(super) fn new(
        number: u8,
        inputs: Option<Span>,
        coils: Option<Span>,
        endpoints: Vec<Endpoint>,
    ) -> Self {
        Self {
            number,
            inputs,
            coils,
            endpoints,
            health: Health::new(inputs.is_some(), coils.is_some()),
            exceptions: Exceptions::default(),
            garbage: Garbage::default(),
            last_off: (0, 0),
        }
    }

    /// The line stands anew: nothing of before counts, and every relay is to be off.
    pub(super) fn forget(&mut self) {
        self.health.forget();
        self.exceptions = Exceptions::default();
        self.garbage = Garbage::default();
        for endpoint in &mut self.endpoints {
            endpoint.told.forget();
            endpoint.again = Again::No;
        }
        self.lose_track();
    }

    /// What was read before says nothing of what comes next.
    fn lose_track(&mut self) {
        for endpoint in &mut self.endpoints {
            endpoint.sensors.forget();
            endpoint.told.forget_facts();
            endpoint.relays.iter_mut().for_each(Relay::forget);
        }
    }

    /// Each relay, with its endpoint and itself by their order.
    fn relays(&self) -> impl Iterator<Item = ((usize, usize), &Relay)> {
        self.endpoints.iter().enumerate().flat_map(|(endpoint, of)| {
            of.relays.iter().enumerate().map(move |(relay, it)| ((endpoint, relay), it))
        })
    }

    /// The relays that are to be written OFF in a cycle: each one that was not written yet, and at
    /// most [`MAX_OFF_AGAIN`] others, in turn.
    pub(super) fn writes(&self) -> Vec<Job> {
        let (first, mut again): (Vec<_>, Vec<_>) =
            self.relays().filter(|(_, it)| it.wants_off()).partition(|(_, it)| it.is_unwritten());
        let next = again.iter().position(|(place, _)| *place > self.last_off).unwrap_or(0);
        again.rotate_left(next);
        again.truncate(MAX_OFF_AGAIN);
        first.into_iter().chain(again).map(|(place, _)| off(place)).collect()
    }

    /// What is read in every cycle.
    pub(super) fn readings(&self) -> Vec<Job> {
        let inputs = self.inputs.map(|_| Job::Inputs);
        let coils = self.coils.map(|_| Job::Coils);
        inputs.into_iter().chain(coils).collect()
    }

    /// What a dead unit is asked: OFF to all relays, since one may be on, and all readings, since
    /// only they bring it back. The first time-out ends it. If that was an OFF's, the next probe has
    /// the readings alone: a board that does not answer OFF must not seem dead for ever.
    pub(super) fn probe(&self) -> Vec<Job> {
        let relays = if self.health.is_mute() { 0 } else { usize::MAX };
        let writes = self.relays().filter(|(_, it)| it.wants_off()).take(relays);
        writes.map(|(place, _)| off(place)).chain(self.readings()).collect()
    }

    /// The endpoint and the relay of an act, by their order; an error says that the endpoint is there
    /// and has no such relay.
    pub(super) fn relay_for(
        &self,
        address: &str,
        act: Act,
    ) -> Option<Result<(usize, usize), CannotAct>> {
        let (index, endpoint) =
            self.endpoints.iter().enumerate().find(|(_, it)| it.address == address)?;
        let relay = endpoint.relays.iter().position(|relay| relay.role.act() == Some(act));
        Some(relay.map(|relay| (index, relay)).ok_or(CannotAct::NoSafeForm(act)))
    }

    /// Whether an act of a relay could begin now. Stop may begin while another relay is held: that
    /// one is switched off first.
    pub(super) fn may_act(
        &self,
        (endpoint, relay): (usize, usize),
        act: Act,
    ) -> Result<(), CannotAct> {
        if self.health.online() != Some(true) {
            return Err(CannotAct::Unreachable("the board does not answer"));
        }
        let of = self.endpoints.get(endpoint).map_or(&[][..], |endpoint| &endpoint.relays);
        if of.get(relay).is_none_or(Relay::is_unwritten) {
            return Err(CannotAct::Unreachable("the relay was not switched off yet"));
        }
        if act != Act::Stop && of.iter().any(Relay::is_held) {
            return Err(CannotAct::Busy("a relay of the device is held"));
        }
        Ok(())
    }

    /// Every relay of the endpoint that is held is switched off first.
    pub(super) fn cut_short(&mut self, endpoint: usize) {
        let endpoint = self.endpoints.get_mut(endpoint);
        endpoint.into_iter().flat_map(|it| &mut it.relays).for_each(Relay::cut_short);
    }

    /// Relays whose time is over are to be switched off.
    pub(super) fn release(&mut self, now: Duration) {
        self.endpoints.iter_mut().flat_map(|it| &mut it.relays).for_each(|it| it.release(now));
    }

    /// When the first relay that is held is to be switched off.
    pub(super) fn held_until(&self) -> Option<Duration> {
        self.relays().filter_map(|(_, it)| it.held_until()).min()
    }

    /// The OFF that goes before everything else.
    pub(super) fn due(&self) -> Option<Job> {
        self.relays().find(|(_, it)| it.is_due()).map(|(place, _)| off(place))
    }

    /// The request for a job that begins now.
    pub(super) fn begin(&mut self, now: Duration, job: Job) -> Option<Request> {
        let read = |function, span: Span| Request {
            unit: self.number,
            function,
            first: span.first,
            value: span.count,
        };
        let request = match job {
            Job::Off { endpoint, relay } => {
                let it = self.endpoints.get_mut(endpoint)?.relays.get_mut(relay)?;
                if it.held_until().is_some() {
                    // An act has come between: its own OFF follows.
                    return None;
                }
                self.last_off = (endpoint, relay);
                it.written();
                it.off_request(self.number)
            }
            Job::On { endpoint, relay } => {
                let it = self.endpoints.get_mut(endpoint)?.relays.get_mut(relay)?;
                it.acts(now);
                it.on_request(self.number)
            }
            Job::Inputs => read(READ_INPUTS, self.inputs?),
            Job::Coils => read(READ_COILS, self.coils?),
        };
        if self.tells_states(job) {
            for endpoint in self.endpoints.iter_mut().filter(|e| e.again == Again::Asked) {
                endpoint.again = Again::Reading;
            }
        }
        Some(request)
    }

    /// Whether this job reads what the endpoints tell: inputs, or coils where there are none.
    fn tells_states(&self, job: Job) -> bool {
        job == Job::Inputs || (job == Job::Coils && self.inputs.is_none())
    }

    /// A job had no answer by `now`.
    pub(super) fn missed(&mut self, now: Duration, job: Job) {
        let died = match job {
            Job::Off { .. } => {
                self.health.missed_off(now);
                false
            }
            // It says nothing of the readings; and what was not heard is not written again.
            Job::On { .. } => false,
            Job::Inputs => self.health.missed(now, Reading::Inputs),
            Job::Coils => self.health.missed(now, Reading::Coils),
        };
        if died {
            self.lose_track();
        }
    }

    /// The answer to the job that began at `begun`.
    pub(super) fn answered(
        &mut self,
        job: Job,
        request: Request,
        begun: Duration,
        answer: &Answer,
        pace: Pace,
    ) {
        if let Answer::Exception(code) = answer {
            self.exceptions.add(request.function, *code);
        }
        let reading = match job {
            Job::Off { endpoint, relay } => {
                self.health.answered_off();
                let relay = self.endpoints.get_mut(endpoint).and_then(|e| e.relays.get_mut(relay));
                if let (Some(relay), Answer::Echo) = (relay, answer) {
                    relay.echoed();
                }
                return;
            }
            Job::On { .. } => return,
            Job::Inputs => Reading::Inputs,
            Job::Coils => Reading::Coils,
        };
        let refused = !matches!(answer, Answer::Bits(_));
        match self.health.answered(reading, refused) {
            Change::Nothing => {}
            Change::Refusal => {
                for endpoint in &mut self.endpoints {
                    endpoint.sensors.forget();
                    endpoint.told.forget_facts();
                }
            }
            Change::Return => self.lose_track(),
        }
        if self.health.is_dead() {
            // Its readings lie far apart, and others are missing: they say only that it answers.
            return;
        }
        if let Answer::Bits(bits) = answer {
            match reading {
                Reading::Inputs => self.read_inputs(begun, bits, pace),
                Reading::Coils => self.read_coils(begun, bits),
            }
        }
        if self.tells_states(job) {
            self.tell_again();
        }
    }

    fn read_inputs(&mut self, begun: Duration, bits: &Bits, pace: Pace) {
        let first = self.inputs.map_or(0, |span| span.first);
        for endpoint in &mut self.endpoints {
            endpoint
                .sensors
                .read(begun, pace, |number| number.checked_sub(first).and_then(|n| bits.get(n)));
        }
    }

    fn read_coils(&mut self, begun: Duration, bits: &Bits) {
        let first = self.coils.map_or(0, |span| span.first);
        for relay in self.endpoints.iter_mut().flat_map(|endpoint| &mut endpoint.relays) {
            if let Some(on) = relay.coil.checked_sub(first).and_then(|n| bits.get(n)) {
                relay.read(begun, on);
            }
        }
    }

    /// Endpoints whose reading is there are told again, unless it may be changing just now: then
    /// from a later one.
    fn tell_again(&mut self) {
        let refuses = self.health.refuses();
        for endpoint in self.endpoints.iter_mut().filter(|e| e.again == Again::Reading) {
            if refuses || endpoint.sensors.are_steady() {
                endpoint.told.forget();
                endpoint.again = Again::No;
            } else {
                endpoint.again = Again::Asked;
            }
        }
    }

    /// The endpoint is to be told from a reading that has not begun.
    pub(super) fn read_again(&mut self, address: &str) {
        if let Some(endpoint) = self.endpoints.iter_mut().find(|e| e.address == address) {
            endpoint.again = Again::Asked;
        }
    }

    /// A fault that is to be told now.
    pub(super) fn fault(&mut self, now: Duration) -> Option<LineFault> {
        self.exceptions.take(now, self.number).or_else(|| self.garbage.take(now))
    }

    /// What is to be told while there is no line: that no endpoint can be reached.
    pub(super) fn unreachable(&mut self) -> Vec<Observation> {
        let mut found = Vec::new();
        for endpoint in &mut self.endpoints {
            let news = endpoint.told.unreachable();
            found.extend(news.map(|what| about(&endpoint.address, what)));
        }
        found
    }

    /// What is to be told since it was last asked.
    pub(super) fn observations(&mut self) -> Vec<Observation> {
        let (online, refuses) = (self.health.online(), self.health.refuses());
        let mut found = Vec::new();
        for endpoint in &mut self.endpoints {
            let facts = match online {
                _ if refuses => endpoint.sensors.unknown(),
                Some(true) => endpoint.sensors.facts(),
                _ => Facts::default(),
            };
            let mut changes = endpoint.told.differences(online, facts);
            for relay in &mut endpoint.relays {
                if relay.take_stayed_on() {
                    changes.push(What::Anomaly {
                        field: format!("relay.{}", relay.role.name()),
                        detail: "relay stayed on".to_owned(),
                    });
                }
            }
            found.extend(changes.into_iter().map(|what| about(&endpoint.address, what)));
        }
        found
    }
}

const fn off((endpoint, relay): (usize, usize)) -> Job {
    Job::Off { endpoint, relay }
}
