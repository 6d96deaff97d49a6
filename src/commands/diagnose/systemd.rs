//! What systemd knows of the service: its unit's state and the last lines of its log.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

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
    if root != Path::new("/") || !Path::new("/run/systemd/system").is_dir() {
        return Err("systemd does not run here".to_owned());
    }
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(TIMEOUT, child)
        .await
        .map_err(|_| format!("{program} does not answer"))?
        .map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program}: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
