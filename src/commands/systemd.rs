//! The machine's systemd, asked by its own programs: within a bound, and where it runs at all.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// systemd's own sign that it runs (`sd_booted(3)`).
const BOOTED: &str = "run/systemd/system";
/// Longest words of a failure, in characters.
const MAX_WORDS: usize = 1024;

/// Whether it runs on the system that lies at `root`, which must be this one.
pub(super) fn runs(root: &Path) -> bool {
    root == Path::new("/") && root.join(BOOTED).is_dir()
}

/// What `program` prints. After `patience` it is given up.
///
/// # Errors
/// It cannot be started, does not answer in time, or fails: then what it says on its standard
/// error.
pub(super) async fn ask(
    program: &str,
    arguments: &[&str],
    patience: Duration,
) -> Result<String, String> {
    let child =
        Command::new(program).args(arguments).stdin(Stdio::null()).kill_on_drop(true).output();
    let output = tokio::time::timeout(patience, child)
        .await
        .map_err(|_| format!("{program} gave no answer within {} s", patience.as_secs()))?
        .map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        let words = doorward_events::bounded_text(words.trim(), MAX_WORDS);
        return Err(format!("{program}: {}: {words}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_it_prints_and_why_it_failed_are_told_and_it_is_not_waited_for_without_end() {
        let ask = |script: &'static str, patience| async move {
            super::ask("sh", &["-c", script], Duration::from_millis(patience)).await
        };
        assert_eq!(ask("echo active", 10_000).await, Ok("active\n".to_owned()));
        let failed = ask("echo no such unit >&2; exit 4", 10_000).await.unwrap_err();
        assert!(failed.contains("exit status: 4") && failed.contains("no such unit"), "{failed}");
        let late = ask("sleep 60", 50).await.unwrap_err();
        assert!(late.contains("no answer within"), "{late}");
        let absent = super::ask("no-such-program", &[], Duration::from_secs(1)).await.unwrap_err();
        assert!(absent.starts_with("no-such-program: "), "{absent}");
    }
}
