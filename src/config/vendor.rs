//! `vendors.d/<name>.toml`: one vendor, how its devices are reached, and the devices.

use std::path::Path;

use doorward_translators::ecosystem::{self, Lists};
use doorward_translators::{Fault, Place, Setup, Topics, Transport, Wire};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::endpoints::PinnedEndpoint;
use super::finding::{Finding, Kind};
use super::limits::LimitsTable;
use super::mqtt::MqttTable;
use super::names::is_vendor;
use super::serial::{SerialTable, is_same_port};
use super::silence::Silences;
use super::source::Source;
use super::{endpoints, limits, mqtt, serial, silence};
use crate::domain::ids::{EndpointId, VendorId};
use crate::domain::rate::Limits;
use crate::link::Connection;

/// A vendor as configured.
#[derive(Debug, Clone)]
pub struct VendorConfig {
    pub id: VendorId,
    pub setup: Setup,
    pub connection: Connection,
    pub endpoints: Vec<PinnedEndpoint>,
    /// What the ecosystem's own inventory may list beside them.
    pub lists: Option<Lists>,
    /// How much it, and each of its devices, may send.
    pub limits: Limits,
    /// How long its devices may say nothing.
    pub silences: Silences,
    /// What it subscribes to, where it is reached by a broker.
    pub subscriptions: Vec<String>,
    /// Who says what at that broker; nothing where there is none.
    pub topics: Topics,
}

#[derive(Deserialize)]
struct File {
    ecosystem: String,
    silence: Option<String>,
    mqtt: Option<MqttTable>,
    serial: Option<SerialTable>,
    #[serde(default)]
    limits: LimitsTable,
    #[serde(default)]
    settings: Map<String, Value>,
    // Each ecosystem asks for settings of its own beside `id`, `address` and `silence`.
    #[serde(default)]
    endpoint: Vec<Map<String, Value>>,
}

/// Reads the file. The vendor's name comes from the file's name, so a bad file has one too.
/// `profiles`: the folder of the operator's own profiles. `others` were read before it.
pub fn read(
    file: &Path,
    profiles: &Path,
    others: &[VendorConfig],
    findings: &mut Vec<Finding>,
) -> (VendorId, Option<VendorConfig>) {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let id = VendorId::new(name);
    let source = is_named(file, &id, findings).then(|| Source::read(file, findings)).flatten();
    let config = source.and_then(|source| parse(&source, &id, profiles, others, findings));
    (id, config)
}

/// What a file of this name and text would say, whether or not it is there.
pub fn of_text(
    file: &Path,
    text: &str,
    profiles: &Path,
    findings: &mut Vec<Finding>,
) -> Option<VendorConfig> {
    let name = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let id = VendorId::new(name);
    let source = is_named(file, &id, findings).then(|| Source::of(file, text.to_owned()))?;
    parse(&source, &id, profiles, &[], findings)
}

fn is_named(file: &Path, id: &VendorId, findings: &mut Vec<Finding>) -> bool {
    let usable = is_vendor(id.as_str());
    if !usable {
        findings.push(Finding::error(
            file,
            "the file's name is the vendor's, and this one is not usable",
            "use 1 to 32 lower-case letters, digits, '-' and '_', beginning with a letter or digit",
        ));
    }
    usable
}

fn parse(
    source: &Source,
    id: &VendorId,
    profiles: &Path,
    others: &[VendorConfig],
    findings: &mut Vec<Finding>,
) -> Option<VendorConfig> {
    let parsed: File = source.parse(findings)?;
    let profile = profile(source, &parsed.ecosystem, profiles, findings)?;
    let transport = ecosystem::transport(&parsed.ecosystem);
    let mut settings = parsed.settings;
    let connection = match transport {
        Transport::Mqtt => {
            surplus(source, "serial", parsed.serial.is_some(), "a broker", findings);
            let table = needed(source, "mqtt", parsed.mqtt, findings);
            table.map(|table| Connection::Mqtt(mqtt::read(source, id, table, findings)))
        }
        Transport::Serial => {
            surplus(source, "mqtt", parsed.mqtt.is_some(), "a serial port", findings);
            let table = needed(source, "serial", parsed.serial, findings);
            table.map(|table| {
                let line = serial::read(source, table, findings);
                // A protocol's silences are measured in characters.
                if settings.insert("baud".to_owned(), line.baud.into()).is_some() {
                    let message = "the speed of a line does not belong here; this has no effect";
                    findings.push(source.warning("settings.baud", message, "use [serial] baud"));
                }
                Connection::Serial(line)
            })
        }
    };
    let before = findings.len();
    let limits = limits::read(source, parsed.limits, findings);
    let mut tables = parsed.endpoint;
    let silence = parsed.silence.as_deref();
    let silences = silence::read(source, id, silence, &mut tables, findings);
    let listed = endpoints::read(source, id, transport, tables, findings);
    if findings.get(before..).is_some_and(|new| new.iter().any(Finding::is_error)) {
        // The places of those that are left would be others than in the file.
        return None;
    }
    let setup = Setup {
        ecosystem: parsed.ecosystem,
        profile: profile.as_ref().map(|profile| profile.text().to_owned()),
        settings,
        endpoints: listed,
    };
    let opened = match ecosystem::open(&setup) {
        Ok(opened) => {
            tell(source, profile.as_ref(), opened.warnings, findings);
            Some((opened.wire, opened.lists))
        }
        Err(faults) => {
            tell(source, profile.as_ref(), faults, findings);
            None
        }
    };
    let endpoints = setup
        .endpoints
        .iter()
        .map(|listed| PinnedEndpoint {
            endpoint: EndpointId::of(id, &listed.identity),
            address: listed.address.clone(),
        })
        .collect();
    let (wire, lists) = opened?;
    let (subscriptions, topics) = match wire {
        Wire::Mqtt(translator) => {
            let wanted = translator.subscriptions().into_iter().map(|wanted| wanted.filter);
            (wanted.collect(), translator.topics())
        }
        Wire::Serial(_) => (Vec::new(), Topics::default()),
    };
    let connection = connection?;
    let id = id.clone();
    let config = VendorConfig {
        id,
        setup,
        connection,
        endpoints,
        lists,
        limits,
        silences,
        subscriptions,
        topics,
    };
    beside(source, &config, others, findings);
    Some(config)
}

/// The operator's own profile, where the name is none of ours. `None`: there is none of either.
#[expect(clippy::option_option, reason = "whether to go on, and whether there is one")]
fn profile(
    source: &Source,
    name: &str,
    profiles: &Path,
    findings: &mut Vec<Finding>,
) -> Option<Option<Source>> {
    if ecosystem::names().any(|known| known == name) {
        return Some(None);
    }
    let file = profiles.join(format!("{name}.toml"));
    if !is_vendor(name) || !file.exists() {
        let known: Vec<&str> = ecosystem::names().collect();
        findings.push(source.error(
            "ecosystem",
            format!("there is no ecosystem {name:?}"),
            format!("use one of {}, or write profiles.d/{name}.toml", known.join(", ")),
        ));
        return None;
    }
    let profile = Source::read(&file, findings)?;
    profile.parse::<Map<String, Value>>(findings)?;
    Some(Some(profile))
}

fn needed<T>(
    source: &Source,
    name: &str,
    table: Option<T>,
    findings: &mut Vec<Finding>,
) -> Option<T> {
    if table.is_none() {
        let remedy = format!("add the table [{name}]; config/ has an example");
        findings.push(source.error(name, "this setting is missing", remedy));
    }
    table
}

fn surplus(source: &Source, name: &str, is: bool, by: &str, findings: &mut Vec<Finding>) {
    if is {
        let message = format!("its devices are reached by {by}; this table has no effect");
        findings.push(source.warning(name, message, "remove it"));
    }
}

/// The ecosystem's own findings, each where it stands.
fn tell(
    source: &Source,
    profile: Option<&Source>,
    faults: Vec<Fault>,
    findings: &mut Vec<Finding>,
) {
    for fault in faults {
        let source = match fault.place {
            Place::VendorFile => source,
            Place::Profile => profile.unwrap_or(source),
        };
        let Fault { key, message, remedy, .. } = fault;
        let finding = match (key.is_empty(), fault.warning) {
            (true, true) => Finding::warning(&source.file, message, remedy),
            (true, false) => Finding::error(&source.file, message, remedy),
            (false, true) => source.warning(key, message, remedy),
            (false, false) => source.error(key, message, remedy),
        };
        let kind = if fault.unknown_key { Kind::UnknownKey } else { Kind::Value };
        findings.push(finding.of_kind(kind));
    }
}

/// Two vendors at one broker, or on one line, must not be in each other's way.
fn beside(
    source: &Source,
    config: &VendorConfig,
    others: &[VendorConfig],
    findings: &mut Vec<Finding>,
) {
    for other in others {
        match (&config.connection, &other.connection) {
            (Connection::Mqtt(ours), Connection::Mqtt(theirs))
                if (&ours.host, ours.port) == (&theirs.host, theirs.port) =>
            {
                if ours.client_id == theirs.client_id {
                    let message = format!(
                        "{} has the same at this broker: each would throw the other out",
                        other.id
                    );
                    let remedy = "give each vendor a client_id of its own, or leave both out";
                    findings.push(source.error("mqtt.client_id", message, remedy));
                }
                if config.subscriptions.iter().any(|wanted| other.subscriptions.contains(wanted)) {
                    findings.push(source.warning(
                        "settings",
                        format!("{} listens to the same topics: all would be told twice", other.id),
                        "remove one of the files, or correct its topics",
                    ));
                }
            }
            (Connection::Serial(ours), Connection::Serial(theirs))
                if is_same_port(&ours.port, &theirs.port) =>
            {
                findings.push(source.error(
                    "serial.port",
                    format!("{} has this port: a pair of wires has one master", other.id),
                    "put devices of one protocol into one file, and another protocol on a port of its own",
                ));
            }
            _ => {}
        }
    }
}
