//! Devices that say more than their limit, in virtual time: what passes, what the newest stands
//! for, what is only counted, and what of it is durable.
//!
//! Each device has two buckets, one for messages that tell of states, one for those that tell of
//! acts, so that a sensor that chatters costs no act. A report of a state that finds no token is
//! held, the newest of its kind in place of those before; all that is held is applied together
//! with the next token. Why: `docs/decisions/0021-flood-limits.md`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use doorward_translators::{MAX_DEVICES, What};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::ids::{EndpointId, VendorId};
use crate::domain::operation::At;
use crate::domain::rate::{Bucket, Limits, Rate};
use crate::journal::Batch;

/// A flood that goes on is told this often.
const AGAIN: Duration = Duration::from_secs(60);
/// A device that was within its limit for this long floods no more.
const QUIET: Duration = Duration::from_secs(10);
/// Kinds of reports held of one device; no translator knows as many. What is beyond is counted.
const MAX_HELD: usize = 48;
/// Devices whose rate is watched at a time, of all vendors; one beyond them passes unwatched,
/// within its vendor's own limit.
const MAX_WATCHED: usize = 16_384;
/// From so many watched devices on, those that are idle are forgotten, at most so often.
const FEW: usize = 1024;
const LOOK: Duration = Duration::from_secs(1);
/// Tokens that a list of devices takes, and devices that take one more.
const LIST_COST: u64 = 10;
const LIST_PART: usize = 16;
/// A rate is measured over at least this long.
const SHORTEST: Duration = Duration::from_millis(10);
/// Highest rate that an event can tell.
const MAX_RATE: f64 = 1_000_000.0;
/// Names of facts begin so; the endpoint follows.
const FACT: &str = "flood/";

/// Which of a device's two buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    States,
    Acts,
}

/// A report that waits for a token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Held {
    pub what: What,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_time: Option<Timestamp>,
    /// When it came; a later token makes it no newer.
    pub received: At,
    /// When its vendor's process had it in hand.
    pub received_at: Timestamp,
    pub retained: bool,
    pub lossy: bool,
    /// It answered a question when it came. An answer is none to the next start.
    #[serde(skip)]
    pub answers: bool,
}

/// What an event says of a flood, since the last one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Figures {
    /// Messages a second.
    pub rate: f64,
    pub limit: f64,
    pub coalesced: u64,
    pub dropped_acts: u64,
    pub ended: bool,
}

/// Which of a flood's events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    Begins,
    GoesOn,
    Ends,
}

/// What of a flood outlives the process.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Remembered {
    pub held: Vec<Held>,
    pub coalesced: u64,
    pub dropped_acts: u64,
}

/// One device that is watched.
#[derive(Debug, Default)]
struct Watched {
    states: Bucket,
    acts: Bucket,
    /// Since when not both are full, and its messages since then.
    since: Duration,
    messages: u64,
    /// Tokens that its last report of a state takes.
    cost: u64,
}

#[derive(Debug)]
struct Flood {
    /// In the order in which they came.
    held: Vec<Held>,
    /// When the next token is there.
    next: Duration,
    last_shed: Duration,
    told: Duration,
    /// Messages since it was told.
    messages: u64,
    coalesced: u64,
    dropped_acts: u64,
}

/// What is due of one device.
#[derive(Debug, Clone, PartialEq)]
pub enum Due {
    /// A token is there for what was held.
    Apply(EndpointId, Vec<Held>),
    Tell(EndpointId, Figures),
}

/// All devices' rates.
#[derive(Debug, Default)]
pub struct Floods {
    limits: HashMap<VendorId, Limits>,
    watched: HashMap<EndpointId, Watched>,
    strangers: HashMap<VendorId, Bucket>,
    floods: BTreeMap<EndpointId, Flood>,
    /// Not later than anything is due.
    deadline: Option<Duration>,
    /// Whose facts the batch in hand must hold as they are when it is committed.
    noted: BTreeSet<EndpointId>,
    /// When those that are idle may be looked for next.
    look: Duration,
}

impl Floods {
    /// What a vendor's devices may send; the default where nothing was said.
    pub fn limit(&mut self, vendor: VendorId, limits: Limits) {
        self.limits.insert(vendor, limits);
    }

    /// Messages a second of this device that are taken in one by one.
    pub fn limit_of(&self, endpoint: &EndpointId) -> f64 {
        decimal(self.rate(endpoint.vendor()).per_s()).min(MAX_RATE)
    }

    fn rate(&self, vendor: &str) -> Rate {
        let limits = self.limits.iter().find(|(id, _)| id.as_str() == vendor);
        limits.map_or_else(Limits::default, |(_, limits)| *limits).device
    }

    /// Whether a message of a device is within its limit. Takes a token if it is.
    /// `cost`: tokens that it takes; one is enough, the others are owed.
    pub fn admits(&mut self, now: Duration, endpoint: &EndpointId, lane: Lane, cost: u64) -> bool {
        let rate = self.rate(endpoint.vendor());
        if !self.watched.contains_key(endpoint) {
            if self.watched.len() >= FEW && now >= self.look {
                let idle =
                    |source: &Watched| source.states.is_full(now) && source.acts.is_full(now);
                self.watched.retain(|_, source| !idle(source));
                self.look = now + LOOK;
            }
            if self.watched.len() >= MAX_WATCHED {
                return true;
            }
            self.watched.insert(endpoint.clone(), Watched::default());
        }
        let Some(source) = self.watched.get_mut(endpoint) else { return true };
        if source.states.is_full(now) && source.acts.is_full(now) {
            (source.since, source.messages) = (now, 0);
        }
        source.messages += 1;
        if let Some(flood) = self.floods.get_mut(endpoint) {
            flood.messages += 1;
        }
        match lane {
            Lane::States => {
                source.cost = cost;
                source.states.take(now, rate, cost)
            }
            Lane::Acts => source.acts.take(now, rate, cost),
        }
    }

    /// Whether a message of a device that nobody knows is within the limit that all such of a
    /// vendor share.
    pub fn admits_stranger(&mut self, now: Duration, vendor: &VendorId) -> bool {
        let rate = self.rate(vendor.as_str());
        match self.strangers.get_mut(vendor) {
            Some(bucket) => bucket.take(now, rate, 1),
            None => self.strangers.entry(vendor.clone()).or_default().take(now, rate, 1),
        }
    }

    /// Whether reports of a device wait for a token.
    pub fn holds(&self, endpoint: &EndpointId) -> bool {
        self.floods.get(endpoint).is_some_and(|flood| !flood.held.is_empty())
    }

    /// Holds a report until the next token. What to tell, if the flood begins with it.
    pub fn hold(&mut self, now: Duration, endpoint: &EndpointId, report: Held) -> Option<Figures> {
        let (flood, begins) = self.flood(now, endpoint);
        let place = flood.held.iter().position(|other| other.what.is_same_kind(&report.what));
        match place {
            // What the broker kept is older than what came live.
            Some(place) if report.retained && !flood.held.get(place)?.retained => {
                flood.coalesced += 1;
            }
            Some(place) => {
                let before = flood.held.remove(place);
                flood.held.push(merged(before.what, report));
                flood.coalesced += 1;
            }
            None if flood.held.len() >= MAX_HELD => flood.coalesced += 1,
            None => flood.held.push(report),
        }
        let due = flood.due();
        self.is_due(due);
        begins.then(|| self.figures(now, endpoint, Moment::Begins)).flatten()
    }

    /// Counts reports that the vendor's process left out, since a later one stands for them.
    pub fn stood_for(
        &mut self,
        now: Duration,
        endpoint: &EndpointId,
        count: u64,
    ) -> Option<Figures> {
        if let Some(source) = self.watched.get_mut(endpoint) {
            source.messages += count;
        }
        let (flood, begins) = self.flood(now, endpoint);
        flood.messages += count;
        flood.coalesced += count;
        let due = flood.due();
        self.is_due(due);
        begins.then(|| self.figures(now, endpoint, Moment::Begins)).flatten()
    }

    /// Counts an act that is told in no event of its own.
    pub fn drop_act(&mut self, now: Duration, endpoint: &EndpointId) -> Option<Figures> {
        let (flood, begins) = self.flood(now, endpoint);
        flood.dropped_acts += 1;
        let due = flood.due();
        self.is_due(due);
        begins.then(|| self.figures(now, endpoint, Moment::Begins)).flatten()
    }

    /// The flood of a device that a message was too many of; true: it begins.
    fn flood(&mut self, now: Duration, endpoint: &EndpointId) -> (&mut Flood, bool) {
        let rate = self.rate(endpoint.vendor());
        let states = self.watched.get(endpoint).map(|source| source.states).unwrap_or_default();
        let begins = !self.floods.contains_key(endpoint);
        let flood = self.floods.entry(endpoint.clone()).or_insert(Flood {
            held: Vec::new(),
            next: now,
            last_shed: now,
            told: now,
            messages: 0,
            coalesced: 0,
            dropped_acts: 0,
        });
        flood.next = states.next(rate);
        flood.last_shed = now;
        (flood, begins)
    }

    fn is_due(&mut self, at: Duration) {
        self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
    }

    /// What is told of a flood now; its counts begin anew.
    fn figures(&mut self, now: Duration, endpoint: &EndpointId, moment: Moment) -> Option<Figures> {
        let limit = self.limit_of(endpoint);
        let flood = self.floods.get_mut(endpoint)?;
        let (since, messages) = match self.watched.get(endpoint) {
            Some(source) if moment == Moment::Begins => (source.since, source.messages),
            _ => (flood.told, flood.messages),
        };
        let passed = now.saturating_sub(since).max(SHORTEST).as_secs_f64();
        let figures = Figures {
            rate: (decimal(messages) / passed).min(MAX_RATE),
            limit,
            coalesced: std::mem::take(&mut flood.coalesced),
            dropped_acts: std::mem::take(&mut flood.dropped_acts),
            ended: moment == Moment::Ends,
        };
        flood.messages = 0;
        flood.told = now;
        Some(figures)
    }

    /// What of a device waits, for its token has come or nothing may wait any longer.
    pub fn take(&mut self, endpoint: &EndpointId) -> Vec<Held> {
        self.floods
            .get_mut(endpoint)
            .map(|flood| std::mem::take(&mut flood.held))
            .unwrap_or_default()
    }

    /// The devices of a vendor of which something waits.
    pub fn holding(&self, vendor: &VendorId) -> Vec<EndpointId> {
        self.floods
            .iter()
            .filter(|(id, flood)| id.vendor() == vendor.as_str() && !flood.held.is_empty())
            .map(|(id, _)| id.clone())
            .collect()
    }

    /// The devices that flood.
    pub fn flooding(&self) -> impl Iterator<Item = &EndpointId> {
        self.floods.keys()
    }

    /// Whether a device of this vendor floods.
    pub fn is_flooded(&self, vendor: &VendorId) -> bool {
        if self.floods.is_empty() {
            return false;
        }
        let first = self.floods.range(EndpointId::of(vendor, "")..).next();
        first.is_some_and(|(endpoint, _)| endpoint.vendor() == vendor.as_str())
    }

    /// When [`Self::due`] is to be asked, at the latest.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// What is due by now: tokens are taken, floods that have ended are forgotten.
    pub fn due(&mut self, now: Duration) -> Vec<Due> {
        if self.deadline.is_none_or(|deadline| deadline > now) {
            return Vec::new();
        }
        let due: Vec<EndpointId> = self
            .floods
            .iter()
            .filter(|(_, flood)| flood.due() <= now)
            .map(|(endpoint, _)| endpoint.clone())
            .collect();
        let mut all = Vec::new();
        for endpoint in due {
            let rate = self.rate(endpoint.vendor());
            let Some(flood) = self.floods.get_mut(&endpoint) else { continue };
            if !flood.held.is_empty() && flood.next <= now {
                // It is there: nobody else takes from it but who holds something, too.
                let cost = flood.held.iter().map(|held| cost(&held.what, 0)).max().unwrap_or(1);
                let took = self
                    .watched
                    .get_mut(&endpoint)
                    .is_none_or(|source| source.states.take(now, rate, cost.max(source.cost)));
                if took {
                    all.push(Due::Apply(endpoint.clone(), std::mem::take(&mut flood.held)));
                } else if let Some(source) = self.watched.get(&endpoint) {
                    flood.next = source.states.next(rate);
                }
            }
            let ended = flood.held.is_empty() && flood.last_shed + QUIET <= now;
            if ended || flood.told + AGAIN <= now {
                let moment = if ended { Moment::Ends } else { Moment::GoesOn };
                let figures = self.figures(now, &endpoint, moment);
                if ended {
                    self.floods.remove(&endpoint);
                }
                all.extend(figures.map(|figures| Due::Tell(endpoint, figures)));
            }
        }
        self.deadline = self.floods.values().map(Flood::due).min();
        all
    }

    /// Writes the fact of a device into its batch, if none stands there yet; [`Self::complete`]
    /// brings it up to date.
    pub fn note(&mut self, endpoint: &EndpointId, batch: &mut Batch) {
        if self.noted.contains(endpoint) {
            return;
        }
        self.noted.insert(endpoint.clone());
        self.write(endpoint, batch);
    }

    /// Brings the facts that were noted up to date, in the batch that is committed now.
    pub fn complete(&mut self, batch: &mut Batch) {
        for endpoint in std::mem::take(&mut self.noted) {
            self.write(&endpoint, batch);
        }
    }

    fn write(&self, endpoint: &EndpointId, batch: &mut Batch) {
        let name = format!("{FACT}{endpoint}");
        let Some(flood) = self.floods.get(endpoint) else {
            batch.facts.insert(name, Vec::new());
            return;
        };
        let remembered = Remembered {
            // A list is told again by the next connection.
            held: flood
                .held
                .iter()
                .filter(|held| !matches!(held.what, What::Inventory { .. }))
                .cloned()
                .collect(),
            coalesced: flood.coalesced,
            dropped_acts: flood.dropped_acts,
        };
        match serde_json::to_vec(&remembered) {
            Ok(bytes) => drop(batch.facts.insert(name, bytes)),
            Err(error) => tracing::error!(name, %error, "a fact cannot be written"),
        }
    }
}

/// What an earlier process left of its floods. One that cannot be read is said in the log.
pub fn remembered(facts: &[(String, Vec<u8>)]) -> Vec<(EndpointId, Remembered)> {
    let mut all = Vec::new();
    for (name, value) in facts {
        let Some(endpoint) = name.strip_prefix(FACT) else { continue };
        match serde_json::from_slice(value) {
            Ok(flood) => all.push((EndpointId::new(endpoint), flood)),
            Err(error) => {
                tracing::error!(name, %error, "what a device said last in a flood cannot be read");
                all.push((EndpointId::new(endpoint), Remembered::default()));
            }
        }
    }
    all
}

/// Ends the fact of an earlier process's flood.
pub fn forget(endpoint: &EndpointId, batch: &mut Batch) {
    batch.facts.insert(format!("{FACT}{endpoint}"), Vec::new());
}

impl Flood {
    fn due(&self) -> Duration {
        let held = if self.held.is_empty() { self.last_shed + QUIET } else { self.next };
        held.min(self.told + AGAIN)
    }
}

/// The newer report, with what only the older one said: of a battery, or of devices where the newer
/// one lists some more.
fn merged(before: What, mut report: Held) -> Held {
    match (before, &mut report.what) {
        (What::Battery { percent: old, low: old_low }, What::Battery { percent, low }) => {
            *percent = percent.or(old);
            *low = low.or(old_low);
        }
        (
            What::Inventory { devices: mut all, complete: was_complete },
            What::Inventory { devices, complete },
        ) if !*complete => {
            // The later word of a device stands; beyond the bound the oldest go.
            all.append(devices);
            all.drain(..all.len().saturating_sub(MAX_DEVICES));
            (*devices, *complete) = (all, was_complete);
        }
        _ => {}
    }
    report
}

/// Tokens that a report takes. A list is worked through device by device, and what is known of its
/// vendor is written anew; so it is where the vendor's bridge comes or goes, which has so many
/// devices `behind` it (of a device: 0).
pub fn cost(what: &What, behind: usize) -> u64 {
    let parts = |devices: usize| u64::try_from(devices / LIST_PART).unwrap_or(u64::MAX);
    match what {
        What::Inventory { devices, .. } => LIST_COST + parts(devices.len()),
        _ => 1 + parts(behind),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count for people")]
fn decimal(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
