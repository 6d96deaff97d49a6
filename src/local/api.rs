//! What goes over the socket. Lists are newline-delimited JSON.

use serde::{Deserialize, Serialize};

use crate::health::Status;
use crate::journal::Statistics;

/// Most events or rows in one answer.
pub const MAX_ROWS: usize = 1000;

/// Which events to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventQuery {
    /// Events after this sequence; absent: the newest ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "type")]
    pub event_type: Option<String>,
    /// An entry's id, or an endpoint's for events without an entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// Go on with events as they are committed.
    #[serde(default)]
    pub follow: bool,
}

/// One line of the list of events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventLine {
    pub sequence: u64,
    /// Accepted or finally refused by the bus, as of now.
    pub delivered: bool,
    /// The event as it leaves.
    pub event: serde_json::Value,
}

/// How far events have got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueView {
    pub status: Status,
    pub journal: Statistics,
}
