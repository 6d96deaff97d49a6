//! What the core gives up before it hears anybody.

use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use doorward_sandbox::{CoreProfile, restrict_core};

use crate::config::GatewayConfig;

/// Where serial adapters come and go.
const DEVICES: &str = "/dev";
/// Where SQLite puts what it sorts.
const TEMPORARY: [&str; 2] = ["/tmp", "/var/tmp"];

/// Restricts this process for good, and says in the log what could not be. Called once, before the
/// journal is opened and while there is one thread.
///
/// # Errors
/// The state folder cannot be made.
pub fn confine(gateway: &GatewayConfig) -> anyhow::Result<()> {
    state_folder(&gateway.state_dir)?;
    let mut writable = vec![gateway.state_dir.clone(), std::env::temp_dir()];
    writable.extend(TEMPORARY.map(PathBuf::from));
    writable.extend(gateway.socket.parent().map(Path::to_path_buf));
    // A journal that lies elsewhere, and is linked to from here.
    let journal = std::fs::canonicalize(gateway.state_dir.join("journal.db"));
    writable.extend(journal.ok().and_then(|file| file.parent().map(Path::to_path_buf)));
    writable.extend(crate::supervisor::own_cgroup());
    let programs = crate::supervisor::program().into_iter().collect();
    let profile = CoreProfile { writable, devices: vec![DEVICES.into()], programs };
    for layer in restrict_core(&profile) {
        let (layer, detail, in_force) = (layer.name, layer.detail, layer.in_force);
        if in_force {
            tracing::debug!(layer, detail, "the core is restricted");
        } else {
            tracing::warn!(layer, detail, "the core is not restricted by this");
        }
    }
    Ok(())
}

/// Makes the state folder, where it is not there.
pub(crate) fn state_folder(folder: &Path) -> anyhow::Result<()> {
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the state folder {} cannot be made", folder.display()))
}
