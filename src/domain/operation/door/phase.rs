//! The phases of a door, which may follow which, and what a remote close is refused for.

use serde::{Deserialize, Serialize};

use crate::domain::entry::EntryKind;

/// What the door is doing, as far as it is observed.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Never observed, or its sensor is lost.
    #[default]
    Unknown,
    Closed,
    Opening,
    /// Whether it is held open, its alarms say.
    Open,
    /// People are being warned; it has not begun to move.
    PreCloseWarning,
    /// Moving, or told to move, towards closed.
    Closing,
    /// It stopped on its way, or no limit switch answered in time.
    StoppedPartial,
    /// It reversed while closing. No remote close until it is observed closed or an operator on
    /// site ends it.
    SafetyLockout,
    /// The leaf is released from its drive. No remote close until it is engaged again.
    Disengaged,
}

impl Phase {
    /// Every phase.
    pub const ALL: [Self; 9] = [
        Self::Unknown,
        Self::Closed,
        Self::Opening,
        Self::Open,
        Self::PreCloseWarning,
        Self::Closing,
        Self::StoppedPartial,
        Self::SafetyLockout,
        Self::Disengaged,
    ];

    /// The word for people and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Closed => "closed",
            Self::Opening => "opening",
            Self::Open => "open",
            Self::PreCloseWarning => "pre_close_warning",
            Self::Closing => "closing",
            Self::StoppedPartial => "stopped_partial",
            Self::SafetyLockout => "safety_lockout",
            Self::Disengaged => "disengaged",
        }
    }

    /// Whether `next` may follow. A sensor may speak late, so most phases follow on most; what
    /// never happens is a warning at a door that does not stand open, a lockout without a reversal,
    /// and an opening straight out of a closing, which is the reversal.
    pub const fn may_become(self, next: Self) -> bool {
        match next {
            Self::PreCloseWarning => matches!(self, Self::Open | Self::StoppedPartial),
            Self::SafetyLockout => matches!(self, Self::Closing | Self::Disengaged),
            Self::Opening => !matches!(self, Self::Closing | Self::Opening),
            _ => true,
        }
    }
}

/// How the leaf of an entry moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Leaf {
    /// On hinges at its side.
    Swinging,
    /// A garage door of one piece, which tilts.
    OnePiece,
    /// In sections along rails.
    Sectional,
    /// Rolled up.
    Rolling,
    /// Along its own plane, as a sliding gate.
    Sliding,
    /// Nobody said.
    Unknown,
}

impl Leaf {
    /// What the entry's kind alone says of it.
    pub const fn of(kind: EntryKind) -> Self {
        match kind {
            EntryKind::Door => Self::Swinging,
            EntryKind::GarageDoor | EntryKind::Gate | EntryKind::Other => Self::Unknown,
        }
    }

    /// Whether it may be closed from afar at all (16 CFR 1211.14): none that swings, and none of
    /// which nobody said what it is.
    pub const fn may_close_remotely(self) -> bool {
        matches!(self, Self::Sectional | Self::Rolling | Self::Sliding)
    }
}

/// Why a remote close is refused. Nothing moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseRefusal {
    /// One-piece, swinging, or nobody said what it is.
    WrongLeaf,
    /// The position is not observed now.
    PositionUnknown,
    AlreadyClosed,
    /// It moves, or a warning runs already.
    Moving,
    SafetyLockout,
    Disengaged,
    /// Something is in the way.
    Obstructed,
    /// Nothing says that the way is clear.
    ObstructionUnknown,
}

impl CloseRefusal {
    /// Every refusal.
    pub const ALL: [Self; 8] = [
        Self::WrongLeaf,
        Self::PositionUnknown,
        Self::AlreadyClosed,
        Self::Moving,
        Self::SafetyLockout,
        Self::Disengaged,
        Self::Obstructed,
        Self::ObstructionUnknown,
    ];

    /// The word of `core/access.json`, `AccessReason`, under which it is published.
    pub const fn access_reason(self) -> &'static str {
        match self {
            Self::WrongLeaf => "unattended_close_not_enabled",
            Self::PositionUnknown | Self::ObstructionUnknown => "state_unknown",
            Self::AlreadyClosed | Self::Moving => "entry_busy",
            Self::SafetyLockout | Self::Disengaged | Self::Obstructed => "obstructed",
        }
    }
}

/// Why a close that was being prepared is given up. Its command is to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseAbort {
    /// Somebody else moved it, or it closed.
    Moved,
    /// Something came in the way, or nothing says any more that the way is clear.
    Obstructed,
    /// The position is not observed any more.
    PositionLost,
    Disengaged,
    /// The command ended otherwise.
    GivenUp,
    /// The warning was interrupted: it would have to run anew.
    Restarted,
}

/// What holds or limits motion (`core/vocabulary.json`, `MotionHold`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MotionHold {
    None,
    PreCloseWarning,
    Obstructed,
    Disengaged,
    SafetyLockout,
}

impl MotionHold {
    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::PreCloseWarning => "pre_close_warning",
            Self::Obstructed => "obstructed",
            Self::Disengaged => "disengaged",
            Self::SafetyLockout => "safety_lockout",
        }
    }
}
