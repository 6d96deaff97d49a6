//! Gathers what a decision depends on.

use std::collections::BTreeMap;

use doorward_translators::AlarmKind;
use jiff::tz::TimeZone;

use crate::domain::access::{Battery, Physical, Reach, RoleState, Way};
use crate::domain::entry::{Entry, EntryState, Role};
use crate::domain::fact::FactQuality;
use crate::domain::ids::{EndpointId, VendorId};
use crate::gateway::memory::{ProcessState, VendorFile, VendorState};
use crate::gateway::state::{Gateway, Now};

/// A battery with less charge may not last through an act, in percent.
const SAFE_PERCENT: f64 = 3.0;

/// What a question borrows that nobody else keeps.
pub(super) struct Gathered {
    pub roles: BTreeMap<Role, RoleState>,
    pub zone: Option<TimeZone>,
    pub physical: Physical,
}

impl Gateway {
    /// What is known of an entry's devices.
    pub(super) fn gather(&self, now: Now, entry: &Entry, door: &EntryState) -> Gathered {
        let roles = entry
            .roles
            .iter()
            .map(|(role, endpoint)| (*role, self.role_state(now, *role, endpoint, door)))
            .collect();
        let way = match entry.roles.get(&Role::Obstruction) {
            Some(_) if door.alarms.contains_key(&AlarmKind::Obstruction) => Way::Obstructed,
            // That nothing is in the way is told as the absence of an alarm, which a sensor that
            // never spoke has too.
            _ => Way::Unknown,
        };
        Gathered {
            roles,
            zone: self.zones.get(&entry.id).cloned(),
            // No command of ours is a toggle: each has a form whose outcome is sure, or none.
            physical: Physical { toggle: false, way, unattended_close: entry.unattended_close },
        }
    }

    fn role_state(
        &self,
        now: Now,
        role: Role,
        endpoint: &EndpointId,
        door: &EntryState,
    ) -> RoleState {
        let state = self.endpoints.get(endpoint);
        let vendor = self.vendors.get(&VendorId::new(endpoint.vendor()));
        let serves = vendor.is_some_and(|vendor| {
            let acts = matches!(role, Role::Lock | Role::Actuator);
            vendor.file == VendorFile::Good
                && !vendor.isolated
                && vendor.process == ProcessState::Running
                && (!acts || vendor.commands.are_served(now.monotonic))
        });
        let reach = match (serves, state.and_then(|state| state.online)) {
            (false, _) => Reach::VendorUnavailable,
            (true, Some(true)) => Reach::Online,
            // It says nothing of its own availability: its connection stands for it.
            (true, None) if vendor.is_some_and(VendorState::reachable) => Reach::Online,
            (true, _) => Reach::Offline,
        };
        let fresh = match role {
            Role::Position => door.position.quality == FactQuality::Observed,
            Role::Lock => matches!(door.lock.quality, FactQuality::Observed | FactQuality::Assumed),
            Role::Actuator | Role::Reader | Role::Obstruction | Role::Warning => true,
        };
        let percent = state.and_then(|state| state.battery_percent);
        let battery = match percent {
            Some(percent) if percent < SAFE_PERCENT => Battery::Low,
            _ => Battery::Safe,
        };
        RoleState { reach, fresh, battery }
    }
}
