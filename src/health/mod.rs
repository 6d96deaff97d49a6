//! How the gateway is doing, as figures that its parts fill in and people and scripts read.

mod durations;
pub mod notify;
pub mod turns;

use std::collections::BTreeMap;

pub use durations::Durations;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::journal::Statistics;

/// How the gateway is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub version: String,
    pub instance: String,
    pub uptime_s: u64,
    pub uplink: UplinkStatus,
    /// The journal cannot be written; nothing is acknowledged meanwhile.
    pub storage_failure: Option<String>,
    /// What happened to the journal before it could be opened, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub journal_arrival: Option<String>,
    /// What happened may have cost something: it was broken, set aside, or an older copy.
    #[serde(default)]
    pub journal_lost: bool,
    /// Vendors that are not read, since what waits of theirs fills their quota.
    #[serde(default)]
    pub held: Vec<String>,
    /// Vendors that send more than their limit, and are read more slowly.
    #[serde(default)]
    pub throttled: Vec<String>,
    /// Devices that send more than their limit: only the newest of their states is taken.
    #[serde(default)]
    pub flooding: Vec<String>,
    /// How far the clock is trusted: `full`, `bounded` or `untrusted`, when no door opens.
    #[serde(default)]
    pub clock: String,
    /// Requests that were refused, by reason, since the gateway started.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub denied: BTreeMap<String, u64>,
    /// How long commits took, the disk's flush included.
    #[serde(default)]
    pub commit_time: Durations,
    /// The keys for AWS, where a certificate is exchanged for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialStatus>,
    pub vendors: Vec<VendorStatus>,
}

/// What a heartbeat tells of, beside what the gateway's loop itself knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figures {
    pub journal: Statistics,
    pub uplink: UplinkStatus,
    /// How long commits took, the disk's flush included.
    pub commit_time: Durations,
}

/// A vendor and what its process is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorStatus {
    pub vendor: String,
    /// As in `gateway.heartbeat`.
    pub state: String,
}

/// How the keys for AWS are doing, where a certificate is exchanged for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialStatus {
    /// Exchanges that brought keys.
    pub exchanges: u64,
    /// Exchanges that failed.
    pub failed: u64,
    /// The keys in hand are good until then.
    pub good_until: Option<Timestamp>,
    /// Why the last exchange failed, in one word: `endpoint_absent`, `clock_wrong`, …
    pub failure: Option<String>,
    /// The same for a person, with the remedy.
    pub words: Option<String>,
}

/// How the uplink is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UplinkStatus {
    pub bus: String,
    pub calls: u64,
    pub accepted: u64,
    pub refused: u64,
    pub retried: u64,
    /// Calls that failed one after the other, as of now.
    pub failing: u32,
    /// The last answer that was no acceptance, while it lasts.
    pub trouble: Option<String>,
    /// The bus does not let us: credentials or permissions. Data is kept; a person is needed.
    pub denied: bool,
    /// How long the bus took to answer a call.
    #[serde(default)]
    pub call_time: Durations,
}
