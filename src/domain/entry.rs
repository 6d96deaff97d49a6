//! An entry: a door, gate or garage door, the endpoints that stand for its parts, and what is
//! known of it.

use std::collections::{BTreeMap, BTreeSet};

use doorward_translators::{AlarmKind, LockState, Position};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::attribution::Attribution;
use super::fact::Fact;
use super::ids::{EndpointId, EntryId};
use super::operation::Timers;

/// What an endpoint does for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    Actuator,
    Position,
    Lock,
    Reader,
    Obstruction,
    Warning,
}

impl Role {
    pub const ALL: [Self; 6] = [
        Self::Actuator,
        Self::Position,
        Self::Lock,
        Self::Reader,
        Self::Obstruction,
        Self::Warning,
    ];

    /// The word as it stands in events and configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Actuator => "actuator",
            Self::Position => "position",
            Self::Lock => "lock",
            Self::Reader => "reader",
            Self::Obstruction => "obstruction",
            Self::Warning => "warning",
        }
    }
}

/// What kind of opening it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    Door,
    GarageDoor,
    Gate,
    Other,
}

impl EntryKind {
    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Door => "door",
            Self::GarageDoor => "garage_door",
            Self::Gate => "gate",
            Self::Other => "other",
        }
    }
}

/// An entry as configured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    pub id: EntryId,
    pub kind: EntryKind,
    pub site: Option<String>,
    /// IANA name.
    pub time_zone: String,
    pub interlock_group: Option<String>,
    /// Whether anything may be asked of it.
    pub enabled: bool,
    /// Whether it may be closed with nobody there.
    pub unattended_close: bool,
    pub timers: Timers,
    pub roles: BTreeMap<Role, EndpointId>,
}

impl Entry {
    /// What can be observed of it at all.
    pub fn observes(&self) -> Vec<&'static str> {
        [Role::Position, Role::Lock, Role::Obstruction]
            .into_iter()
            .filter(|role| self.roles.contains_key(role))
            .map(Role::as_str)
            .collect()
    }
}

/// An alarm that stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// The event that raised it.
    pub raised: Uuid,
    /// Whoever reports it.
    pub by: BTreeSet<EndpointId>,
}

/// What is known of an entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EntryState {
    pub position: Fact<Position>,
    pub lock: Fact<LockState>,
    #[serde(default)]
    pub alarms: BTreeMap<AlarmKind, Standing>,
    #[serde(default)]
    pub attribution: Attribution,
    /// Digest of the configuration that the last `entry.registered` told.
    #[serde(default)]
    pub registered_as: Option<String>,
}

impl Default for EntryState {
    fn default() -> Self {
        Self {
            position: Fact::unknown(Position::Unknown),
            lock: Fact::unknown(LockState::Unknown),
            alarms: BTreeMap::new(),
            attribution: Attribution::default(),
            registered_as: None,
        }
    }
}

impl EntryState {
    /// `endpoint` reports an alarm. True if no other does yet: `event` raises it.
    pub fn raise(&mut self, alarm: AlarmKind, endpoint: &EndpointId, event: Uuid) -> bool {
        let standing = self
            .alarms
            .entry(alarm)
            .or_insert_with(|| Standing { raised: event, by: BTreeSet::new() });
        standing.by.insert(endpoint.clone());
        standing.raised == event
    }

    /// `endpoint` reports no such alarm. Returns the event that raised it if now no endpoint of
    /// `entry` does.
    pub fn clear(
        &mut self,
        alarm: AlarmKind,
        endpoint: &EndpointId,
        entry: &Entry,
    ) -> Option<Uuid> {
        let standing = self.alarms.get_mut(&alarm)?;
        standing.by.retain(|by| by != endpoint && entry.roles.values().any(|bound| bound == by));
        if !standing.by.is_empty() {
            return None;
        }
        self.alarms.remove(&alarm).map(|standing| standing.raised)
    }

    /// A change of what `endpoint` reports could have been missed.
    pub fn degrade(&mut self, entry: &Entry, endpoint: &EndpointId) {
        for (role, bound) in &entry.roles {
            if bound == endpoint {
                match role {
                    Role::Position => self.position.degrade(),
                    Role::Lock => self.lock.degrade(),
                    _ => {}
                }
            }
        }
    }
}
