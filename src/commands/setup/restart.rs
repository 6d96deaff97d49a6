//! Restarting Mosquitto, where a person said yes to everything and systemd is there.

use std::path::Path;
use std::process::{Command, Stdio};

/// What a person would type.
pub(super) const BY_HAND: &str = "sudo systemctl restart mosquitto";
/// systemd's own sign that it runs (`sd_booted(3)`).
const BOOTED: &str = "run/systemd/system";

/// Whether it can be done here: as root, under systemd.
pub(super) fn is_possible(root: &Path) -> bool {
    root == Path::new("/")
        && rustix::process::geteuid().is_root()
        && Path::new("/").join(BOOTED).is_dir()
}

/// Does it.
///
/// # Errors
/// systemctl's own words.
pub(super) fn mosquitto() -> anyhow::Result<()> {
    let output =
        Command::new("systemctl").args(["restart", "mosquitto"]).stdin(Stdio::null()).output()?;
    if !output.status.success() {
        anyhow::bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
