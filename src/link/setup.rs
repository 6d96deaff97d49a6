//! What a vendor process is told at its start: it reads no configuration of its own.

use std::path::PathBuf;

use doorward_translators::zigbee2mqtt;
use serde::{Deserialize, Serialize};

use crate::domain::ids::VendorId;

/// Everything that a vendor process needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VendorSetup {
    pub vendor: VendorId,
    pub ecosystem: Ecosystem,
    pub mqtt: MqttConnection,
    /// Key of [`super::Evidence::keyed_digest`], in hexadecimal.
    pub evidence_key: String,
}

/// Which translator, with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Ecosystem {
    Zigbee2mqtt(zigbee2mqtt::Settings),
}

/// How to reach the vendor's broker (MQTT 5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttConnection {
    pub host: String,
    pub port: u16,
    /// One per vendor, stable: the broker keeps the session under it.
    pub client_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsFiles>,
    /// Seconds that the broker keeps our session while we are away.
    #[serde(default = "week")]
    pub session_expiry_s: u32,
}

fn week() -> u32 {
    7 * 24 * 3600
}

/// PEM files of a TLS connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsFiles {
    /// Certificates that may sign the broker's.
    pub ca: PathBuf,
    /// Our certificate and its key; both or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
}
