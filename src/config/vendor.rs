//! `vendors.d/<name>.toml`: one vendor, its broker and its devices.

use std::collections::HashMap;
use std::path::Path;

use doorward_translators::zigbee2mqtt;
use serde::Deserialize;

use super::Finding;
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

#[derive(Deserialize)]
struct File {
    ecosystem: EcosystemName,
    mqtt: MqttTable,
    #[serde(default)]
    settings: zigbee2mqtt::Settings,
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
    tls: Option<TlsFiles>,
    session_expiry_s: Option<u32>,
}

#[derive(Deserialize)]
struct EndpointTable {
    id: String,
    address: String,
}

/// Reads the file. The vendor's name comes from the file's name, so a bad file has one too.
pub fn read(file: &Path, findings: &mut Vec<Finding>) -> (VendorId, Option<VendorConfig>) {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let id = VendorId::new(name);
    let config = parse(file, &id, findings);
    (id, config)
}

fn parse(file: &Path, id: &VendorId, findings: &mut Vec<Finding>) -> Option<VendorConfig> {
    let usable = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    if !(1..=32).contains(&id.as_str().len()) || !id.as_str().bytes().all(usable) {
        findings.push(Finding::error(
            file,
            "the file's name is the vendor's, and this one is not usable",
            "use 1 to 32 lower-case letters, digits, '-' and '_'",
        ));
        return None;
    }
    let source = Source::read(file, findings)?;
    let parsed: File = source.parse(findings)?;
    if let Err(error) = zigbee2mqtt::Zigbee2Mqtt::new(parsed.settings.clone()) {
        findings.push(
            Finding::error(&source.file, error.to_string(), "use zigbee2mqtt's mqtt.base_topic")
                .at(source.line_of("settings.base_topic"), "settings.base_topic"),
        );
    }
    if let Some(tls) = &parsed.mqtt.tls
        && tls.certificate.is_some() != tls.key.is_some()
    {
        findings.push(
            Finding::error(
                &source.file,
                "certificate and key go together",
                "give both, or neither where the broker asks for none",
            )
            .at(source.line_of("mqtt.tls"), "mqtt.tls"),
        );
    }
    let default_port = if parsed.mqtt.tls.is_some() { 8883 } else { 1883 };
    let mqtt = MqttConnection {
        host: parsed.mqtt.host,
        port: parsed.mqtt.port.unwrap_or(default_port),
        client_id: parsed.mqtt.client_id.unwrap_or_else(|| format!("doorward-{id}")),
        tls: parsed.mqtt.tls,
        session_expiry_s: parsed.mqtt.session_expiry_s.unwrap_or(7 * 24 * 3600),
    };
    let endpoints = endpoints(&source, id, parsed.endpoint, findings);
    let ecosystem = match parsed.ecosystem {
        EcosystemName::Zigbee2mqtt => Ecosystem::Zigbee2mqtt(parsed.settings),
    };
    Some(VendorConfig { id: id.clone(), ecosystem, mqtt, endpoints })
}

fn endpoints(
    source: &Source,
    vendor: &VendorId,
    tables: Vec<EndpointTable>,
    findings: &mut Vec<Finding>,
) -> Vec<PinnedEndpoint> {
    let mut by_address: HashMap<String, String> = HashMap::new();
    let mut by_id: HashMap<String, String> = HashMap::new();
    let mut endpoints = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let key = format!("endpoint.{index}.address");
        if let Some(other) = by_address.insert(table.address.clone(), table.id.clone()) {
            findings.push(
                Finding::error(
                    &source.file,
                    format!("{} and {other} are on one topic, {:?}", table.id, table.address),
                    "one address belongs to one device: correct one of them",
                )
                .at(source.line_of(&key), key),
            );
            continue;
        }
        if let Some(other) = by_id.insert(table.id.clone(), table.address.clone()) {
            let key = format!("endpoint.{index}.id");
            findings.push(
                Finding::error(
                    &source.file,
                    format!("{} has two addresses, {other:?} and {:?}", table.id, table.address),
                    "name each device once",
                )
                .at(source.line_of(&key), key),
            );
            continue;
        }
        endpoints.push(PinnedEndpoint {
            endpoint: EndpointId::of(vendor, &table.id),
            address: table.address,
        });
    }
    endpoints
}
