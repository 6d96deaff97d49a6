//! `[bus.credentials]` of `doorward.toml`: how the gateway shows AWS who it is.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::finding::Finding;
use super::source::Source;

/// How the gateway shows AWS who it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CredentialsConfig {
    /// The AWS SDK's own order: environment, profile, container, instance.
    #[default]
    Default,
    /// Access keys in the environment, for development.
    Environment,
    /// A profile of the AWS configuration files, for development.
    Profile {
        /// Its name.
        name: String,
    },
    /// A certificate, exchanged for short-lived keys at AWS IoT's credentials provider.
    Iot(IotConfig),
}

/// How AWS IoT's credentials provider is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IotConfig {
    /// Its host, and port where it is not 443.
    pub endpoint: String,
    /// The alias of the role whose keys are wanted.
    pub role_alias: String,
    /// The thing that the certificate belongs to.
    pub thing_name: String,
    /// The certificate, with its chain; PEM.
    pub certificate: PathBuf,
    /// Its key; PEM.
    pub key: PathBuf,
    /// Who may have signed the endpoint's certificate; PEM. `None`: whom the system believes.
    pub ca: Option<PathBuf>,
}

#[derive(Deserialize, Default)]
pub(super) struct CredentialsTable {
    #[serde(default)]
    kind: Kind,
    name: Option<String>,
    endpoint: Option<String>,
    role_alias: Option<String>,
    thing_name: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    ca: Option<PathBuf>,
}

#[derive(Deserialize, Default, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[default]
    Default,
    Environment,
    Profile,
    Iot,
}

/// AWS's own bound of both names.
const MAX_NAME: usize = 128;
/// Longest host with its port.
const MAX_ENDPOINT: usize = 260;

/// Reads `[bus.credentials]`. Certificate and key are those of `[identity]` where none are named.
pub(super) fn credentials(
    source: &Source,
    table: CredentialsTable,
    instance: &str,
    identity: &Path,
    findings: &mut Vec<Finding>,
) -> CredentialsConfig {
    match table.kind {
        Kind::Default => CredentialsConfig::Default,
        Kind::Environment => CredentialsConfig::Environment,
        Kind::Profile => {
            if let Some(name) = table.name.filter(|name| is_profile(name)) {
                CredentialsConfig::Profile { name }
            } else {
                findings.push(source.error(
                    "bus.credentials.name",
                    "a profile needs its name",
                    "set name under [bus.credentials], as it stands in ~/.aws/credentials",
                ));
                CredentialsConfig::Default
            }
        }
        Kind::Iot => CredentialsConfig::Iot(iot(source, table, instance, identity, findings)),
    }
}

fn iot(
    source: &Source,
    table: CredentialsTable,
    instance: &str,
    identity: &Path,
    findings: &mut Vec<Finding>,
) -> IotConfig {
    let endpoint = table.endpoint.unwrap_or_default();
    if !is_endpoint(&endpoint) {
        findings.push(source.error(
            "bus.credentials.endpoint",
            format!("{endpoint:?} is no host"),
            "give what `aws iot describe-endpoint --endpoint-type iot:CredentialProvider` shows, \
             without https://",
        ));
    }
    let role_alias = table.role_alias.unwrap_or_default();
    if !is_name(&role_alias, "_=,@-") {
        findings.push(source.error(
            "bus.credentials.role_alias",
            format!("{role_alias:?} is no role alias"),
            "give the alias's name, as `aws iot list-role-aliases` shows it",
        ));
    }
    let thing_name = table.thing_name.unwrap_or_else(|| instance.to_owned());
    if !is_name(&thing_name, "_:-") {
        findings.push(source.error(
            "bus.credentials.thing_name",
            format!("{thing_name:?} is no name of a thing"),
            "set thing_name: 1 to 128 letters, digits, '_', ':' and '-'",
        ));
    }
    if table.certificate.is_some() != table.key.is_some() {
        let missing = if table.key.is_none() { "key" } else { "certificate" };
        findings.push(source.error(
            format!("bus.credentials.{missing}"),
            "certificate and key go together, and this one is missing",
            "give both, or neither for those of `doorward identity`",
        ));
    }
    let current = |name: &str| identity.join("current").join(name);
    IotConfig {
        endpoint,
        role_alias,
        thing_name,
        certificate: table.certificate.unwrap_or_else(|| current("certificate.pem")),
        key: table.key.unwrap_or_else(|| current("key.pem")),
        ca: table.ca,
    }
}

fn is_profile(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len()) && !name.contains(|c: char| c.is_control())
}

fn is_name(name: &str, more: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

/// `host` or `host:port`.
fn is_endpoint(text: &str) -> bool {
    let (host, port) = text.split_once(':').unwrap_or((text, "443"));
    let of_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
    text.len() <= MAX_ENDPOINT
        && !host.is_empty()
        && host.bytes().all(of_host)
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}
