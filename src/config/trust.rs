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
    /// Where trust in the cloud's issuers starts. `None`: nobody is believed but the operators at
    /// the gateway itself.
    pub issuers: Option<Issuers>,
    /// The system's group whose members may act at the gateway, beside root.
    pub operators: String,
    /// Who stands for the system's clock.
    pub system_clock: SystemClock,
}

/// Who stands for the system's clock.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum SystemClock {
    /// The kernel, as its time service tells it.
    #[default]
    Kernel,
    /// The operator: it is wrong by so much at most, whatever the kernel says.
    Operator(Duration),
    /// Nobody: it is not believed, and every request needs a challenge.
    Nobody,
}

/// Where trust in the cloud's issuers starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuers {
    /// The offline key that signs the lists of issuers.
    pub root_key: PublicKey,
    /// A list, as compact JWS. `None`: the first one comes over the bus.
    pub file: Option<PathBuf>,
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
    clock_error_ms: Option<u32>,
}

impl Default for TrustTable {
    fn default() -> Self {
        Self { root_key: None, issuers: None, operators: operators(), clock_error_ms: None }
    }
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
        (Some(key), file) => match PublicKey::from_base64url(&key) {
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
        (None, Some(_)) => {
            findings.push(source.error(
                "trust.issuers",
                "without trust.root_key it is of no use",
                "set root_key too, or remove issuers",
            ));
            None
        }
    };
    let system_clock = match clock_error_ms {
        None => SystemClock::Kernel,
        Some(0) => SystemClock::Nobody,
        Some(error) => SystemClock::Operator(Duration::from_millis(error.into())),
    };
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
