//! What one source said, and what it amounts to as time passes.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::super::names::IssuerName;
use super::{DRIFT_PPM, signed};

/// Where the true time lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Not before.
    pub earliest: Timestamp,
    /// Not after.
    pub latest: Timestamp,
}

impl Interval {
    /// Whether there is a time that lies in both.
    pub fn meets(self, other: Self) -> bool {
        self.earliest <= other.latest && other.earliest <= self.latest
    }

    /// How wide it is.
    pub fn width(self) -> SignedDuration {
        self.latest.duration_since(self.earliest)
    }
}

/// Who says what time it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The system's clock, while it says that it is synchronised: all of its time servers count
    /// as one source, since they come by one network.
    System,
    /// Somebody at the gateway itself.
    OnSite,
    /// An issuer whose key may attest time.
    Issuer(IssuerName),
}

/// What a source said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    pub earliest: Timestamp,
    pub latest: Timestamp,
    /// When, by the monotonic clock.
    pub at: Duration,
}

impl Claim {
    /// What it amounts to now: it goes on with the monotonic clock, and becomes wider by drift.
    pub fn at(&self, now: Duration) -> Interval {
        let passed = now.saturating_sub(self.at);
        let drift = signed(drift(passed));
        let passed = signed(passed);
        Interval {
            earliest: later(self.earliest, passed.saturating_sub(drift)),
            latest: later(self.latest, passed.saturating_add(drift)),
        }
    }
}

/// How wrong a clock may be that ran free for so long.
pub(super) fn drift(passed: Duration) -> Duration {
    passed / 1_000_000 * DRIFT_PPM
}

/// So much later, at most the end of time.
pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(if by.is_negative() { Timestamp::MIN } else { Timestamp::MAX })
}
