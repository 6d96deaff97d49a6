//! Doors as people and scripts see them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
