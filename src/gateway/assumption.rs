//! Facts that end: an assumption by its time-out, and what an isolated vendor's devices said.

use std::collections::BTreeMap;
use std::time::Duration;

use doorward_translators::{LockState, Position, Quality};

use super::state::{Effects, Gateway, Now};
use crate::domain::entry::{EntryState, Role};
use crate::domain::fact::{FactQuality, Sighting};
use crate::domain::ids::{EntryId, VendorId};

/// How long an assumption stands for what nobody has observed. Then the fact is unknown.
const ASSUMED_FOR: Duration = Duration::from_secs(60);

/// The assumptions that stand, and those that ended: at most one for each fact of each entry.
#[derive(Debug, Default)]
pub(super) struct Assumptions {
    ends: BTreeMap<(EntryId, Role), Duration>,
    /// What each was that ended, until something else is said.
    ended: BTreeMap<(EntryId, Role), &'static str>,
}

impl Assumptions {
    /// Those that a restart interrupted end at once: how old they are is not known.
    pub fn restored(doors: &BTreeMap<EntryId, EntryState>) -> Self {
        let mut ends = BTreeMap::new();
        for (entry, door) in doors {
            for (role, quality) in
                [(Role::Lock, door.lock.quality), (Role::Position, door.position.quality)]
            {
                if quality == FactQuality::Assumed {
                    ends.insert((entry.clone(), role), Duration::ZERO);
                }
            }
        }
        Self { ends, ended: BTreeMap::new() }
    }

    /// Something was said of a fact; false if it is to be ignored. An assumption begins its time
    /// anew, but one that has ended does not come back by being repeated, as telemetry does.
    pub fn admits(
        &mut self,
        now: Now,
        entry: &EntryId,
        role: Role,
        quality: Quality,
        word: &'static str,
    ) -> bool {
        let fact = (entry.clone(), role);
        if quality == Quality::Assumed {
            if self.ended.get(&fact) == Some(&word) {
                return false;
            }
            self.ends.insert(fact.clone(), now.monotonic + ASSUMED_FOR);
        }
        self.ended.remove(&fact);
        true
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
            let assumed = self.doors.get(&entry).and_then(|door| match role {
                Role::Lock if door.lock.quality == FactQuality::Assumed => {
                    Some(door.lock.value.as_str())
                }
                Role::Position if door.position.quality == FactQuality::Assumed => {
                    Some(door.position.value.as_str())
                }
                _ => None,
            });
            if let Some(word) = assumed {
                self.assumptions.ended.insert((entry.clone(), role), word);
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
