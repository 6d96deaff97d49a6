//! What a vendor process is told at its start: it reads no configuration of its own.

use std::path::PathBuf;

use doorward_translators::Setup;
use serde::{Deserialize, Serialize};

use crate::domain::ids::VendorId;
use crate::domain::rate::Rate;

/// Everything that a vendor process needs to know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VendorSetup {
    pub vendor: VendorId,
    /// Which translator, with its settings and devices.
    pub setup: Setup,
    pub connection: Connection,
    /// Key of [`super::Evidence::keyed_digest`], in hexadecimal.
    pub evidence_key: String,
    /// Messages of one device that are told one by one; see [`super::Signal::stands_for`].
    pub device: Rate,
    /// It belongs to a drill, and misbehaves on order. Only `doorward run --drill` says so.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drill: bool,
}

/// How the devices are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "transport", rename_all = "snake_case")]
pub enum Connection {
    Mqtt(MqttConnection),
    Serial(SerialLine),
}

/// A serial line. The core opens its port and hands over the descriptor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SerialLine {
    /// As in `/dev/serial/by-id`: a name that belongs to the adapter, not to the order of plugging.
    pub port: PathBuf,
    /// Bits a second.
    pub baud: u32,
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
}

/// The parity bit of each character; there are 8 data bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parity {
    None,
    Even,
    Odd,
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
