//! `doorward.toml`: the gateway, its bus and journal, and the entries.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::source::Source;
use super::{Finding, VendorConfig};
use crate::domain::entry::{Entry, EntryKind, Role};
use crate::domain::ids::{EndpointId, EntryId, VendorId};

/// The gateway itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatewayConfig {
    /// Names this gateway to everybody; survives a change of hardware.
    pub instance: String,
    pub tenant: String,
    pub site: Option<String>,
    /// Events are marked as a test's.
    pub test: bool,
    /// The journal's folder.
    pub state_dir: PathBuf,
    pub socket: PathBuf,
    pub bus: BusConfig,
    pub journal: JournalConfig,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BusConfig {
    /// No cloud: the building on its own.
    Standalone,
    Eventbridge {
        name: String,
        region: String,
        endpoint_url: Option<String>,
    },
}

/// The journal's bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct JournalConfig {
    #[serde(default = "default_max_mib")]
    pub max_mib: u64,
    #[serde(default = "default_history_events")]
    pub history_events: u64,
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { max_mib: default_max_mib(), history_events: default_history_events() }
    }
}

fn default_max_mib() -> u64 {
    1024
}

fn default_history_events() -> u64 {
    20_000
}

#[derive(Deserialize)]
struct File {
    gateway: GatewayTable,
    #[serde(default)]
    bus: BusTable,
    #[serde(default)]
    journal: JournalConfig,
    #[serde(default)]
    entry: Vec<EntryTable>,
}

#[derive(Deserialize)]
struct GatewayTable {
    instance: String,
    tenant: String,
    site: Option<String>,
    #[serde(default = "utc")]
    time_zone: String,
    #[serde(default)]
    test: bool,
    #[serde(default = "default_state_dir")]
    state_dir: PathBuf,
    #[serde(default = "default_socket")]
    socket: PathBuf,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn default_state_dir() -> PathBuf {
    PathBuf::from("/var/lib/doorward")
}

fn default_socket() -> PathBuf {
    PathBuf::from("/run/doorward/doorward.sock")
}

#[derive(Deserialize, Default)]
struct BusTable {
    #[serde(default)]
    kind: BusKind,
    name: Option<String>,
    region: Option<String>,
    endpoint_url: Option<String>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum BusKind {
    #[default]
    Standalone,
    Eventbridge,
}

#[derive(Deserialize)]
struct EntryTable {
    id: String,
    #[serde(default = "door")]
    kind: EntryKind,
    site: Option<String>,
    time_zone: Option<String>,
    interlock_group: Option<String>,
    #[serde(default)]
    roles: BTreeMap<Role, String>,
}

fn door() -> EntryKind {
    EntryKind::Door
}

/// Reads the file. `None` if nothing can run with it.
pub fn read(file: &Path, findings: &mut Vec<Finding>) -> Option<(GatewayConfig, Vec<Entry>)> {
    let source = Source::read(file, findings)?;
    let parsed: File = source.parse(findings)?;
    let before = findings.len();
    for (key, text) in [
        ("gateway.instance", Some(&parsed.gateway.instance)),
        ("gateway.tenant", Some(&parsed.gateway.tenant)),
        ("gateway.site", parsed.gateway.site.as_ref()),
    ] {
        if text.is_some_and(|text| !is_id(text)) {
            findings.push(bad_id(&source, key));
        }
    }
    let bus = match (parsed.bus.kind, parsed.bus.name, parsed.bus.region) {
        (BusKind::Standalone, ..) => BusConfig::Standalone,
        (BusKind::Eventbridge, Some(name), Some(region)) => {
            BusConfig::Eventbridge { name, region, endpoint_url: parsed.bus.endpoint_url }
        }
        (BusKind::Eventbridge, ..) => {
            findings.push(
                Finding::error(
                    &source.file,
                    "an EventBridge bus needs its name and its region",
                    "set name and region under [bus]; nothing is sent to a default bus by accident",
                )
                .at(source.line_of("bus"), "bus"),
            );
            return None;
        }
    };
    if findings.get(before..).is_some_and(|new| new.iter().any(Finding::is_error)) {
        return None;
    }
    let entries = entries(&source, parsed.entry, &parsed.gateway.time_zone, findings);
    let gateway = GatewayConfig {
        instance: parsed.gateway.instance,
        tenant: parsed.gateway.tenant,
        site: parsed.gateway.site,
        test: parsed.gateway.test,
        state_dir: parsed.gateway.state_dir,
        socket: parsed.gateway.socket,
        bus,
        journal: parsed.journal,
    };
    Some((gateway, entries))
}

/// A bad entry is left out, the others stand.
fn entries(
    source: &Source,
    tables: Vec<EntryTable>,
    time_zone: &str,
    findings: &mut Vec<Finding>,
) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for (index, table) in tables.into_iter().enumerate() {
        let key = format!("entry.{index}.id");
        if !is_id(&table.id) {
            findings.push(bad_id(source, &key));
            continue;
        }
        if entries.iter().any(|entry| entry.id.as_str() == table.id) {
            findings.push(
                Finding::error(
                    &source.file,
                    format!("two entries are called {:?}; the second is left out", table.id),
                    "give each entry an id of its own",
                )
                .at(source.line_of(&key), key),
            );
            continue;
        }
        entries.push(Entry {
            id: EntryId::new(table.id),
            kind: table.kind,
            site: table.site,
            time_zone: table.time_zone.unwrap_or_else(|| time_zone.to_owned()),
            interlock_group: table.interlock_group,
            roles: table
                .roles
                .into_iter()
                .map(|(role, endpoint)| (role, EndpointId::new(endpoint)))
                .collect(),
        });
    }
    entries
}

/// Checks the entries' roles against the vendors.
pub fn bind(
    file: &Path,
    entries: &mut [Entry],
    vendors: &[VendorConfig],
    disabled: &[VendorId],
    findings: &mut Vec<Finding>,
) {
    let Some(source) = Source::read(file, findings) else { return };
    let mut taken: HashMap<(EndpointId, Role), EntryId> = HashMap::new();
    for (index, entry) in entries.iter_mut().enumerate() {
        let mut unusable = Vec::new();
        for (role, endpoint) in &entry.roles {
            let key = format!("entry.{index}.roles.{}", role.as_str());
            let line = source.line_of(&key);
            let vendor = endpoint.vendor();
            let known = vendors.iter().any(|known| known.id.as_str() == vendor);
            if endpoint
                .as_str()
                .split_once(':')
                .is_none_or(|(v, identity)| v.is_empty() || identity.is_empty())
            {
                findings.push(
                    Finding::error(
                        &source.file,
                        format!("{endpoint:?} is no endpoint", endpoint = endpoint.as_str()),
                        "write <vendor>:<identity>, as in \"zigbee2mqtt:0x00124b0024c9d2a1\"",
                    )
                    .at(line, key),
                );
                unusable.push(*role);
                continue;
            }
            if disabled.iter().any(|name| name.as_str() == vendor) {
                findings.push(
                    Finding::warning(
                        &source.file,
                        format!("the role is unknown: vendor {vendor:?} is disabled by its file"),
                        format!("mend vendors.d/{vendor}.toml"),
                    )
                    .at(line, key),
                );
            } else if !known {
                findings.push(
                    Finding::error(
                        &source.file,
                        format!("there is no vendor {vendor:?}"),
                        format!(
                            "add vendors.d/{vendor}.toml, or correct the part before the colon"
                        ),
                    )
                    .at(line, key),
                );
            }
            if let Some(other) = taken.insert((endpoint.clone(), *role), entry.id.clone()) {
                findings.push(
                    Finding::warning(
                        &source.file,
                        format!("{other} has the same endpoint in the same role"),
                        "one device for two doors is rarely meant",
                    )
                    .at(
                        source.line_of(&format!("entry.{index}.roles")),
                        format!("entry.{index}.roles"),
                    ),
                );
            }
        }
        for role in unusable {
            entry.roles.remove(&role);
        }
    }
}

fn bad_id(source: &Source, key: &str) -> Finding {
    Finding::error(
        &source.file,
        "not usable as a name",
        "use 1 to 64 letters, digits, '-', '_' and '.', beginning with a letter or digit",
    )
    .at(source.line_of(key), key)
}

fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}
