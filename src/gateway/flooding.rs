//! What a device that floods does to the rest: nothing. Its reports are sorted before anything
//! else is done with them, and what is too much costs a look-up and a place in a list.

use doorward_translators::{Observation, What};

use super::flood::{self, Due, Figures, Held, Lane};
use super::signal::{Origin, is_act};
use super::state::{Effects, Gateway, Now};
use crate::domain::ids::{EndpointId, VendorId};
use crate::domain::rate::Limits;
use crate::journal::Batch;
use crate::link::Signal;

/// Observations of one device in one message that one token is for; of those beyond it, as many
/// take another one.
const PER_TOKEN: usize = 8;
/// The identity under which a vendor's lists of devices are bounded: none that the link lets pass.
const LISTS: &str = "\u{1}";

/// Devices that flood, shown at a time.
const MAX_SHOWN: usize = 100;

/// A signal's observations by what becomes of them.
#[derive(Default)]
pub(super) struct Sorted {
    /// Handled now.
    pub through: Vec<Observation>,
    /// Held until there is a token.
    pub held: Vec<(EndpointId, Observation)>,
    /// Devices of which something is held and for which there is a token now.
    pub ready: Vec<EndpointId>,
    /// Acts that are only counted.
    pub acts: Vec<EndpointId>,
    /// Reports of unknown devices that are only counted.
    pub strangers: u64,
    /// Reports of a device that its vendor's process left out.
    pub left_out: Option<(EndpointId, u64)>,
}

impl Sorted {
    /// Whether nothing of it is handled now, and something is too much.
    pub fn is_shed(&self) -> bool {
        let shed = !self.held.is_empty() || !self.acts.is_empty() || self.strangers > 0;
        shed && self.through.is_empty() && self.ready.is_empty()
    }
}

/// Of which device in a message what may pass.
struct Passage {
    endpoint: EndpointId,
    lane: Lane,
    left: usize,
    admitted: bool,
}

impl Gateway {
    /// Bounds what a vendor's devices may say from now on.
    pub fn limit(&mut self, vendor: VendorId, limits: Limits) {
        self.floods.limit(vendor, limits);
    }

    /// The devices that flood; of a vendor's bridge the vendor's name with a colon.
    pub fn flooding(&self) -> Vec<String> {
        let name = |endpoint: &EndpointId| {
            if is_bridge(endpoint) {
                format!("{}:", endpoint.vendor())
            } else {
                endpoint.to_string()
            }
        };
        let mut names: Vec<String> = self.floods.flooding().take(MAX_SHOWN).map(name).collect();
        names.dedup();
        names
    }

    /// Whether a device of this vendor floods.
    pub fn is_flooded(&self, vendor: &VendorId) -> bool {
        self.floods.is_flooded(vendor)
    }

    /// Brings a batch up to date that is about to be committed: to be called right before it, with
    /// everything in it that the steps so far gave.
    pub fn complete(&mut self, batch: &mut Batch) {
        self.floods.complete(batch);
    }

    /// Sorts a signal's observations, and takes their tokens.
    pub(super) fn sort(&mut self, now: Now, vendor: &VendorId, signal: &mut Signal) -> Sorted {
        let mut sorted = Sorted::default();
        let mut passages: Vec<Passage> = Vec::new();
        let mut left_out = u64::from(signal.stands_for);
        for observation in std::mem::take(&mut signal.observations) {
            let act = is_act(&observation.what);
            if act && signal.retained {
                continue;
            }
            let Some(lane) = lane(&observation.what) else {
                let failed = matches!(observation.what, What::CommandFailed { .. });
                if !failed || self.floods.admits_stranger(now.monotonic, vendor) {
                    sorted.through.push(observation);
                }
                continue;
            };
            let known = self.vendors.get(vendor).and_then(|v| v.resolve(&observation.address));
            let endpoint = match known {
                _ if matches!(observation.what, What::Inventory { .. }) => {
                    EndpointId::of(vendor, LISTS)
                }
                None if of_bridge(&observation) => EndpointId::of(vendor, ""),
                Some(endpoint) => {
                    if left_out > 0 {
                        sorted.left_out = Some((endpoint.clone(), std::mem::take(&mut left_out)));
                    }
                    endpoint.clone()
                }
                // It speaks of nothing.
                None if observation.address.is_empty() => continue,
                None => {
                    sorted.strangers += std::mem::take(&mut left_out);
                    if self.floods.admits_stranger(now.monotonic, vendor) {
                        sorted.through.push(observation);
                    } else {
                        sorted.strangers += 1;
                    }
                    continue;
                }
            };
            let admitted = {
                let behind = self.vendors.get(vendor).filter(|_| is_bridge(&endpoint));
                let behind = behind.map_or(0, |vendor| vendor.inventory.len());
                let cost = flood::cost(&observation.what, behind);
                self.passes(now, &endpoint, lane, cost, &mut passages)
            };
            match lane {
                Lane::Acts if admitted => sorted.through.push(observation),
                Lane::Acts => sorted.acts.push(endpoint),
                Lane::States => {
                    let waits = sorted.held.iter().any(|(other, _)| *other == endpoint);
                    if admitted && !waits && !self.floods.holds(&endpoint) {
                        sorted.through.push(observation);
                        continue;
                    }
                    // What waits goes before it, and what it stands for does not go at all.
                    if admitted && !sorted.ready.contains(&endpoint) {
                        sorted.ready.push(endpoint.clone());
                    }
                    sorted.held.push((endpoint, observation));
                }
            }
        }
        sorted
    }

    fn passes(
        &mut self,
        now: Now,
        endpoint: &EndpointId,
        lane: Lane,
        cost: u64,
        passages: &mut Vec<Passage>,
    ) -> bool {
        let place = passages.iter().position(|p| p.lane == lane && p.endpoint == *endpoint);
        if let Some(passage) = place.and_then(|place| passages.get_mut(place)) {
            if passage.left == 0 || cost > 1 {
                passage.left = PER_TOKEN;
                passage.admitted = self.floods.admits(now.monotonic, endpoint, lane, cost);
            }
            passage.left -= 1;
            return passage.admitted;
        }
        let admitted = self.floods.admits(now.monotonic, endpoint, lane, cost);
        let endpoint = endpoint.clone();
        passages.push(Passage { endpoint, lane, left: PER_TOKEN - 1, admitted });
        admitted
    }

    /// Takes what was too much out of a signal.
    pub(super) fn shed(
        &mut self,
        now: Now,
        origin: &Origin<'_>,
        sorted: &mut Sorted,
        effects: &mut Effects,
    ) {
        if let Some((endpoint, count)) = sorted.left_out.take() {
            let begins = self.floods.stood_for(now.monotonic, &endpoint, count);
            self.tell_flood(now, &endpoint, begins, effects);
        }
        for (endpoint, observation) in sorted.held.drain(..) {
            let Observation { device_time, what, .. } = observation;
            let device_time = device_time.map(|time| time.min(now.wall));
            let answers = self.answers(now, origin, &endpoint, device_time);
            let held = Held {
                what,
                device_time,
                received: origin.received,
                received_at: origin.received_at,
                retained: origin.retained,
                lossy: origin.lossy,
                answers,
            };
            let begins = self.floods.hold(now.monotonic, &endpoint, held);
            self.tell_flood(now, &endpoint, begins, effects);
        }
        for endpoint in std::mem::take(&mut sorted.acts) {
            let begins = self.floods.drop_act(now.monotonic, &endpoint);
            self.tell_flood(now, &endpoint, begins, effects);
        }
        if sorted.strangers > 0 {
            self.count_strangers(now, origin.vendor, sorted.strangers);
        }
        for endpoint in std::mem::take(&mut sorted.ready) {
            let held = self.floods.take(&endpoint);
            self.apply(now, &endpoint, held, effects);
        }
    }

    /// Notes what has changed of a flood, and tells what is to be told of it.
    fn tell_flood(
        &mut self,
        now: Now,
        endpoint: &EndpointId,
        figures: Option<Figures>,
        effects: &mut Effects,
    ) {
        self.floods.note(endpoint, &mut effects.batch);
        if let Some(figures) = figures {
            let vendor = VendorId::new(endpoint.vendor());
            let Figures { rate, limit, coalesced, dropped_acts, ended } = figures;
            tracing::warn!(%endpoint, rate, limit, coalesced, dropped_acts, ended, "a device floods");
            let event = self.composer.flooding(now, &vendor, endpoint, &figures);
            effects.event(Some(&vendor), event);
        }
    }

    /// Handles reports that were held.
    fn apply(&mut self, now: Now, endpoint: &EndpointId, held: Vec<Held>, effects: &mut Effects) {
        if held.is_empty() {
            return;
        }
        let vendor = VendorId::new(endpoint.vendor());
        let mut answered = Vec::new();
        for report in held {
            let origin = Origin {
                vendor: &vendor,
                retained: report.retained,
                lossy: report.lossy,
                received_at: report.received_at,
                received: report.received,
            };
            match report.what {
                What::Inventory { devices, complete } => {
                    self.inventory(now, &vendor, devices, complete, effects);
                }
                What::Availability { part, online } if is_bridge(endpoint) => {
                    self.vendor_part(now, &vendor, part, online, effects);
                }
                what => {
                    let (time, answers) = (report.device_time, report.answers);
                    if answers && matches!(what, What::Lock { .. } | What::Position { .. }) {
                        answered.push(endpoint.clone());
                    }
                    self.observed(now, &origin, endpoint, time, what, answers, effects);
                }
            }
        }
        self.has_answered(&vendor, answered);
        self.floods.note(endpoint, &mut effects.batch);
    }

    /// Handles what is held of a vendor's devices before a gap, after which it would be old.
    pub(super) fn flush_held(&mut self, now: Now, vendor: &VendorId, effects: &mut Effects) {
        for endpoint in self.floods.holding(vendor) {
            let held = self.floods.take(&endpoint);
            self.apply(now, &endpoint, held, effects);
        }
    }

    /// Tokens have come back, floods go on or have ended.
    pub(super) fn tick_floods(&mut self, now: Now, effects: &mut Effects) {
        for due in self.floods.due(now.monotonic) {
            match due {
                Due::Apply(endpoint, held) => self.apply(now, &endpoint, held, effects),
                Due::Tell(endpoint, figures) => {
                    self.tell_flood(now, &endpoint, Some(figures), effects);
                }
            }
        }
    }

    /// Handles what an earlier process held: the device's last word before the stop, and the
    /// counts of a flood that ended with it.
    pub(super) fn restart_floods(&mut self, now: Now, effects: &mut Effects) {
        for (endpoint, remembered) in std::mem::take(&mut self.start.floods) {
            let held: Vec<Held> = remembered
                .held
                .into_iter()
                .map(|held| Held { received: held.received.of_an_earlier_life(), ..held })
                .collect();
            self.apply(now, &endpoint, held, effects);
            self.degrade(now, &endpoint, effects);
            if remembered.coalesced + remembered.dropped_acts > 0 {
                let figures = Figures {
                    rate: 0.0,
                    limit: self.floods.limit_of(&endpoint),
                    coalesced: remembered.coalesced,
                    dropped_acts: remembered.dropped_acts,
                    ended: true,
                };
                self.tell_flood(now, &endpoint, Some(figures), effects);
            }
            flood::forget(&endpoint, &mut effects.batch);
        }
    }
}

/// Which bucket an observation takes from; `None`: it is bounded otherwise.
fn lane(what: &What) -> Option<Lane> {
    match what {
        What::Operation { .. } | What::Credential { .. } => Some(Lane::Acts),
        What::CommandFailed { .. } | What::Anomaly { .. } => None,
        What::Lock { .. }
        | What::Position { .. }
        | What::LatchedOperation { .. }
        | What::Battery { .. }
        | What::Alarm { .. }
        | What::RemoteLockout { .. }
        | What::Availability { .. }
        | What::Inventory { .. } => Some(Lane::States),
    }
}

/// Whether it speaks of the vendor's bridge.
fn of_bridge(observation: &Observation) -> bool {
    matches!(observation.what, What::Availability { .. }) && observation.address.is_empty()
}

/// Whether it stands for the vendor's bridge, or its lists, rather than for a device.
pub(super) fn is_bridge(endpoint: &EndpointId) -> bool {
    let identity = endpoint.as_str().strip_prefix(endpoint.vendor());
    identity.is_some_and(|identity| matches!(identity.strip_prefix(':'), Some("" | LISTS)))
}
