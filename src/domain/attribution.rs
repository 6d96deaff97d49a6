//! Who operated a lock, and which change of state that belongs to.
//!
//! The two arrive as separate messages in either order, seconds apart. They are told as two
//! facts; the later one names the earlier by its correlation id, never by a guess: only the
//! same direction within [`WINDOW`] is joined, and each at most once.

use std::time::Duration;

use doorward_translators::{LockState, OperationKind};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How far apart the act and the change may be.
pub const WINDOW: Duration = Duration::from_secs(10);

/// A half that waits for its other half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Half {
    kind: OperationKind,
    at: Timestamp,
    event: Uuid,
}

/// The halves of one entry that have no other half yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attribution {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<Half>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    change: Option<Half>,
}

impl Attribution {
    /// An operation was told by `event`. Returns the lock change it belongs to, if that came
    /// first.
    pub fn operated(&mut self, kind: OperationKind, at: Timestamp, event: Uuid) -> Option<Uuid> {
        join(&mut self.change, &mut self.operation, kind, at, event)
    }

    /// A lock change was told by `event`. Returns the operation it belongs to, if that came
    /// first.
    pub fn changed(&mut self, to: LockState, at: Timestamp, event: Uuid) -> Option<Uuid> {
        let kind = match to {
            LockState::Locked => OperationKind::Lock,
            LockState::Unlocked | LockState::Unlatched => OperationKind::Unlock,
            _ => return None,
        };
        join(&mut self.operation, &mut self.change, kind, at, event)
    }
}

fn join(
    other: &mut Option<Half>,
    own: &mut Option<Half>,
    kind: OperationKind,
    at: Timestamp,
    event: Uuid,
) -> Option<Uuid> {
    if kind == OperationKind::Unknown {
        return None;
    }
    let matches = other.as_ref().is_some_and(|half| {
        half.kind == kind && at.duration_since(half.at).unsigned_abs() <= WINDOW
    });
    if matches {
        return other.take().map(|half| half.event);
    }
    *own = Some(Half { kind, at, event });
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn either_order_joins_once() {
        let (act, change) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut first = Attribution::default();
        assert_eq!(first.operated(OperationKind::Unlock, at(0), act), None);
        assert_eq!(first.changed(LockState::Unlocked, at(3), change), Some(act));
        assert_eq!(first.changed(LockState::Unlocked, at(4), Uuid::from_u128(3)), None);

        let mut second = Attribution::default();
        assert_eq!(second.changed(LockState::Unlocked, at(0), change), None);
        assert_eq!(second.operated(OperationKind::Unlock, at(3), act), Some(change));
    }

    #[test]
    fn another_direction_or_a_later_act_is_not_joined() {
        let mut attribution = Attribution::default();
        attribution.changed(LockState::Locked, at(0), Uuid::from_u128(1));
        assert_eq!(attribution.operated(OperationKind::Unlock, at(1), Uuid::from_u128(2)), None);
        let mut attribution = Attribution::default();
        attribution.changed(LockState::Unlocked, at(0), Uuid::from_u128(1));
        assert_eq!(attribution.operated(OperationKind::Unlock, at(11), Uuid::from_u128(2)), None);
    }
}
