//! Mosquitto reads what was written: restarted where a person said yes to everything, told to look
//! again at its certificates where only these are new. Both where systemd is there.

use std::path::Path;
use std::time::Duration;

use crate::commands::systemd;

/// What a person would type.
pub(super) const BY_HAND: &str = "sudo systemctl restart mosquitto";
/// The same for new certificates: connections stay.
pub(super) const RELOAD_BY_HAND: &str = "sudo systemctl reload mosquitto";
/// How long it may take: longer than systemd waits for a service that does not stop (90 s).
const PATIENCE: Duration = Duration::from_secs(120);

/// Whether it can be done here: as root, under systemd.
pub(super) fn is_possible(root: &Path) -> bool {
    rustix::process::geteuid().is_root() && systemd::runs(root)
}

/// Restarts it.
///
/// # Errors
/// systemctl's own words, or that it gave no answer.
pub(super) async fn mosquitto() -> Result<(), String> {
    systemctl("restart").await
}

/// Has it read its certificates again. One that does not run reads them when it starts.
///
/// # Errors
/// As of [`mosquitto`].
pub(super) async fn reload() -> Result<(), String> {
    systemctl("try-reload-or-restart").await
}

async fn systemctl(verb: &str) -> Result<(), String> {
    systemd::ask("systemctl", &[verb, "mosquitto"], PATIENCE).await.map(drop)
}
