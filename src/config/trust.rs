//! `[trust]` and `[downlink]` of `doorward.toml`: whom the gateway believes beside its own
//! operators, and where requests come from.

use std::path::PathBuf;
use std::time::Duration;

use doorward_events::statement::PublicKey;
use serde::Deserialize;

use super::finding::Finding;
use super::gateway::BusConfig;
use super::source::Source;

/// Whom the gateway believes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustConfig {
    /// The offline key that signs the list of issuers, and the list's file: a compact JWS. `None`:
    /// nobody but the operators at the gateway itself.
    pub issuers: Option<Issuers>,
    /// The system's group whose members may act at the gateway, beside root.
    pub operators: String,
    /// The largest error of the system's clock; `None`: it is not believed, and every request needs
    /// a challenge.
    pub system_clock: Option<Duration>,
}

/// Where trust in the cloud's issuers starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuers {
    pub root_key: PublicKey,
    pub file: PathBuf,
}

/// Where requests come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DownlinkConfig {
    /// An SQS queue's address. Nothing but this gateway's requests is in it.
    pub queue_url: String,
}

#[derive(Deserialize)]
pub(super) struct TrustTable {
    root_key: Option<String>,
    issuers: Option<PathBuf>,
    #[serde(default = "operators")]
    operators: String,
    #[serde(default = "clock_error")]
    clock_error_ms: u32,
}

impl Default for TrustTable {
    fn default() -> Self {
        Self {
            root_key: None,
            issuers: None,
            operators: operators(),
            clock_error_ms: clock_error(),
        }
    }
}

fn clock_error() -> u32 {
    500
}

fn operators() -> String {
    "doorward-operator".to_owned()
}

#[derive(Deserialize)]
pub(super) struct DownlinkTable {
    queue_url: String,
}

/// Reads `[trust]`; what is wrong with it leaves the gateway believing nobody but its operators.
pub(super) fn trust(
    source: &Source,
    table: TrustTable,
    findings: &mut Vec<Finding>,
) -> TrustConfig {
    let TrustTable { root_key, issuers, operators, clock_error_ms } = table;
    let issuers = match (root_key, issuers) {
        (None, None) => None,
        (Some(key), Some(file)) => match PublicKey::from_base64url(&key) {
            Ok(root_key) => Some(Issuers { root_key, file }),
            Err(error) => {
                findings.push(source.error(
                    "trust.root_key",
                    format!("it is no Ed25519 public key: {error}"),
                    "give its 32 bytes in base64url without padding, 43 characters",
                ));
                None
            }
        },
        (key, _) => {
            let (have, lacks) = match key {
                Some(_) => ("root_key", "issuers"),
                None => ("issuers", "root_key"),
            };
            findings.push(source.error(
                format!("trust.{have}"),
                format!("without trust.{lacks} it is of no use"),
                format!("set {lacks} too, or remove {have}"),
            ));
            None
        }
    };
    let system_clock = (clock_error_ms > 0).then(|| Duration::from_millis(clock_error_ms.into()));
    TrustConfig { issuers, operators, system_clock }
}

/// Reads `[downlink]`.
pub(super) fn downlink(
    source: &Source,
    table: Option<DownlinkTable>,
    bus: Option<&BusConfig>,
    findings: &mut Vec<Finding>,
) -> Option<DownlinkConfig> {
    let DownlinkTable { queue_url } = table?;
    if !matches!(bus, Some(BusConfig::Eventbridge { .. })) {
        findings.push(source.error(
            "downlink.queue_url",
            "a queue needs a bus: its region and its credentials are the bus's",
            "set kind = \"eventbridge\" under [bus], or remove [downlink]",
        ));
        return None;
    }
    if !(queue_url.starts_with("https://") || queue_url.starts_with("http://")) {
        findings.push(source.error(
            "downlink.queue_url",
            format!("{queue_url:?} is no address"),
            "give the queue's whole address, as AWS shows it",
        ));
        return None;
    }
    Some(DownlinkConfig { queue_url })
}
