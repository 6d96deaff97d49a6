//! The origin layer: where in which gateway's journal an event stands.

use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An upper bound of the bytes that [`crate::Draft::stamp`] adds, checked by a test.
pub(crate) const MAX_STAMP_BYTES: usize = 512;

/// An event's place in a gateway's journal. Valid while both sequences are below 2^53, where the
/// integers of JSON end for most readers.
///
/// Instants before the year 0 have no RFC 3339 form and are written as the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayOrigin {
    /// When it was journaled.
    pub recorded_at: Timestamp,
    /// New whenever a journal is created, salvaged, restored or found on another machine.
    pub journal_id: Uuid,
    /// Gapless within the journal.
    pub sequence: u64,
    /// Gapless within the journal for this type.
    pub type_sequence: u64,
    /// Where the true time lies, if trust in the clock is not full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock: Option<ClockInterval>,
}

impl GatewayOrigin {
    /// Whether the same gateway said it later than `other`. Within a journal the sequence decides,
    /// whatever the clock did; across journals, which have no order, the time of recording.
    pub fn is_later_than(&self, other: &Self) -> bool {
        if self.journal_id == other.journal_id {
            self.sequence > other.sequence
        } else {
            self.recorded_at > other.recorded_at
        }
    }
}

/// The bounds of the true time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockInterval {
    /// Not before.
    pub earliest: Timestamp,
    /// Not after; `None`: nothing is promised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Timestamp>,
    /// How far the interval itself may be trusted.
    pub trust: ClockTrust,
}

/// How far the gateway trusts its clock. A word that this build does not know is read as
/// [`ClockTrust::Untrusted`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockTrust {
    /// The wall clock is right.
    Full,
    /// The time lies within the interval.
    Bounded,
    /// Nothing is promised.
    #[serde(other)]
    Untrusted,
}

impl ClockTrust {
    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Bounded => "bounded",
            Self::Untrusted => "untrusted",
        }
    }
}

impl GatewayOrigin {
    /// Appends the origin as a JSON object.
    pub(crate) fn write_json(&self, out: &mut String) {
        // Writing to a String cannot fail, and none of these values needs escaping.
        let _ = write!(
            out,
            r#"{{"recorded_at":"{}","journal_id":"{}","sequence":{},"type_sequence":{}"#,
            writable(self.recorded_at),
            self.journal_id,
            self.sequence,
            self.type_sequence
        );
        if let Some(clock) = &self.clock {
            let _ = write!(out, r#","clock":{{"earliest":"{}""#, writable(clock.earliest));
            if let Some(latest) = clock.latest {
                let _ = write!(out, r#","latest":"{}""#, writable(latest));
            }
            let _ = write!(out, r#","trust":"{}"}}"#, clock.trust.as_str());
        }
        out.push('}');
    }
}

/// RFC 3339 knows no years before 0.
fn writable(instant: Timestamp) -> Timestamp {
    const YEAR_ZERO: i64 = -62_167_219_200;
    if instant.as_second() < YEAR_ZERO { Timestamp::UNIX_EPOCH } else { instant }
}
