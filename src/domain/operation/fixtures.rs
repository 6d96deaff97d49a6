//! An entry, its sensors and moments for the tests of the machines.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::time::Duration;

use doorward_translators::{LockState, Position};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::seen::{Definite, Facts, Said, Seen, Sensors};
use super::time::{At, Gap};
use crate::domain::fact::{Fact, FactQuality};
use crate::domain::ids::EndpointId;

pub const CONTACT: &str = "z:contact";
pub const LOCK: &str = "z:lock";

/// So many milliseconds after the process began and after a wall-clock moment.
pub fn at(millis: u64) -> At {
    moment(millis, i64::try_from(millis).unwrap())
}

/// With clocks that went apart, as after a restart.
pub fn moment(monotonic_ms: u64, wall_ms: i64) -> At {
    At { monotonic: Duration::from_millis(monotonic_ms), wall: wall(wall_ms) }
}

pub fn wall(millis: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_millis(millis)
}

pub fn said<V: Definite>(endpoint: &str, value: V, received: At) -> Seen<V> {
    Seen {
        value,
        endpoint: EndpointId::new(endpoint),
        received,
        device_time: None,
        said: Said::Now,
    }
}

pub fn sensors(position: bool, lock: bool) -> Sensors {
    Sensors {
        position: position.then(|| EndpointId::new(CONTACT)),
        lock: lock.then(|| EndpointId::new(LOCK)),
    }
}

/// The facts of an entry, observed where they are named.
pub struct Shown {
    position: Fact<Position>,
    lock: Fact<LockState>,
}

impl Shown {
    pub fn new(position: Option<Position>, lock: Option<LockState>) -> Self {
        Self { position: fact(position, Position::Unknown), lock: fact(lock, LockState::Unknown) }
    }

    pub fn facts(&self) -> Facts<'_> {
        Facts { position: &self.position, lock: &self.lock }
    }
}

pub fn fact<V: Copy + PartialEq>(value: Option<V>, unknown: V) -> Fact<V> {
    value.map_or_else(
        || Fact::unknown(unknown),
        |value| Fact {
            value,
            quality: FactQuality::Observed,
            observed_at: Some(wall(0)),
            source: None,
        },
    )
}

/// Anything that a device may say of itself, at any of its times, by anyone.
#[derive(Debug, Clone, Copy)]
pub struct Word<V> {
    pub value: V,
    /// The role's own endpoint says it.
    pub own: bool,
    pub said: Said,
    /// How far before the receipt the device says that it was, in milliseconds.
    pub age: Option<u16>,
}

impl<V: Definite> Word<V> {
    pub fn seen(&self, own: &str, at: At) -> Seen<V> {
        Seen {
            value: self.value,
            endpoint: EndpointId::new(if self.own { own } else { "y:stranger" }),
            received: at,
            device_time: self.age.map(|age| at.wall - SignedDuration::from_millis(age.into())),
            said: self.said,
        }
    }
}

pub fn word<V: std::fmt::Debug + Copy + 'static>(
    values: &'static [V],
) -> impl Strategy<Value = Word<V>> {
    (
        proptest::sample::select(values),
        prop::bool::weighted(0.9),
        prop_oneof![8 => Just(Said::Now), 1 => Just(Said::Assumed), 1 => Just(Said::Before)],
        proptest::option::weighted(0.4, 0u16..10_000),
    )
        .prop_map(|(value, own, said, age)| Word { value, own, said, age })
}

pub fn gap() -> impl Strategy<Value = Gap> {
    prop_oneof![Just(Gap::Known), Just(Gap::Unknown)]
}

pub fn quality() -> impl Strategy<Value = FactQuality> {
    prop_oneof![Just(FactQuality::Stale), Just(FactQuality::Assumed), Just(FactQuality::Unknown)]
}

/// Time goes on: mostly a little, at times for long.
pub fn pause() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..3_000, 2 => 0u64..40_000, 1 => 0u64..400_000]
}

/// The words of an enumeration of the schemas, in their order.
pub fn schema_words(schema: &str, name: &str) -> Vec<String> {
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let words = &schema["definitions"][name]["enum"];
    words.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}
