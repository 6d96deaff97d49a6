//! What a door machine is configured with, what it is told and what it answers.

use std::time::Duration;

use doorward_translators::{
    AlarmKind, LockState, Operation, OperationKind, OperationSource, Outcome, Position,
};

use super::phase::{CloseAbort, Leaf, Phase};
use crate::domain::entry::{Entry, Role};
use crate::domain::fact::FactQuality;
use crate::domain::operation::seen::{Seen, Sensors};
use crate::domain::operation::timers::Timers;

/// What is configured of an entry as far as its door machine goes. It is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoorRules {
    pub sensors: Sensors,
    pub leaf: Leaf,
    pub timers: Timers,
    /// Whether an opening that nothing explains is `forced_open`. Only where openings can be
    /// explained: of a garage door without a lock nobody knows who pressed its remote. A lock that
    /// never said anything that counts, as a strike's relay, explains nothing either: then there is
    /// none.
    pub watch_forced_open: bool,
}

impl DoorRules {
    /// The rules that follow from the entry alone: `forced_open` is watched where it has a lock.
    pub fn of(entry: &Entry, timers: Timers) -> Self {
        let sensors = Sensors::of(entry);
        Self {
            leaf: Leaf::of(entry.kind),
            watch_forced_open: sensors.lock.is_some(),
            sensors,
            timers,
        }
    }
}

/// Why a door may open now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Explanation {
    /// A command to open or unlock is being dispatched. It explains for the release and the travel,
    /// and the lock must be locked again after it.
    Command,
    /// A request to exit.
    RequestToExit,
    /// Somebody operated the lock by a known means.
    Operated,
}

impl Explanation {
    /// What an operation that a device told explains: a successful unlocking by a means that people
    /// at the door use. A command over the bus that is not ours explains nothing.
    pub fn of(operation: &Operation) -> Option<Self> {
        let unlocked =
            operation.kind == OperationKind::Unlock && operation.outcome == Outcome::Succeeded;
        match operation.source {
            _ if !unlocked => None,
            OperationSource::RequestToExit => Some(Self::RequestToExit),
            OperationSource::GatewayCommand
            | OperationSource::AutoRelock
            | OperationSource::AutoClose
            | OperationSource::Unknown => None,
            _ => Some(Self::Operated),
        }
    }
}

/// What happens to a door.
#[derive(Debug, Clone, Copy)]
pub enum DoorInput<'a> {
    /// A position was said, by whomever; only the position role's endpoint is heard.
    Position(&'a Seen<Position>),
    /// A lock's state was said, by whomever; only the lock role's endpoint is heard.
    Lock(&'a Seen<LockState>),
    /// The fact of this role is no longer observed: `Stale`, or `Assumed` or `Unknown`.
    Lost(Role, FactQuality),
    /// What the obstruction sensor says; `None`: it does not say, or is away.
    Obstruction(Option<bool>),
    /// The leaf was released from its drive, or engaged again.
    ManualRelease(bool),
    Explained(Explanation),
    /// A command's late effect was seen.
    MovedUnexpectedly,
    /// The close that was asked for will not come, or its command ended without closing.
    CloseGivenUp,
    /// An operator on site ended the safety lockout.
    LockoutEnded,
    /// Time has passed.
    Tick,
}

/// What follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoorEffect {
    /// The phase changed.
    Phase { from: Phase, to: Phase },
    /// To be told as `alarm.raised`.
    Raised(AlarmKind),
    /// To be told as `alarm.cleared`, by observation.
    Cleared(AlarmKind),
    /// Warn people for so long. [`DoorEffect::CloseNow`] follows, or the abort.
    WarningStarted(Duration),
    /// The warning is over: dispatch the close.
    CloseNow,
    /// Do not dispatch it.
    CloseAborted(CloseAbort),
    /// The leaf reversed, or met something, while closing.
    CloseInterrupted,
}
