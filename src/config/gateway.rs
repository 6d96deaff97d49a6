//! `doorward.toml`: the gateway, its bus and journal. Its entries: `entries`.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::Finding;
use super::credentials::{self, CredentialsConfig, CredentialsTable};
use super::entries::{EntryTable, Listed};
use super::identity::{self, IdentityConfig, IdentityTable};
use super::journal::{self, JournalConfig};
use super::names::{ID_RULE, Zone, is_id, zone};
use super::source::Source;
use super::trust::{self, DownlinkConfig, DownlinkTable, TrustConfig, TrustTable};

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
    pub trust: TrustConfig,
    /// `None`: nothing is asked from the cloud.
    pub downlink: Option<DownlinkConfig>,
    pub identity: IdentityConfig,
}

/// Where events go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is one of it")]
pub enum BusConfig {
    /// No cloud: the building on its own.
    Standalone,
    Eventbridge {
        name: String,
        region: String,
        endpoint_url: Option<String>,
        credentials: CredentialsConfig,
    },
}

/// Longest path of a Unix socket that the system takes.
const MAX_SOCKET_PATH: usize = 107;

#[derive(Deserialize)]
struct File {
    gateway: GatewayTable,
    #[serde(default)]
    bus: BusTable,
    #[serde(default)]
    journal: JournalConfig,
    #[serde(default)]
    trust: TrustTable,
    downlink: Option<DownlinkTable>,
    #[serde(default)]
    identity: IdentityTable,
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
    credentials: Option<CredentialsTable>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum BusKind {
    #[default]
    Standalone,
    Eventbridge,
}

/// Reads the file. `None` if nothing can run with it.
pub fn read(
    file: &Path,
    findings: &mut Vec<Finding>,
) -> Option<(Source, GatewayConfig, Vec<Listed>)> {
    let source = Source::read(file, findings)?;
    let parsed: File = source.parse(findings)?;
    let mut own = Vec::new();
    names(&source, &parsed.gateway, &mut own);
    paths(&source, &parsed.gateway, &mut own);
    journal::check(&source, parsed.journal, &mut own);
    let state_dir = &parsed.gateway.state_dir;
    let identity = identity::identity(&source, parsed.identity, state_dir, &mut own);
    let bus = bus(&source, parsed.bus, &parsed.gateway.instance, &identity, &mut own);
    let trust = trust::trust(&source, parsed.trust, &mut own);
    let downlink = trust::downlink(&source, parsed.downlink, bus.as_ref(), &mut own);
    let entries = super::entries::read(&source, parsed.entry, &parsed.gateway.time_zone, findings);
    let stops = own.iter().any(Finding::is_error);
    findings.append(&mut own);
    if stops {
        return None;
    }
    let gateway = GatewayConfig {
        instance: parsed.gateway.instance,
        tenant: parsed.gateway.tenant,
        site: parsed.gateway.site,
        test: parsed.gateway.test,
        state_dir: parsed.gateway.state_dir,
        socket: parsed.gateway.socket,
        bus: bus?,
        journal: parsed.journal,
        trust,
        downlink,
        identity,
    };
    Some((source, gateway, entries))
}

fn names(source: &Source, gateway: &GatewayTable, findings: &mut Vec<Finding>) {
    for (key, text) in [
        ("gateway.instance", Some(&gateway.instance)),
        ("gateway.tenant", Some(&gateway.tenant)),
        ("gateway.site", gateway.site.as_ref()),
    ] {
        if let Some(text) = text.filter(|text| !is_id(text)) {
            findings.push(source.error(key, format!("{text:?} is not usable as a name"), ID_RULE));
        }
    }
    findings.extend(bad_zone(source, "gateway.time_zone", &gateway.time_zone));
}

/// A finding where a time zone's name cannot be right.
pub fn bad_zone(source: &Source, key: &str, name: &str) -> Option<Finding> {
    match zone(name) {
        Zone::Usable => None,
        Zone::Unheard => Some(source.warning(
            key,
            format!("no time zone {name:?} is known here: grants with a schedule are denied"),
            "check its spelling (timedatectl list-timezones), or update the package tzdata",
        )),
        Zone::Malformed => Some(source.error(
            key,
            format!("{name:?} is no name of a time zone"),
            "use an IANA name, as \"Europe/Berlin\" or \"UTC\"",
        )),
    }
}

fn paths(source: &Source, gateway: &GatewayTable, findings: &mut Vec<Finding>) {
    for (key, path) in
        [("gateway.state_dir", &gateway.state_dir), ("gateway.socket", &gateway.socket)]
    {
        if path.as_os_str().is_empty() {
            findings.push(source.error(key, "the path is empty", "give a path, or leave it out"));
        } else if path.is_relative() {
            findings.push(source.warning(
                key,
                format!("{} depends on the folder that doorward is started in", path.display()),
                "give the path from the root, beginning with '/'",
            ));
        }
    }
    let length = gateway.socket.as_os_str().len();
    if length > MAX_SOCKET_PATH {
        findings.push(source.error(
            "gateway.socket",
            format!("a socket's path has at most {MAX_SOCKET_PATH} bytes, and this one {length}"),
            "choose a shorter one, as /run/doorward/doorward.sock",
        ));
    }
}

fn bus(
    source: &Source,
    bus: BusTable,
    instance: &str,
    identity: &IdentityConfig,
    findings: &mut Vec<Finding>,
) -> Option<BusConfig> {
    let named = bus.name.is_some()
        || bus.region.is_some()
        || bus.endpoint_url.is_some()
        || bus.credentials.is_some();
    if bus.kind == BusKind::Standalone {
        if named {
            findings.push(source.warning(
                "bus",
                "the bus is standalone, so nothing is sent, whatever its name, region and address",
                "set kind = \"eventbridge\", or remove the others",
            ));
        }
        return Some(BusConfig::Standalone);
    }
    let word = |text: &String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic());
    for (key, text) in [("name", &bus.name), ("region", &bus.region)] {
        if !text.as_ref().is_some_and(word) {
            findings.push(source.error(
                format!("bus.{key}"),
                format!("an EventBridge bus needs its {key}"),
                format!(
                    "set {key} under [bus]; no default bus is used, lest one get it by accident"
                ),
            ));
        }
    }
    if let Some(url) = &bus.endpoint_url
        && !(url.starts_with("https://") || url.starts_with("http://"))
    {
        findings.push(source.error(
            "bus.endpoint_url",
            format!("{url:?} is no address"),
            "begin it with https://, or http:// for an emulator; leave it out for AWS itself",
        ));
    }
    Some(BusConfig::Eventbridge {
        name: bus.name?,
        region: bus.region?,
        endpoint_url: bus.endpoint_url,
        credentials: credentials::credentials(
            source,
            bus.credentials.unwrap_or_default(),
            instance,
            &identity.folder,
            findings,
        ),
    })
}
