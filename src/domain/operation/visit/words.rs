//! The words of a visit: those of the event types `visit.*` and of `core/access.json`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How far a visit is. The request itself comes before it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VisitState {
    /// The grant is used; the command has not left.
    Decided,
    /// The command has left.
    Actuating,
    /// The door was observed open.
    Open,
    /// Observed closed, and locked where it has a lock, after it was open.
    Secured,
    /// It stayed closed until the release was over.
    NotTaken,
    /// It closed, and was then observed not locked when it should have been.
    LeftInsecure,
    /// The time is over, and nobody can say.
    Unverified,
    /// Something else ended it.
    Interrupted,
}

impl VisitState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Decided,
        Self::Actuating,
        Self::Open,
        Self::Secured,
        Self::NotTaken,
        Self::LeftInsecure,
        Self::Unverified,
        Self::Interrupted,
    ];

    /// The word; of an end, the event type is `visit.` and this.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Decided => "decided",
            Self::Actuating => "actuating",
            Self::Open => "open",
            Self::Secured => "secured",
            Self::NotTaken => "not_taken",
            Self::LeftInsecure => "left_insecure",
            Self::Unverified => "unverified",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether it is an end. No state follows one.
    pub const fn is_end(self) -> bool {
        !matches!(self, Self::Decided | Self::Actuating | Self::Open)
    }
}

impl fmt::Display for VisitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What interrupted a visit (`core/access.json`, `VisitInterruption`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    CommandFailed,
    GatewayRestarted,
    /// The same entry was used again.
    NextVisit,
    ModeChanged,
    FireInput,
    EntryChanged,
    Unknown,
}

impl Interruption {
    /// Every cause.
    pub const ALL: [Self; 7] = [
        Self::CommandFailed,
        Self::GatewayRestarted,
        Self::NextVisit,
        Self::ModeChanged,
        Self::FireInput,
        Self::EntryChanged,
        Self::Unknown,
    ];

    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CommandFailed => "command_failed",
            Self::GatewayRestarted => "gateway_restarted",
            Self::NextVisit => "next_visit",
            Self::ModeChanged => "mode_changed",
            Self::FireInput => "fire_input",
            Self::EntryChanged => "entry_changed",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Interruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
