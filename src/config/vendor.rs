//! `vendors.d/<name>.toml`: one vendor, its broker and its devices.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use doorward_translators::Translator;
use doorward_translators::zigbee2mqtt::{Settings, Zigbee2Mqtt};
use serde::Deserialize;

use super::Finding;
use super::names::{is_identity, is_vendor};
use super::source::Source;
use crate::domain::ids::{EndpointId, VendorId};
use crate::link::{Ecosystem, MqttConnection, TlsFiles};

/// A vendor as configured.
#[derive(Debug, Clone, PartialEq)]
pub struct VendorConfig {
    pub id: VendorId,
    pub ecosystem: Ecosystem,
    pub mqtt: MqttConnection,
    pub endpoints: Vec<PinnedEndpoint>,
}

/// A device named in the file: needed only where the ecosystem's inventory does not list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedEndpoint {
    pub endpoint: EndpointId,
    pub address: String,
}

/// How long the broker keeps our session; MQTT's own default of 0 would keep nothing.
const WEEK_S: u32 = 7 * 24 * 3600;

/// Longest client id that every MQTT broker takes, and then some.
const MAX_CLIENT_ID: usize = 128;

#[derive(Deserialize)]
struct File {
    ecosystem: EcosystemName,
    mqtt: MqttTable,
    #[serde(default)]
    settings: SettingsTable,
    #[serde(default)]
    endpoint: Vec<EndpointTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum EcosystemName {
    Zigbee2mqtt,
}

#[derive(Deserialize)]
struct MqttTable {
    host: String,
    port: Option<u16>,
    client_id: Option<String>,
    tls: Option<TlsTable>,
    session_expiry_s: Option<u32>,
}

// Tables of our own rather than the link's and the translators' types: those refuse an unknown
// key, which here is a typo that stops nothing.
#[derive(Deserialize)]
struct TlsTable {
    ca: PathBuf,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
struct SettingsTable {
    base_topic: Option<String>,
}

#[derive(Deserialize)]
struct EndpointTable {
    id: String,
    address: String,
}

/// Reads the file. The vendor's name comes from the file's name, so a bad file has one too.
/// `others` were read before it.
pub fn read(
    file: &Path,
    others: &[VendorConfig],
    findings: &mut Vec<Finding>,
) -> (VendorId, Option<VendorConfig>) {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let id = VendorId::new(name);
    let config = parse(file, &id, others, findings);
    (id, config)
}

fn parse(
    file: &Path,
    id: &VendorId,
    others: &[VendorConfig],
    findings: &mut Vec<Finding>,
) -> Option<VendorConfig> {
    if !is_vendor(id.as_str()) {
        findings.push(Finding::error(
            file,
            "the file's name is the vendor's, and this one is not usable",
            "use 1 to 32 lower-case letters, digits, '-' and '_', beginning with a letter or digit",
        ));
        return None;
    }
    let source = Source::read(file, findings)?;
    let parsed: File = source.parse(findings)?;
    let mqtt = mqtt(&source, id, parsed.mqtt, findings);
    let settings = parsed
        .settings
        .base_topic
        .map_or_else(Settings::default, |base_topic| Settings { base_topic });
    let translator = match Zigbee2Mqtt::new(settings.clone()) {
        Ok(translator) => Some(translator),
        Err(error) => {
            let remedy = "use zigbee2mqtt's own mqtt.base_topic";
            findings.push(source.error("settings.base_topic", error.to_string(), remedy));
            None
        }
    };
    let endpoints = endpoints(&source, id, parsed.endpoint, translator.as_ref(), findings);
    let ecosystem = match parsed.ecosystem {
        EcosystemName::Zigbee2mqtt => Ecosystem::Zigbee2mqtt(settings),
    };
    let config = VendorConfig { id: id.clone(), ecosystem, mqtt, endpoints };
    beside(&source, &config, others, findings);
    Some(config)
}

fn mqtt(
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

/// Two vendors at one broker must not be in each other's way.
fn beside(
    source: &Source,
    config: &VendorConfig,
    others: &[VendorConfig],
    findings: &mut Vec<Finding>,
) {
    let same_broker = |other: &&VendorConfig| {
        other.mqtt.host == config.mqtt.host && other.mqtt.port == config.mqtt.port
    };
    for other in others.iter().filter(same_broker) {
        if other.mqtt.client_id == config.mqtt.client_id {
            findings.push(source.error(
                "mqtt.client_id",
                format!("{} has the same at this broker: each would throw the other out", other.id),
                "give each vendor a client_id of its own, or leave both out",
            ));
        }
        if other.ecosystem == config.ecosystem {
            findings.push(source.warning(
                "settings.base_topic",
                format!("{} listens to the same devices: all would be told twice", other.id),
                "remove one of the files, or correct its base_topic",
            ));
        }
    }
}

fn endpoints(
    source: &Source,
    vendor: &VendorId,
    tables: Vec<EndpointTable>,
    translator: Option<&Zigbee2Mqtt>,
    findings: &mut Vec<Finding>,
) -> Vec<PinnedEndpoint> {
    let mut by_address: HashMap<String, String> = HashMap::new();
    let mut by_id: HashMap<String, String> = HashMap::new();
    let mut endpoints = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let EndpointTable { id, address } = table;
        let id_key = format!("endpoint.{index}.id");
        let address_key = format!("endpoint.{index}.address");
        if let Some(bare) = id.strip_prefix(&format!("{vendor}:")) {
            let message = "the vendor's name does not belong here";
            findings.push(source.error(id_key, message, format!("write {bare:?}")));
            continue;
        }
        if !is_identity(&id) {
            findings.push(source.error(
                id_key,
                format!("{id:?} is not usable as a device's identity"),
                "use 1 to 127 printable characters without spaces",
            ));
            continue;
        }
        if translator.is_some_and(|translator| translator.read_request(&address).is_none()) {
            findings.push(source.error(
                address_key,
                format!("no device can be called {address:?}"),
                "use zigbee2mqtt's friendly name, without the base topic, '#' and '+'",
            ));
            continue;
        }
        if let Some(other) = by_address.insert(address.clone(), id.clone()) {
            findings.push(source.error(
                address_key,
                format!("{id} and {other} are on one topic, {address:?}"),
                "one address belongs to one device: correct one of them",
            ));
            continue;
        }
        if let Some(other) = by_id.insert(id.clone(), address.clone()) {
            findings.push(source.error(
                id_key,
                format!("{id} has two addresses, {other:?} and {address:?}"),
                "name each device once",
            ));
            continue;
        }
        endpoints.push(PinnedEndpoint { endpoint: EndpointId::of(vendor, &id), address });
    }
    endpoints
}
