//! Files → validated configuration. Every finding names file, line and key, and how to mend it.

mod finding;
mod gateway;
mod source;
mod vendor;

use std::path::{Path, PathBuf};

pub use finding::{Finding, Severity};
pub use gateway::{BusConfig, GatewayConfig, JournalConfig};
pub use vendor::{PinnedEndpoint, VendorConfig};

use crate::domain::entry::Entry;
use crate::domain::ids::VendorId;

/// Everything that was read, with all that is wrong with it.
#[derive(Debug)]
pub struct Configuration {
    pub gateway: GatewayConfig,
    pub entries: Vec<Entry>,
    pub vendors: Vec<VendorConfig>,
    /// Vendors whose file is bad. They are disabled; everything else runs.
    pub disabled: Vec<VendorId>,
    pub findings: Vec<Finding>,
}

/// Reads `doorward.toml` and `vendors.d/*.toml` under `directory`.
///
/// `Err` only where nothing can run: no gateway file, or a bad one.
pub fn read(directory: &Path) -> Result<Configuration, Vec<Finding>> {
    let mut findings = Vec::new();
    let main = directory.join("doorward.toml");
    let Some((gateway, mut entries)) = gateway::read(&main, &mut findings) else {
        return Err(findings);
    };
    let mut vendors = Vec::new();
    let mut disabled = Vec::new();
    for file in vendor_files(directory, &mut findings) {
        let mut own = Vec::new();
        let (name, config) = vendor::read(&file, &mut own);
        match config {
            Some(config) if !own.iter().any(Finding::is_error) => vendors.push(config),
            _ => disabled.push(name),
        }
        findings.append(&mut own);
    }
    gateway::bind(&main, &mut entries, &vendors, &disabled, &mut findings);
    Ok(Configuration { gateway, entries, vendors, disabled, findings })
}

fn vendor_files(directory: &Path, findings: &mut Vec<Finding>) -> Vec<PathBuf> {
    let folder = directory.join("vendors.d");
    let mut files: Vec<PathBuf> = match std::fs::read_dir(&folder) {
        Ok(items) => items
            .filter_map(|item| item.ok().map(|item| item.path()))
            .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
            .collect(),
        Err(error) => {
            findings.push(Finding::warning(
                &folder,
                format!("no vendors can be read: {error}"),
                "create the folder with one file a vendor",
            ));
            Vec::new()
        }
    };
    files.sort();
    files
}

#[cfg(test)]
mod tests;
