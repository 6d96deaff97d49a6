//! A fact about a door: a value, how far it may be trusted, since when, and by whom.

use doorward_translators::Quality;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ids::EndpointId;

/// How far a fact may be trusted as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactQuality {
    /// A device said so, and nothing has happened since that could have hidden a change.
    Observed,
    /// Inferred, not observed; it ends by a time-out of the gateway's.
    Assumed,
    /// It was observed, but a change since could have been missed.
    Stale,
    /// Never observed.
    Unknown,
}

impl FactQuality {
    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Assumed => "assumed",
            Self::Stale => "stale",
            Self::Unknown => "unknown",
        }
    }
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact<V> {
    pub value: V,
    pub quality: FactQuality,
    /// When the device's side said it, else when it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<EndpointId>,
}

/// Under what circumstances something was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting<'a> {
    pub endpoint: &'a EndpointId,
    pub at: Timestamp,
    /// The broker kept the message; its age is unknown.
    pub retained: bool,
    /// It answers a request to read the state again, made after the last gap.
    pub answers: bool,
}

/// A fact took another value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<V> {
    pub previous: V,
    pub value: V,
    pub quality: FactQuality,
}

impl<V: Copy + PartialEq> Fact<V> {
    /// A fact of which nothing is known; `value` is the vocabulary's word for that.
    pub const fn unknown(value: V) -> Self {
        Self { value, quality: FactQuality::Unknown, observed_at: None, source: None }
    }

    /// Takes in what was said. A repetition of what an ecosystem has cached refreshes nothing
    /// unless it answers a question; an assumption confirms no observation; what the broker kept
    /// never overrides what is under observation or was observed later, and is stale from the start.
    pub fn observe(
        &mut self,
        value: V,
        quality: Quality,
        sighting: &Sighting<'_>,
    ) -> Option<Change<V>> {
        let known = self.quality != FactQuality::Unknown;
        if sighting.retained
            && known
            && (value == self.value
                || self.quality == FactQuality::Observed
                || self.observed_at.is_some_and(|at| at >= sighting.at))
        {
            return None;
        }
        let differs = value != self.value;
        let refreshes = match quality {
            Quality::Reported => true,
            Quality::Cached => sighting.answers || !known,
            Quality::Assumed => self.quality != FactQuality::Observed,
        };
        if !differs && !refreshes {
            return None;
        }
        let previous = self.value;
        *self = Self {
            value,
            quality: match quality {
                Quality::Assumed => FactQuality::Assumed,
                _ if sighting.retained => FactQuality::Stale,
                Quality::Reported | Quality::Cached => FactQuality::Observed,
            },
            observed_at: Some(sighting.at),
            source: Some(sighting.endpoint.clone()),
        };
        differs.then_some(Change { previous, value, quality: self.quality })
    }

    /// Nothing is known any more; `unknown` is the vocabulary's word for that.
    pub fn lose(&mut self, unknown: V) -> Option<Change<V>> {
        let previous = self.value;
        *self = Self::unknown(unknown);
        (previous != unknown).then_some(Change {
            previous,
            value: unknown,
            quality: FactQuality::Unknown,
        })
    }

    /// A change could have been missed. An assumption stays one: it was never observed, and ends by
    /// its time-out.
    pub fn degrade(&mut self) {
        if self.quality == FactQuality::Observed {
            self.quality = FactQuality::Stale;
        }
    }
}

#[cfg(test)]
mod tests {
    use doorward_translators::Position::{self, Closed, Open, Unknown};
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn said(endpoint: &EndpointId, second: i64) -> Sighting<'_> {
        Sighting { endpoint, at: at(second), retained: false, answers: false }
    }

    #[test]
    fn a_cached_repetition_does_not_refresh_a_stale_fact_but_an_answer_does() {
        let door = EndpointId::new("z:1");
        let mut fact = Fact::unknown(Unknown);
        assert!(fact.observe(Closed, Quality::Cached, &said(&door, 1)).is_some());
        fact.degrade();
        assert_eq!(fact.observe(Closed, Quality::Cached, &said(&door, 2)), None);
        assert_eq!((fact.quality, fact.observed_at), (FactQuality::Stale, Some(at(1))));
        let answer = Sighting { answers: true, ..said(&door, 3) };
        assert_eq!(fact.observe(Closed, Quality::Cached, &answer), None);
        assert_eq!((fact.quality, fact.observed_at), (FactQuality::Observed, Some(at(3))));
    }

    #[test]
    fn a_retained_message_never_overrides_a_later_observation() {
        let door = EndpointId::new("z:1");
        let mut fact = Fact::unknown(Unknown);
        fact.observe(Open, Quality::Reported, &said(&door, 10));
        let kept = Sighting { retained: true, ..said(&door, 5) };
        assert_eq!(fact.observe(Closed, Quality::Cached, &kept), None);
        assert_eq!((fact.value, fact.quality), (Open, FactQuality::Observed));
    }

    #[test]
    fn an_assumption_confirms_nothing() {
        let door = EndpointId::new("z:1");
        let mut fact = Fact::unknown(Unknown);
        fact.observe(Closed, Quality::Assumed, &said(&door, 1));
        assert_eq!((fact.value, fact.quality), (Closed, FactQuality::Assumed));
        fact.observe(Closed, Quality::Reported, &said(&door, 2));
        assert_eq!(fact.observe(Closed, Quality::Assumed, &said(&door, 3)), None);
        assert_eq!((fact.quality, fact.observed_at), (FactQuality::Observed, Some(at(2))));
        assert!(fact.observe(Open, Quality::Assumed, &said(&door, 4)).is_some());
        assert_eq!(fact.quality, FactQuality::Assumed);
    }

    #[test]
    fn what_the_broker_kept_is_stale_from_the_start() {
        let door = EndpointId::new("z:1");
        let mut fact = Fact::unknown(Unknown);
        let kept = Sighting { retained: true, ..said(&door, 5) };
        let change = fact.observe(Closed, Quality::Cached, &kept).unwrap();
        assert_eq!(change.quality, FactQuality::Stale);
    }

    proptest! {
        /// Whatever is said, the changes reported chain: each starts where the last one ended.
        #[test]
        fn changes_chain(steps in proptest::collection::vec((0usize..7, any::<[bool; 4]>(), 0i64..50), 1..40)) {
            let door = EndpointId::new("z:1");
            let mut fact = Fact::unknown(Unknown);
            let mut last = Unknown;
            for (value, [cached, retained, answers, degrade], second) in steps {
                if degrade {
                    fact.degrade();
                }
                let quality = if cached { Quality::Cached } else { Quality::Reported };
                let sighting = Sighting { endpoint: &door, at: at(second), retained, answers };
                if let Some(change) = fact.observe(Position::ALL[value], quality, &sighting) {
                    prop_assert_eq!(change.previous, last);
                    prop_assert_ne!(change.value, last);
                    last = change.value;
                }
                prop_assert_eq!(fact.value, last);
            }
        }
    }
}
