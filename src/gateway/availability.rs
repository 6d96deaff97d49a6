//! Whether devices can be reached, and what that does to facts.
//!
//! A device is online while every one of its availability topics, its vendor's bridge and the
//! connection to the broker say so. The moment one does not, its facts are stale. Bridges and
//! brokers restart: their absence is told per endpoint only after [`OFFLINE_GRACE`].

use std::collections::HashSet;

use doorward_events::types::IsolationScope;
use doorward_translators::Capability;

use super::memory::ProcessState;
use super::state::{CHANGE_SETTLES, Effects, Gateway, Now, OFFLINE_GRACE, VendorChange};
use super::window::Tag;
use crate::domain::endpoint::EndpointState;
use crate::domain::entry::Role;
use crate::domain::fact::FactQuality;
use crate::domain::ids::{EndpointId, VendorId};
use crate::link::ReadRequest;

/// Availability topics of one device or bridge; no ecosystem has more than a few.
const MAX_PARTS: usize = 16;

impl Gateway {
    pub(super) fn connection(
        &mut self,
        now: Now,
        vendor: &VendorId,
        up: bool,
        effects: &mut Effects,
    ) {
        self.flush_held(now, vendor, effects);
        let state = self.vendors.entry(vendor.clone()).or_default();
        let was = state.reachable();
        state.connected = up;
        self.reachability(now, vendor, was, effects);
        if up {
            self.seen.reconnected(Tag::of(vendor));
            self.read_again(now, vendor, effects);
        }
    }

    pub(super) fn vendor(
        &mut self,
        now: Now,
        vendor: &VendorId,
        change: VendorChange,
        effects: &mut Effects,
    ) {
        self.flush_held(now, vendor, effects);
        let state = self.vendors.entry(vendor.clone()).or_default();
        let was = state.reachable();
        if change != VendorChange::Running || state.process != ProcessState::Starting {
            self.next_heartbeat = self.next_heartbeat.min(now.monotonic + CHANGE_SETTLES);
        }
        match change {
            VendorChange::Starting => state.process = ProcessState::Starting,
            VendorChange::Running => state.process = ProcessState::Running,
            VendorChange::Down => {
                state.process = ProcessState::Backoff;
                state.connected = false;
                let isolated = state.isolated;
                self.vendor_lost(now, vendor, effects);
                self.reachability(now, vendor, was, effects);
                if isolated {
                    self.lose_roles(now, vendor, effects);
                }
            }
            VendorChange::Isolated { cause, detail, restarts } => {
                state.isolated = true;
                state.isolated_at = Some(now.wall);
                state.connected = false;
                self.reachability(now, vendor, was, effects);
                let event = self.composer.vendor_isolated(
                    now,
                    vendor,
                    IsolationScope::Process,
                    cause,
                    &detail,
                    restarts,
                );
                effects.event(None, event);
                self.lose_roles(now, vendor, effects);
            }
            VendorChange::Recovered { isolated_for } => {
                // Its process may run well, and it is isolated all the same by order.
                if !state.isolated || state.ordered.is_some() {
                    return;
                }
                state.isolated = false;
                state.isolated_at = None;
                let event = self.composer.vendor_recovered(
                    now,
                    vendor,
                    IsolationScope::Process,
                    isolated_for,
                );
                effects.event(None, event);
            }
        }
    }

    /// The vendor's bridge said whether it runs.
    pub(super) fn vendor_part(
        &mut self,
        now: Now,
        vendor: &VendorId,
        part: String,
        online: bool,
        effects: &mut Effects,
    ) {
        let state = self.vendors.entry(vendor.clone()).or_default();
        let was = state.reachable();
        if state.parts.len() >= MAX_PARTS && !state.parts.contains_key(&part) {
            return;
        }
        if state.parts.insert(part, online) == Some(online) {
            return;
        }
        self.memory.vendor(vendor);
        self.flush_held(now, vendor, effects);
        self.reachability(now, vendor, was, effects);
        if online {
            self.read_again(now, vendor, effects);
        }
    }

    /// One of a device's own availability topics said something.
    pub(super) fn endpoint_part(
        &mut self,
        now: Now,
        endpoint: &EndpointId,
        part: String,
        online: bool,
        effects: &mut Effects,
    ) {
        let state = self.endpoints.entry(endpoint.clone()).or_default();
        if state.parts.len() >= MAX_PARTS && !state.parts.contains_key(&part) {
            return;
        }
        let before = state.parts.insert(part, online);
        if before == Some(online) {
            return;
        }
        self.memory.endpoint(endpoint);
        if !online {
            self.degrade(now, endpoint, effects);
        }
        let vendor = VendorId::new(endpoint.vendor());
        let reachable =
            self.vendors.get(&vendor).is_some_and(super::memory::VendorState::reachable);
        if reachable {
            self.tell(now, &vendor, endpoint, effects);
            if before == Some(false) {
                self.ask(now, &vendor, vec![endpoint.clone()], effects);
            }
        }
    }

    /// Tells the endpoints of vendors whose grace has passed.
    pub(super) fn pass_grace(&mut self, now: Now, effects: &mut Effects) {
        let due: Vec<VendorId> = self
            .vendors
            .iter()
            .filter(|(_, state)| state.grace.is_some_and(|grace| grace <= now.monotonic))
            .map(|(id, _)| id.clone())
            .collect();
        for vendor in due {
            if let Some(state) = self.vendors.get_mut(&vendor) {
                state.grace = None;
            }
            self.tell_all(now, &vendor, effects);
        }
    }

    fn reachability(&mut self, now: Now, vendor: &VendorId, was: bool, effects: &mut Effects) {
        let Some(state) = self.vendors.get_mut(vendor) else { return };
        if !state.reachable() {
            if was {
                state.grace = Some(now.monotonic + OFFLINE_GRACE);
            }
            for endpoint in self.endpoints_of(vendor) {
                self.degrade(now, &endpoint, effects);
            }
        } else if !was {
            // Those whose own word is not the best yet have the grace to say so anew.
            state.grace = Some(now.monotonic + OFFLINE_GRACE);
            for endpoint in self.endpoints_of(vendor) {
                let says_so = |state: &EndpointState| state.unavailable_parts().next().is_none();
                if self.endpoints.get(&endpoint).is_some_and(says_so) {
                    self.tell(now, vendor, &endpoint, effects);
                }
            }
        }
    }

    fn tell_all(&mut self, now: Now, vendor: &VendorId, effects: &mut Effects) {
        for endpoint in self.endpoints_of(vendor) {
            self.tell(now, vendor, &endpoint, effects);
        }
    }

    /// Emits the endpoint's event if it is not as last told.
    fn tell(&mut self, now: Now, vendor: &VendorId, endpoint: &EndpointId, effects: &mut Effects) {
        let Some(state) = self.endpoints.get_mut(endpoint) else { return };
        let Some(of) = self.vendors.get(vendor) else { return };
        let mut unavailable: Vec<&str> = state.unavailable_parts().collect();
        if !of.connected {
            unavailable.push("connection");
        }
        unavailable.extend(of.parts.iter().filter(|(_, on)| !**on).map(|(part, _)| part.as_str()));
        let online = unavailable.is_empty();
        if state.online == Some(online) {
            return;
        }
        let event = if online {
            let away = match (state.online, state.online_since) {
                (Some(false), Some(since)) => Some(now.wall.duration_since(since)),
                _ => None,
            };
            self.composer.endpoint_online(now, vendor, endpoint, away)
        } else {
            self.composer.endpoint_offline(now, vendor, endpoint, &unavailable)
        };
        state.online = Some(online);
        state.online_since = Some(now.wall);
        self.memory.endpoint(endpoint);
        effects.event(Some(vendor), event);
    }

    /// Asks for the state of every bound device after a gap.
    fn read_again(&mut self, now: Now, vendor: &VendorId, effects: &mut Effects) {
        let of_vendor = |endpoint: &&EndpointId| endpoint.vendor() == vendor.as_str();
        let bound = self.bindings.keys().filter(of_vendor).cloned().collect();
        self.ask(now, vendor, bound, effects);
    }

    /// Asks for the state of those of these devices that are bound. One that cannot be asked (a
    /// sleeping contact sensor) answers with the next message of its own.
    pub(super) fn ask(
        &mut self,
        now: Now,
        vendor: &VendorId,
        endpoints: Vec<EndpointId>,
        effects: &mut Effects,
    ) {
        let Some(state) = self.vendors.get_mut(vendor) else { return };
        let mut devices = Vec::new();
        for endpoint in endpoints {
            let Some(roles) = self.bindings.get(&endpoint) else { continue };
            let readable = roles.iter().any(|(_, role)| *role == Role::Lock)
                || self.endpoints.get(&endpoint).is_some_and(|state| {
                    let answers = [Capability::Lock, Capability::Actuator];
                    answers.iter().any(|capability| state.capabilities.contains(capability))
                });
            state.unanswered.insert(endpoint.clone(), (now.wall, now.monotonic));
            if readable && let Some(address) = state.address_of(&endpoint) {
                devices.push(ReadRequest { address: address.to_owned(), endpoint });
            }
        }
        if !devices.is_empty() {
            effects.reads.push((vendor.clone(), devices));
        }
    }

    pub(super) fn degrade(&mut self, now: Now, endpoint: &EndpointId, effects: &mut Effects) {
        let bound = self.bindings.get(endpoint).cloned().unwrap_or_default();
        for (entry_id, role) in bound {
            if let (Some(door), Some(entry)) =
                (self.doors.get_mut(&entry_id), self.entries.get(&entry_id))
            {
                door.degrade(entry, endpoint);
            }
            self.sensor_lost(now, &entry_id, role, FactQuality::Stale, effects);
        }
    }

    /// The vendor's endpoints that are listed anywhere, or that an entry uses.
    fn endpoints_of(&self, vendor: &VendorId) -> Vec<EndpointId> {
        let listed: HashSet<&EndpointId> = match self.vendors.get(vendor) {
            Some(state) => state.inventory.values().chain(state.pinned.values()).collect(),
            None => HashSet::new(),
        };
        self.endpoints
            .keys()
            .filter(|endpoint| endpoint.vendor() == vendor.as_str())
            .filter(|endpoint| listed.contains(endpoint) || self.bindings.contains_key(endpoint))
            .cloned()
            .collect()
    }
}
