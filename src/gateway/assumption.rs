//! Facts that end: an assumption by its time-out, and what an isolated vendor's devices said.

use std::collections::BTreeMap;
use std::time::Duration;

use doorward_translators::{LockState, Position, Quality};

use super::state::{Effects, Gateway, Now};
use crate::domain::entry::Role;
use crate::domain::fact::{FactQuality, Sighting};
use crate::domain::ids::{EntryId, VendorId};

/// How long an assumption stands for what nobody has observed. Then the fact is unknown.
const ASSUMED_FOR: Duration = Duration::from_secs(60);

/// When each assumption ends: at most one for each fact of each entry.
#[derive(Debug, Default)]
pub(super) struct Assumptions {
    ends: BTreeMap<(EntryId, Role), Duration>,
}

impl Assumptions {
    /// Something was said of a fact. An assumption begins its time anew.
    pub fn said(&mut self, now: Now, entry: &EntryId, role: Role, quality: Quality) {
        if quality == Quality::Assumed {
            self.ends.insert((entry.clone(), role), now.monotonic + ASSUMED_FOR);
        }
    }

    /// When the next one ends.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.ends.values().min().copied()
    }

    fn take_ended(&mut self, now: Now) -> Vec<(EntryId, Role)> {
        self.ends.extract_if(.., |_, end| *end <= now.monotonic).map(|(fact, _)| fact).collect()
    }
}

impl Gateway {
    /// Ends the assumptions whose time has passed, unless the fact has been observed since.
    pub(super) fn end_assumptions(&mut self, now: Now, effects: &mut Effects) {
        for (entry, role) in self.assumptions.take_ended(now) {
            let assumed = self.doors.get(&entry).is_some_and(|door| match role {
                Role::Lock => door.lock.quality == FactQuality::Assumed,
                Role::Position => door.position.quality == FactQuality::Assumed,
                _ => false,
            });
            if assumed {
                self.lose(now, &entry, role, effects);
            }
        }
    }

    /// An isolated vendor's roles are unknown, and nothing else is.
    pub(super) fn lose_roles(&mut self, now: Now, vendor: &VendorId, effects: &mut Effects) {
        let of_vendor: Vec<(EntryId, Role)> = self
            .entries
            .values()
            .flat_map(|entry| {
                entry.roles.iter().map(move |(role, endpoint)| (entry, *role, endpoint))
            })
            .filter(|(_, _, endpoint)| endpoint.vendor() == vendor.as_str())
            .map(|(entry, role, _)| (entry.id.clone(), role))
            .collect();
        for (entry, role) in of_vendor {
            self.lose(now, &entry, role, effects);
        }
    }

    /// The fact of this role is unknown from now on.
    fn lose(&mut self, now: Now, entry: &EntryId, role: Role, effects: &mut Effects) {
        let Some(endpoint) = self.entries.get(entry).and_then(|entry| entry.roles.get(&role))
        else {
            return;
        };
        let Some(door) = self.doors.get_mut(entry) else { return };
        let sighting = Sighting { endpoint, at: now.wall, retained: false, answers: false };
        let event = match role {
            Role::Lock => door.lock.lose(LockState::Unknown).map(|change| {
                let id = self.composer.id(now);
                self.composer.lock_changed(id, entry, &sighting, change, None)
            }),
            Role::Position => door
                .position
                .lose(Position::Unknown)
                .map(|change| self.composer.position_changed(now, entry, &sighting, change)),
            _ => None,
        };
        if let Some(event) = event {
            self.memory.door(entry);
            effects.event(Some(&VendorId::new(endpoint.vendor())), event);
        }
    }
}
