//! Mosquitto reads what was written: restarted where a person said yes to everything, told to look
//! again at its certificates where only these are new. Both where systemd is there.

use std::path::Path;
use std::process::{Command, Stdio};

/// What a person would type.
pub(super) const BY_HAND: &str = "sudo systemctl restart mosquitto";
/// The same for new certificates: connections stay.
pub(super) const RELOAD_BY_HAND: &str = "sudo systemctl reload mosquitto";
/// systemd's own sign that it runs (`sd_booted(3)`).
const BOOTED: &str = "run/systemd/system";

/// Whether it can be done here: as root, under systemd.
pub(super) fn is_possible(root: &Path) -> bool {
    root == Path::new("/")
        && rustix::process::geteuid().is_root()
        && Path::new("/").join(BOOTED).is_dir()
}

/// Restarts it.
///
/// # Errors
/// systemctl's own words.
pub(super) fn mosquitto() -> anyhow::Result<()> {
    systemctl("restart")
}

/// Has it read its certificates again. One that does not run reads them when it starts.
///
/// # Errors
/// systemctl's own words.
pub(super) fn reload() -> anyhow::Result<()> {
    systemctl("try-reload-or-restart")
}

fn systemctl(verb: &str) -> anyhow::Result<()> {
    let mut command = Command::new("systemctl");
    let output = command.args([verb, "mosquitto"]).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        anyhow::bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
