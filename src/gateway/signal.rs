//! One signal: what its observations change, and the events that follow.

use std::collections::{HashMap, HashSet};

use doorward_translators::{
    AlarmKind, CredentialChange, Device, Observation, Operation, OperationKind, Quality, What,
};
use jiff::{SignedDuration, Timestamp};

use super::memory::VendorState;
use super::state::{Effects, Gateway, Now};
use super::window::{Sight, Tag};
use crate::domain::endpoint::Latched;
use crate::domain::entry::Role;
use crate::domain::fact::Sighting;
use crate::domain::ids::{EndpointId, EntryId, VendorId};
use crate::domain::operation::door::{DoorInput, Explanation};
use crate::domain::operation::{At, Seen};
use crate::link::Signal;

/// How far the device side's clock may lag behind ours for its answer to count at once.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(2);
/// After this long since a gap, whatever comes was not queued before it.
const GAP_SETTLED: std::time::Duration = std::time::Duration::from_secs(10);

/// Devices that are remembered, of all vendors, and names of one; those that entries use always
/// are.
const MAX_KNOWN: usize = 16_384;
/// Of these, most of one vendor: it leaves no other one without.
const MAX_OF_ONE: usize = MAX_KNOWN / 2;

/// A signal that is older than this when it is taken in counts as of this age: nothing waits so
/// long between two processes.
const OLDEST: SignedDuration = SignedDuration::from_hours(1);

/// Where an observation comes from.
pub(super) struct Origin<'a> {
    pub vendor: &'a VendorId,
    pub retained: bool,
    pub lossy: bool,
    /// When its vendor's process had it in hand, as that says; not after it was received.
    pub received_at: Timestamp,
    /// When it was received here.
    pub received: At,
}

impl Gateway {
    pub(super) fn signal(
        &mut self,
        now: Now,
        vendor: &VendorId,
        mut signal: Signal,
        effects: &mut Effects,
    ) {
        effects.acks.push((vendor.clone(), signal.n));
        let has_own_time = signal.observations.iter().any(|o| o.device_time.is_some());
        // What says nothing is nothing when it comes again, and pushes nothing out.
        let says_something = !signal.observations.is_empty() || signal.evidence.is_some();
        let mut sorted = self.sort(now, vendor, &mut signal);
        if says_something && (signal.identified || has_own_time) {
            signal.digest = Tag::of(vendor).on(signal.digest);
            // The broker's copy of a message is not the message: its acts do not count. What is
            // shed is not remembered either, or a flood would push out what others said.
            let sight = match signal.retained {
                true if self.seen.contains(&signal.digest) => Sight::Redelivered,
                false if sorted.is_shed() && self.seen.came_earlier(&signal.digest) => {
                    Sight::Redelivered
                }
                false if !sorted.is_shed() => self.seen.sight(signal.digest),
                _ => Sight::New,
            };
            // A clock of whole seconds may show two messages as one; a named identity is exact.
            if sight == Sight::Redelivered || (signal.identified && sight == Sight::Repeated) {
                tracing::debug!(%vendor, n = signal.n, "a message that was handled before");
                return;
            }
            if sight == Sight::Repeated {
                sorted.through.retain(|observation| !is_act(&observation.what));
                sorted.acts.clear();
            }
            if !signal.retained && !sorted.is_shed() {
                effects.batch.seen.push(signal.digest);
            }
        }
        let oldest = now.wall.checked_sub(OLDEST).unwrap_or(Timestamp::UNIX_EPOCH);
        let origin = Origin {
            vendor,
            retained: signal.retained,
            lossy: signal.lossy,
            received_at: signal.received_at.max(oldest).min(now.wall),
            received: At { monotonic: now.monotonic, wall: now.wall },
        };
        self.shed(now, &origin, &mut sorted, effects);
        let mut answered = Vec::new();
        for observation in sorted.through {
            self.observation(now, &origin, observation, &mut answered, effects);
        }
        self.has_answered(vendor, answered);
        if let Some(evidence) = signal.evidence {
            self.evidence(now, vendor, evidence, effects);
        }
    }

    /// These devices have said how they are since the last gap.
    pub(super) fn has_answered(&mut self, vendor: &VendorId, answered: Vec<EndpointId>) {
        if let Some(state) = self.vendors.get_mut(vendor) {
            for endpoint in answered {
                state.unanswered.remove(&endpoint);
            }
        }
    }

    /// Whether what is said now of a device tells its state as of after the last gap.
    pub(super) fn answers(
        &self,
        now: Now,
        origin: &Origin<'_>,
        endpoint: &EndpointId,
        device_time: Option<Timestamp>,
    ) -> bool {
        let unanswered = |vendor| answers(vendor, endpoint, device_time, now);
        !origin.retained && self.vendors.get(origin.vendor).is_some_and(unanswered)
    }

    fn observation(
        &mut self,
        now: Now,
        origin: &Origin<'_>,
        observation: Observation,
        answered: &mut Vec<EndpointId>,
        effects: &mut Effects,
    ) {
        let Observation { address, device_time, what } = observation;
        match what {
            What::Inventory { devices, complete } => {
                return self.inventory(now, origin.vendor, devices, complete, effects);
            }
            What::Anomaly { .. } => return,
            What::CommandFailed { detail } => {
                tracing::warn!(vendor = %origin.vendor, address, detail, "the bridge reports a failure");
                return;
            }
            What::Availability { part, online } if address.is_empty() => {
                return self.vendor_part(now, origin.vendor, part, online, effects);
            }
            _ if address.is_empty() => return,
            _ => {}
        }
        let vendor = self.vendors.entry(origin.vendor.clone()).or_default();
        let Some(endpoint) = vendor.resolve(&address).cloned() else {
            let observation = Observation { address, device_time, what };
            return self.unknown_endpoint(now, origin.vendor, &observation, effects);
        };
        let device_time = device_time.map(|time| time.min(now.wall));
        let answers = self.answers(now, origin, &endpoint, device_time);
        if answers && matches!(what, What::Lock { .. } | What::Position { .. }) {
            answered.push(endpoint.clone());
        }
        self.observed(now, origin, &endpoint, device_time, what, answers, effects);
    }

    /// What a device that is known says. `device_time` is not in the future; `answers`: it is the
    /// state as of after the last gap.
    #[expect(clippy::too_many_arguments, reason = "one observation with its circumstances")]
    pub(super) fn observed(
        &mut self,
        now: Now,
        origin: &Origin<'_>,
        endpoint: &EndpointId,
        device_time: Option<Timestamp>,
        what: What,
        answers: bool,
        effects: &mut Effects,
    ) {
        // RFC 3339 ends before year 0, and no device was there in 1970.
        let at = device_time.map_or(origin.received_at, |time| time.max(Timestamp::UNIX_EPOCH));
        let state = self.endpoints.entry(endpoint.clone()).or_default();
        if origin.lossy && !state.lossy_source {
            state.lossy_source = true;
            self.memory.endpoint(endpoint);
        }
        let sighting = Sighting { endpoint, at, retained: origin.retained, answers };
        match what {
            What::Lock { state, quality } => {
                for entry in self.entries_with(endpoint, &[Role::Lock]) {
                    self.lock(now, origin, &entry, &sighting, device_time, state, quality, effects);
                }
            }
            What::Position { position, quality } => {
                for entry in self.entries_with(endpoint, &[Role::Position]) {
                    self.position(
                        now,
                        origin,
                        &entry,
                        &sighting,
                        device_time,
                        position,
                        quality,
                        effects,
                    );
                }
            }
            What::Operation { operation } => {
                self.operation(now, origin, endpoint, at, &operation, effects);
            }
            // The next live message repeats it, and is an act then.
            What::LatchedOperation { operation }
                if origin.retained && state.latched.contains_key(&operation.kind) => {}
            What::LatchedOperation { operation } => {
                let latched = state.latch(&operation);
                if latched != Latched::Repeated {
                    self.memory.endpoint(endpoint);
                }
                if latched == Latched::Act {
                    self.operation(now, origin, endpoint, at, &operation, effects);
                }
            }
            What::Credential { change } => {
                self.credential(now, origin, endpoint, at, &change, effects);
            }
            What::Battery { percent, low } => {
                if state.battery(percent, low) {
                    self.memory.endpoint(endpoint);
                    let event = self.composer.battery_changed(
                        now,
                        at,
                        origin.vendor,
                        endpoint,
                        percent,
                        low,
                    );
                    effects.event(Some(origin.vendor), event);
                }
            }
            What::Alarm { alarm, active: Some(active), quality: _ } => {
                self.alarm(now, origin, endpoint, at, alarm, active, effects);
            }
            What::RemoteLockout { active } => {
                if state.remote_lockout != active {
                    state.remote_lockout = active;
                    self.memory.endpoint(endpoint);
                }
            }
            What::Availability { part, online } => {
                self.endpoint_part(now, endpoint, part, online, effects);
            }
            // An alarm of which the device knows nothing stands as it stood.
            What::Alarm { active: None, .. }
            | What::Inventory { .. }
            | What::CommandFailed { .. }
            | What::Anomaly { .. } => {}
        }
    }

    #[expect(clippy::too_many_arguments, reason = "one observation with its circumstances")]
    fn lock(
        &mut self,
        now: Now,
        origin: &Origin<'_>,
        entry: &EntryId,
        sighting: &Sighting<'_>,
        device_time: Option<Timestamp>,
        state: doorward_translators::LockState,
        quality: Quality,
        effects: &mut Effects,
    ) {
        let door = self.doors.entry(entry.clone()).or_default();
        let seen = Seen::weigh(state, quality, sighting, device_time, &door.lock, origin.received);
        if !self.assumptions.admits(now, entry, Role::Lock, quality, state.as_str()) {
            return;
        }
        if let Some(change) = door.lock.observe(state, quality, sighting) {
            let id = self.composer.id(now);
            let correlation = door.attribution.changed(state, sighting.at, id);
            self.memory.door(entry);
            let event = self.composer.lock_changed(id, entry, sighting, change, correlation);
            effects.event(Some(origin.vendor), event);
        }
        self.lock_seen(now, entry, &seen, effects);
    }

    #[expect(clippy::too_many_arguments, reason = "one observation with its circumstances")]
    fn position(
        &mut self,
        now: Now,
        origin: &Origin<'_>,
        entry: &EntryId,
        sighting: &Sighting<'_>,
        device_time: Option<Timestamp>,
        position: doorward_translators::Position,
        quality: Quality,
        effects: &mut Effects,
    ) {
        let door = self.doors.entry(entry.clone()).or_default();
        let seen =
            Seen::weigh(position, quality, sighting, device_time, &door.position, origin.received);
        if !self.assumptions.admits(now, entry, Role::Position, quality, position.as_str()) {
            return;
        }
        if let Some(change) = door.position.observe(position, quality, sighting) {
            self.memory.door(entry);
            let event = self.composer.position_changed(now, entry, sighting, change);
            effects.event(Some(origin.vendor), event);
        }
        self.position_seen(now, entry, &seen, effects);
    }

    /// An act at the device. What the broker kept of one is no act: it may be years old.
    fn operation(
        &mut self,
        now: Now,
        origin: &Origin<'_>,
        endpoint: &EndpointId,
        at: Timestamp,
        operation: &Operation,
        effects: &mut Effects,
    ) {
        if origin.retained {
            return;
        }
        for entry in self.entries_with(endpoint, &[Role::Lock, Role::Reader, Role::Actuator]) {
            let door = self.doors.entry(entry.clone()).or_default();
            let id = self.composer.id(now);
            let correlation = match operation.outcome {
                doorward_translators::Outcome::Succeeded
                    if operation.kind != OperationKind::Unknown =>
                {
                    self.memory.door(&entry);
                    door.attribution.operated(operation.kind, at, id)
                }
                _ => None,
            };
            let event =
                self.composer.attribution_updated(id, at, &entry, endpoint, operation, correlation);
            effects.event(Some(origin.vendor), event);
            if let Some(explanation) = Explanation::of(operation) {
                self.door_input(now, &entry, DoorInput::Explained(explanation), effects);
            }
        }
    }

    fn credential(
        &mut self,
        now: Now,
        origin: &Origin<'_>,
        endpoint: &EndpointId,
        at: Timestamp,
        change: &CredentialChange,
        effects: &mut Effects,
    ) {
        if origin.retained {
            return;
        }
        let entry = self.entries_with(endpoint, &[Role::Lock, Role::Reader]).into_iter().next();
        let event = self.composer.credential(now, at, entry.as_ref(), endpoint, change);
        effects.event(Some(origin.vendor), event);
    }

    #[expect(clippy::too_many_arguments, reason = "one observation with its circumstances")]
    fn alarm(
        &mut self,
        now: Now,
        origin: &Origin<'_>,
        endpoint: &EndpointId,
        at: Timestamp,
        alarm: AlarmKind,
        active: bool,
        effects: &mut Effects,
    ) {
        // An alarm ends when its device says so, not when the broker has an older word of it.
        if origin.retained && !active {
            return;
        }
        for id in self.entries_with(endpoint, &Role::ALL) {
            let Some(entry) = self.entries.get(&id) else { continue };
            let door = self.doors.entry(id.clone()).or_default();
            let before = door.alarms.get(&alarm).cloned();
            let event = if active {
                // One that was told as inferred is the device's from now on, and not told again.
                let inferred = self.guard.hand_over(&id, alarm);
                let event = inferred.unwrap_or_else(|| self.composer.id(now));
                let raised = door.raise(alarm, endpoint, event) && inferred.is_none();
                raised.then(|| self.composer.alarm_raised(event, at, &id, endpoint, alarm))
            } else {
                door.clear(alarm, endpoint, entry).map(|raised| {
                    self.composer.alarm_cleared(now, at, &id, endpoint, alarm, raised)
                })
            };
            if door.alarms.get(&alarm) != before.as_ref() {
                self.memory.door(&id);
            }
            if let Some(event) = event {
                effects.event(Some(origin.vendor), event);
            }
        }
    }

    pub(super) fn inventory(
        &mut self,
        now: Now,
        vendor: &VendorId,
        devices: Vec<Device>,
        complete: bool,
        effects: &mut Effects,
    ) {
        let state = self.vendors.entry(vendor.clone()).or_default();
        let listed: Vec<(EndpointId, Device)> = devices
            .into_iter()
            .map(|device| (EndpointId::of(vendor, &device.identity), device))
            .collect();
        let mut inventory: HashMap<String, EndpointId> =
            listed.iter().map(|(id, device)| (device.address.clone(), id.clone())).collect();
        if !complete {
            // What is not listed may still be there, under the name it had.
            let known: HashSet<&EndpointId> = listed.iter().map(|(id, _)| id).collect();
            for (address, endpoint) in &state.inventory {
                if inventory.len() < MAX_OF_ONE && !known.contains(endpoint) {
                    inventory.entry(address.clone()).or_insert_with(|| endpoint.clone());
                }
            }
        }
        if inventory != state.inventory {
            state.inventory = inventory;
            self.memory.vendor(vendor);
        }
        let its = self.endpoints.keys().filter(|endpoint| endpoint.vendor() == vendor.as_str());
        let mut its = its.count();
        for (endpoint, device) in listed {
            let known = self.endpoints.contains_key(&endpoint);
            let full = its >= MAX_OF_ONE || self.endpoints.len() >= MAX_KNOWN;
            if !known && full && !self.bindings.contains_key(&endpoint) {
                tracing::error!(%endpoint, "too many devices; one that no entry uses is left out");
                continue;
            }
            its += usize::from(!known);
            let state = self.endpoints.entry(endpoint.clone()).or_default();
            let same = state.model == device.model
                && state.manufacturer == device.manufacturer
                && state.capabilities == device.capabilities;
            if known && same {
                continue;
            }
            state.model.clone_from(&device.model);
            state.manufacturer.clone_from(&device.manufacturer);
            state.capabilities.clone_from(&device.capabilities);
            self.memory.endpoint(&endpoint);
            let bound = self.bindings.contains_key(&endpoint);
            let event = self.composer.discovered(now, vendor, &endpoint, &device, bound);
            effects.event(Some(vendor), event);
        }
    }

    /// The entries that `endpoint` serves in one of `roles`, each once.
    pub(super) fn entries_with(&self, endpoint: &EndpointId, roles: &[Role]) -> Vec<EntryId> {
        let mut entries = Vec::new();
        for (entry, role) in self.bindings.get(endpoint).into_iter().flatten() {
            if roles.contains(role) && !entries.contains(entry) {
                entries.push(entry.clone());
            }
        }
        entries
    }
}

/// Whether it happened, rather than is so.
pub(super) fn is_act(what: &What) -> bool {
    matches!(what, What::Operation { .. } | What::Credential { .. })
}

/// Whether a message of `endpoint` tells its state as of after the last gap.
fn answers(
    vendor: &VendorState,
    endpoint: &EndpointId,
    device_time: Option<Timestamp>,
    now: Now,
) -> bool {
    vendor.unanswered.get(endpoint).is_some_and(|(since, monotonic)| {
        device_time.is_none_or(|time| time >= *since - CLOCK_TOLERANCE)
            || now.monotonic >= *monotonic + GAP_SETTLED
    })
}
