//! What a device said of a door, as commands, doors and visits weigh it.
//!
//! Only what a device itself says now counts: no message that the broker kept, no repetition out of
//! a cache, no assumption of the device's side, and no word that means "I do not know".

use doorward_translators::{LockState, Position, Quality};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::time::{At, CLOCK_DIFFERENCE};
use crate::domain::entry::{Entry, Role};
use crate::domain::fact::{Fact, FactQuality, Sighting};
use crate::domain::ids::EndpointId;

/// The words for "nothing is known" of a vocabulary.
pub trait Definite: Copy + PartialEq {
    /// Whether the word says where the thing is: neither `unknown` nor `fault`.
    fn is_definite(self) -> bool;
}

impl Definite for Position {
    fn is_definite(self) -> bool {
        !matches!(self, Self::Unknown | Self::Fault)
    }
}

/// A jam or a half-thrown bolt is definite: the lock is known not to be locked. So is a fault of
/// the lock, which is not locked as far as anybody can say.
impl Definite for LockState {
    fn is_definite(self) -> bool {
        self != Self::Unknown
    }
}

/// What stands behind a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Said {
    /// The device says so now.
    Now,
    /// Its side infers it: what was observed before no longer holds if it differs.
    Assumed,
    /// It was said before: kept by the broker, or repeated out of a cache.
    Before,
}

/// One thing said, by whom and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen<V> {
    pub value: V,
    pub endpoint: EndpointId,
    /// When it was received.
    pub received: At,
    /// When the device's side says that it was so; `None` where it names no time.
    pub device_time: Option<Timestamp>,
    pub said: Said,
}

impl<V: Definite> Seen<V> {
    /// Weighs what was said, by the same rule as [`Fact::observe`]: `before` is the fact as it was
    /// until then. A cached value that differs from it is news, the same one is a repetition.
    pub fn weigh(
        value: V,
        quality: Quality,
        sighting: &Sighting<'_>,
        device_time: Option<Timestamp>,
        before: &Fact<V>,
        received: At,
    ) -> Self {
        let news =
            sighting.answers || value != before.value || before.quality == FactQuality::Unknown;
        let said = match quality {
            _ if sighting.retained => Said::Before,
            Quality::Assumed => Said::Assumed,
            Quality::Cached if !news => Said::Before,
            Quality::Reported | Quality::Cached => Said::Now,
        };
        Self { value, endpoint: sighting.endpoint.clone(), received, device_time, said }
    }

    /// Whether it says, now, where the thing is.
    pub fn counts(&self) -> bool {
        self.said == Said::Now && self.value.is_definite()
    }

    /// Whether it was said after `mark`: received later, and by its own time, if it names one, not
    /// before `mark` less [`CLOCK_DIFFERENCE`].
    pub fn is_newer_than(&self, mark: At) -> bool {
        self.received.monotonic > mark.monotonic && self.is_not_said_before(mark)
    }

    /// The second half of [`Self::is_newer_than`]: for things of which the order of arrival is
    /// known otherwise.
    pub fn is_not_said_before(&self, mark: At) -> bool {
        self.device_time.is_none_or(|said| {
            said.checked_add(CLOCK_DIFFERENCE).is_ok_and(|latest| latest >= mark.wall)
        })
    }
}

/// The endpoints that observe an entry: what can be known of it at all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sensors {
    /// Says where the leaf is.
    pub position: Option<EndpointId>,
    /// Says where the bolt is.
    pub lock: Option<EndpointId>,
}

impl Sensors {
    /// The sensors that the entry's roles bind.
    pub fn of(entry: &Entry) -> Self {
        Self {
            position: entry.roles.get(&Role::Position).cloned(),
            lock: entry.roles.get(&Role::Lock).cloned(),
        }
    }
}

/// What an entry shows right now, for what starts in the middle of its story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts<'a> {
    pub position: &'a Fact<Position>,
    pub lock: &'a Fact<LockState>,
}

impl Facts<'_> {
    /// The position, if it is observed and definite.
    pub fn position(&self) -> Option<Position> {
        observed(self.position)
    }

    /// The lock's state, if it is observed and definite.
    pub fn lock(&self) -> Option<LockState> {
        observed(self.lock)
    }
}

/// The fact's value, if it is observed and definite.
pub fn observed<V: Definite>(fact: &Fact<V>) -> Option<V> {
    (fact.quality == FactQuality::Observed && fact.value.is_definite()).then_some(fact.value)
}
