//! What systemd knows of the service: its unit's state and the last lines of its log.

use std::path::Path;
use std::time::Duration;

use crate::commands::systemd;

/// How long systemd may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The unit.
const UNIT: &str = "doorward.service";
/// Lines of the log.
const LINES: &str = "2000";
/// What is asked of the unit.
const PROPERTIES: &str = "ActiveState,SubState,Result,NRestarts,ExecMainStatus,ExecMainCode,\
                          ActiveEnterTimestamp,StatusText,MemoryCurrent,TasksCurrent,FragmentPath";

/// The unit's state; an error says why there is none.
pub(super) async fn unit(root: &Path) -> Result<String, String> {
    answer(root, "systemctl", &["show", UNIT, "--property", PROPERTIES]).await
}

/// The last lines of the log.
pub(super) async fn log(root: &Path) -> Result<String, String> {
    answer(root, "journalctl", &["-u", UNIT, "-n", LINES, "--no-pager", "-o", "short-iso"]).await
}

async fn answer(root: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    if !systemd::runs(root) {
        return Err("systemd does not run here".to_owned());
    }
    systemd::ask(program, arguments, TIMEOUT).await
}
