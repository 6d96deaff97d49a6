//! `[identity]` of `doorward.toml`: where the gateway's own key and certificate are, and how a new
//! certificate is got.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use super::finding::Finding;
use super::source::Source;

/// The gateway's own certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConfig {
    /// The folder of the key, the request and the certificate.
    pub folder: PathBuf,
    /// The program that gets a certificate for a request, with its arguments. `None`: it is not
    /// renewed by itself.
    pub renew_command: Option<Vec<String>>,
    /// For how long that may take.
    pub renew_timeout: Duration,
    /// The certificate of the broker on this machine. `None`: where `doorward setup` lays it.
    pub broker_certificate: Option<PathBuf>,
}

/// The folder in the state folder.
const FOLDER: &str = "identity";
/// What a renewal may take, in seconds.
const TIMEOUT_S: std::ops::RangeInclusive<u64> = 1..=3_600;
const DEFAULT_TIMEOUT_S: u64 = 120;

#[derive(Deserialize, Default)]
pub(super) struct IdentityTable {
    folder: Option<PathBuf>,
    renew_command: Option<Vec<String>>,
    renew_timeout_s: Option<u64>,
    broker_certificate: Option<PathBuf>,
}

/// Reads `[identity]`.
pub(super) fn identity(
    source: &Source,
    table: IdentityTable,
    state_dir: &Path,
    findings: &mut Vec<Finding>,
) -> IdentityConfig {
    let IdentityTable { folder, renew_command, renew_timeout_s, broker_certificate } = table;
    for (key, path) in
        [("identity.folder", &folder), ("identity.broker_certificate", &broker_certificate)]
    {
        if path.as_ref().is_some_and(|path| !path.is_absolute()) {
            findings.push(source.error(
                key,
                "the path depends on where doorward is started",
                "give the path from the root, beginning with '/'",
            ));
        }
    }
    let program = renew_command.as_ref().map(|words| words.first().map(Path::new));
    if program.is_some_and(|program| program.is_none_or(|program| !program.is_absolute())) {
        findings.push(source.error(
            "identity.renew_command",
            "it names no program by its whole path",
            "give a list: the program's path from the root, then its arguments",
        ));
    }
    let timeout = renew_timeout_s.unwrap_or(DEFAULT_TIMEOUT_S);
    if !TIMEOUT_S.contains(&timeout) {
        findings.push(source.error(
            "identity.renew_timeout_s",
            format!("{timeout} is not {} to {}", TIMEOUT_S.start(), TIMEOUT_S.end()),
            "leave it out for 120 seconds",
        ));
    }
    IdentityConfig {
        folder: folder.unwrap_or_else(|| state_dir.join(FOLDER)),
        renew_command,
        renew_timeout: Duration::from_secs(timeout),
        broker_certificate,
    }
}
