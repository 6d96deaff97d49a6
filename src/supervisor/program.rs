//! What a vendor's process runs: this very program, as it was when the core started it.

use tokio::process::Command;

/// A vendor's process, to be started: with an empty environment but for `verbosity`, what it writes
/// to its log.
pub(super) fn process(vendor: &str, verbosity: &str) -> Command {
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("doorward")
        .args(["vendor", vendor])
        .env_clear()
        .env("RUST_LOG", verbosity)
        .kill_on_drop(true);
    command
}
