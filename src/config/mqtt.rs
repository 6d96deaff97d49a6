//! `[mqtt]` of a vendor's file: its broker.

use std::path::PathBuf;

use serde::Deserialize;

use super::Finding;
use super::source::Source;
use crate::domain::ids::VendorId;
use crate::link::{MqttConnection, TlsFiles};

/// How long the broker keeps our session; MQTT's own default of 0 would keep nothing.
const WEEK_S: u32 = 7 * 24 * 3600;

/// Longest client id that every MQTT broker takes, and then some.
const MAX_CLIENT_ID: usize = 128;

#[derive(Deserialize)]
pub struct MqttTable {
    host: String,
    port: Option<u16>,
    client_id: Option<String>,
    tls: Option<TlsTable>,
    session_expiry_s: Option<u32>,
}

// A table of our own rather than the link's type: that refuses an unknown key, which here is a typo
// that stops nothing.
#[derive(Deserialize)]
struct TlsTable {
    ca: PathBuf,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// Takes the table over.
pub fn read(
    source: &Source,
    id: &VendorId,
    table: MqttTable,
    findings: &mut Vec<Finding>,
) -> MqttConnection {
    let is_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':');
    let has_port = table.host.matches(':').count() == 1;
    if table.host.is_empty() || !table.host.bytes().all(is_host) || has_port {
        findings.push(source.error(
            "mqtt.host",
            format!("{:?} is no host", table.host),
            "give a name or an IP address alone; port and tls have keys of their own",
        ));
    }
    if table.port == Some(0) {
        findings.push(source.error("mqtt.port", "there is no port 0", "leave it out, or use 1883"));
    }
    let client_id = table.client_id.unwrap_or_else(|| format!("doorward-{id}"));
    if !(1..=MAX_CLIENT_ID).contains(&client_id.len())
        || !client_id.bytes().all(|b| b.is_ascii_graphic())
    {
        findings.push(source.error(
            "mqtt.client_id",
            format!("{client_id:?} is not usable"),
            format!("use 1 to {MAX_CLIENT_ID} printable characters without spaces"),
        ));
    }
    if let Some(tls) = &table.tls
        && tls.certificate.is_some() != tls.key.is_some()
    {
        let missing = if tls.key.is_none() { "key" } else { "certificate" };
        findings.push(source.error(
            format!("mqtt.tls.{missing}"),
            "certificate and key go together, and this one is missing",
            "give both, or neither where the broker asks for none",
        ));
    }
    let session_expiry_s = table.session_expiry_s.unwrap_or(WEEK_S);
    if session_expiry_s == 0 {
        findings.push(source.warning(
            "mqtt.session_expiry_s",
            "the broker keeps nothing: whatever is said while the gateway is away is lost",
            "leave it out for a week, or give seconds enough for an outage",
        ));
    }
    MqttConnection {
        host: table.host,
        port: table.port.unwrap_or(if table.tls.is_some() { 8883 } else { 1883 }),
        client_id,
        tls: table.tls.map(|tls| TlsFiles {
            ca: tls.ca,
            certificate: tls.certificate,
            key: tls.key,
        }),
        session_expiry_s,
    }
}
