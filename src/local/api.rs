//! What goes over the socket. Lists are newline-delimited JSON.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::domain::audit::Run;
use crate::health::Status;
use crate::journal::{AuditPage, Erased, Statistics};

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

/// Where a verification goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyQuery {
    /// Rows after this slot; absent: from the first on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// The public half of the key that signs a gateway's checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditKey {
    pub kid: String,
    /// Base64url without padding.
    pub public_key: String,
}

/// A part of what there is of the digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditView {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<AuditKey>,
    #[serde(flatten)]
    pub page: AuditPage,
}

/// What was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedView {
    /// Its sequences; `None`: there was nothing to close.
    pub closed: Option<Run>,
}

/// Which events to export.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportQuery {
    /// Events after this slot; absent: from the first on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Only events without a final answer of the bus.
    #[serde(default)]
    pub waiting: bool,
}

/// The first line of an export; each further one is
/// `{"slot":N,"vendor":NAME or null,"delivered":BOOLEAN,"event":EVENT}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportHeader {
    pub journal_id: Uuid,
    pub exported_at: Timestamp,
    /// [`ExportHeader::FORMAT`].
    pub format: String,
}

impl ExportHeader {
    pub const FORMAT: &'static str = "doorward-journal/1";
}

/// Whom to erase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    pub subject: String,
}

/// One line of the answer to an [`EraseRequest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EraseLine {
    /// So much went so far.
    Progress(Erased),
    Done(ErasedView),
    /// It broke off, in words; what went is gone.
    Failed(String),
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedView {
    #[serde(flatten)]
    pub erased: Erased,
    /// The event that tells of it is committed.
    pub told: bool,
    /// Files beside the journal that were removed.
    pub removed: Vec<PathBuf>,
    /// Files of other machines' journals, which may hold the person's data too.
    pub left: Vec<PathBuf>,
}
