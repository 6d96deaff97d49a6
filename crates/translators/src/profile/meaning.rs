//! What a value means: from the words of a profile to observations.

use super::source::Fact;
use crate::observation::{Quality, What};
use crate::vocabulary::{AlarmKind, Capability, LockState, Position};

/// What a value in a state rule's table means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    Lock(LockState),
    Position(Position),
    /// Of every fact that holds or does not. `None`: the device does not know.
    Active(Option<bool>),
}

/// The words of facts that hold or do not.
const ACTIVE: &[(&str, Option<bool>)] =
    &[("active", Some(true)), ("inactive", Some(false)), ("unknown", None)];

impl Meaning {
    /// The meaning that a profile's word stands for; `None`: it is no word of this fact.
    pub fn of(fact: Fact, word: &str) -> Option<Self> {
        match fact {
            Fact::Lock => LockState::ALL
                .iter()
                .find(|state| state.as_str() == word)
                .map(|state| Self::Lock(*state)),
            Fact::Position => Position::ALL
                .iter()
                .find(|position| position.as_str() == word)
                .map(|position| Self::Position(*position)),
            Fact::BatteryPercent => None,
            Fact::RemoteLockout
            | Fact::Obstruction
            | Fact::Tamper
            | Fact::ForcedOpen
            | Fact::BatteryLow => {
                ACTIVE.iter().find(|(known, _)| *known == word).map(|(_, is)| Self::Active(*is))
            }
        }
    }

    /// What a fact is when nothing is known of it.
    pub const fn unknown(fact: Fact) -> Self {
        match fact {
            Fact::Lock => Self::Lock(LockState::Unknown),
            Fact::Position => Self::Position(Position::Unknown),
            _ => Self::Active(None),
        }
    }

    /// The observation. `None`: of a battery nothing is told when nothing is known.
    pub fn observed(self, fact: Fact, quality: Quality) -> Option<What> {
        let alarm = |alarm, active| What::Alarm { alarm, active, quality };
        Some(match (self, fact) {
            (Self::Lock(state), _) => What::Lock { state, quality },
            (Self::Position(position), _) => What::Position { position, quality },
            (Self::Active(active), Fact::RemoteLockout) => What::RemoteLockout { active },
            (Self::Active(active), Fact::Obstruction) => alarm(AlarmKind::Obstruction, active),
            (Self::Active(active), Fact::Tamper) => alarm(AlarmKind::Tamper, active),
            (Self::Active(active), Fact::ForcedOpen) => alarm(AlarmKind::ForcedOpen, active),
            (Self::Active(Some(low)), Fact::BatteryLow) => {
                What::Battery { percent: None, low: Some(low) }
            }
            (Self::Active(_), _) => return None,
        })
    }
}

/// The two meanings of a fact that must never be taken for each other. `None`: it is a number.
pub(super) const fn opposites(fact: Fact) -> Option<(Meaning, Meaning)> {
    match fact {
        Fact::Lock => Some((Meaning::Lock(LockState::Locked), Meaning::Lock(LockState::Unlocked))),
        Fact::Position => {
            Some((Meaning::Position(Position::Closed), Meaning::Position(Position::Open)))
        }
        Fact::BatteryPercent => None,
        _ => Some((Meaning::Active(Some(true)), Meaning::Active(Some(false)))),
    }
}

/// What a fact lets an endpoint report; the vocabulary has no word for every fact.
pub(super) const fn capability(fact: Fact) -> Option<Capability> {
    match fact {
        Fact::Lock => Some(Capability::Lock),
        Fact::Position => Some(Capability::Position),
        Fact::Obstruction => Some(Capability::Obstruction),
        Fact::Tamper => Some(Capability::Tamper),
        Fact::BatteryPercent | Fact::BatteryLow => Some(Capability::Battery),
        Fact::RemoteLockout | Fact::ForcedOpen => None,
    }
}
