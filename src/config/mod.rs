//! Files → validated configuration. Every finding names file, line and key, and how to mend it.

mod credentials;
mod endpoints;
mod entries;
mod finding;
mod gateway;
mod identity;
mod journal;
mod length;
mod limits;
mod mqtt;
mod names;
mod serial;
mod silence;
mod source;
mod trust;
mod vendor;

use std::path::{Path, PathBuf};

pub use credentials::{CredentialsConfig, IotConfig};
pub use endpoints::PinnedEndpoint;
pub use finding::{Finding, Kind, Severity};
pub use gateway::{BusConfig, GatewayConfig};
pub use identity::IdentityConfig;
pub use journal::JournalConfig;
pub use length::length;
pub use names::{ID_RULE, is_id, is_vendor};
pub use silence::Silences;
pub use trust::{DownlinkConfig, Issuers, SystemClock, TrustConfig};
pub use vendor::{VendorConfig, of_text as vendor_of_text};

use crate::domain::entry::Entry;
use crate::domain::ids::VendorId;

/// Most findings that are told of one file.
const MAX_FINDINGS: usize = 50;

/// Everything that was read, with all that is wrong with it.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// The folder that it was read from.
    pub folder: PathBuf,
    pub gateway: GatewayConfig,
    pub entries: Vec<Entry>,
    pub vendors: Vec<VendorConfig>,
    /// Vendors whose file is bad. They are disabled; everything else runs.
    pub disabled: Vec<VendorId>,
    pub findings: Vec<Finding>,
    /// Vendor processes misbehave on order. No file says so: `doorward run --drill` alone.
    pub drill: bool,
}

/// Reads `doorward.toml`, `vendors.d/*.toml` and the profiles that these name under `directory`.
///
/// `Err` only where nothing can run: no gateway file, or a bad one. It tells what is wrong with
/// the other files too.
pub fn read(directory: &Path) -> Result<Configuration, Vec<Finding>> {
    let mut findings = Vec::new();
    let main = directory.join("doorward.toml");
    let read = gateway::read(&main, &mut findings);
    let mut vendors: Vec<VendorConfig> = Vec::new();
    let mut disabled = Vec::new();
    let mut of_vendors = Vec::new();
    let profiles = directory.join("profiles.d");
    for file in vendor_files(directory, &mut of_vendors) {
        let mut own = Vec::new();
        let (name, config) = vendor::read(&file, &profiles, &vendors, &mut own);
        match config {
            Some(config) if !own.iter().any(Finding::is_error) => vendors.push(config),
            _ => disabled.push(name),
        }
        bound(&file, &mut own);
        of_vendors.append(&mut own);
    }
    let bound_entries = read.map(|(source, gateway, entries)| {
        let entries = entries::bind(&source, entries, &vendors, &disabled, &mut findings);
        (gateway, entries)
    });
    bound(&main, &mut findings);
    findings.append(&mut of_vendors);
    match bound_entries {
        Some((gateway, entries)) => Ok(Configuration {
            folder: directory.to_owned(),
            gateway,
            entries,
            vendors,
            disabled,
            findings,
            drill: false,
        }),
        None => Err(findings),
    }
}

/// A file that is wrong all over is not told key by key.
fn bound(file: &Path, findings: &mut Vec<Finding>) {
    if findings.len() > MAX_FINDINGS {
        // Errors first: they must not be among those left out.
        findings.sort_by_key(|finding| !finding.is_error());
        let severity = findings.get(MAX_FINDINGS).map(|finding| finding.severity);
        let more = findings.len() - MAX_FINDINGS;
        findings.truncate(MAX_FINDINGS);
        let rest = Finding::warning(file, format!("{more} more findings"), "mend these first");
        findings.push(Finding { severity: severity.unwrap_or(rest.severity), ..rest });
    }
}

fn vendor_files(directory: &Path, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
    let folder = directory.join("vendors.d");
    let mut files: Vec<PathBuf> = match std::fs::read_dir(&folder) {
        Ok(items) => items
            .filter_map(|item| item.ok().map(|item| item.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
            .collect(),
        Err(error) => {
            findings.push(
                Finding::warning(
                    &folder,
                    format!("no vendors can be read: {error}"),
                    "create the folder with one file a vendor",
                )
                .of_kind(Kind::Unreadable),
            );
            Vec::new()
        }
    };
    files.sort();
    files
}

#[cfg(test)]
mod tests;
