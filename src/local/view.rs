//! Doors as people and scripts see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::link::Layer;

/// One door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorView {
    pub entry: String,
    pub kind: String,
    pub position: FactView,
    pub lock: FactView,
    pub alarms: Vec<String>,
    pub endpoints: Vec<EndpointView>,
}

/// One vendor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VendorView {
    pub vendor: String,
    /// `starting`, `running`, `backoff`, `isolated` or `disabled`.
    pub state: String,
    /// Why it is isolated, if it is by order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ordered: Option<String>,
    /// Its connection to its devices' broker or line stands.
    pub connected: bool,
    /// Commands are refused since too many in a row had no answer.
    #[serde(default)]
    pub commands_suspended: bool,
    /// The layers of its process's sandbox, as it tried them; empty while it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sandbox: Vec<Layer>,
    /// Its process, while there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// When that began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// From the start of that until it had locked itself down, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_ms: Option<f64>,
    /// Processes that began since the gateway did.
    pub starts: u64,
    /// How the one before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_end: Option<VendorEnd>,
}

/// How a vendor's process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendorEnd {
    pub at: Timestamp,
    /// As in `vendor.isolated`.
    pub cause: String,
    pub detail: String,
}

/// One fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactView {
    pub value: String,
    pub quality: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_at: Option<Timestamp>,
}

/// One device behind a door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointView {
    pub role: String,
    pub endpoint: String,
    /// `None`: nothing was said of it yet.
    pub online: Option<bool>,
    /// What it says while nobody listens is lost before us (MQTT QoS 0).
    pub lossy_source: bool,
    /// An opener that refuses its remote controls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_lockout: Option<bool>,
}
