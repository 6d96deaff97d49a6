//! What would hold a vendor's process on this machine: one is started as any other, locks itself
//! down, says what it found and ends.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, bail};
use serde::Deserialize;

use super::program::process;
use crate::link::Layer;

/// How long it may take; it takes some milliseconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest words of a process that failed, in characters.
const MAX_WORDS: usize = 512;

#[derive(Deserialize)]
struct Told {
    layers: Vec<Layer>,
    #[serde(default)]
    outcomes: Vec<Tried>,
}

#[derive(Deserialize)]
struct Tried {
    done: bool,
    detail: String,
}

/// The layers of a vendor process, each tried.
///
/// # Errors
/// No process could be started, or it may not run here; the words say why.
pub async fn layers() -> anyhow::Result<Vec<Layer>> {
    Ok(examined(&[]).await?.layers)
}

/// Whether a vendor's process finds each of these names once it is locked down, in their order;
/// why not.
///
/// # Errors
/// As for [`layers`]; or looking a name up takes longer than that process may.
pub async fn finds(names: &[&str]) -> anyhow::Result<Vec<Result<(), String>>> {
    let attempts: Vec<String> = names.iter().map(|name| format!("name:{name}")).collect();
    let outcomes = examined(&attempts).await?.outcomes;
    Ok(outcomes
        .into_iter()
        .map(|tried| if tried.done { Ok(()) } else { Err(tried.detail) })
        .collect())
}

async fn examined(attempts: &[String]) -> anyhow::Result<Told> {
    let child = process("probe", "error")
        .context("no process can be started")?
        .arg("--probe")
        .args(attempts.iter().flat_map(|attempt| ["--attempt", attempt]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("no process can be started")?;
    let output = tokio::time::timeout(TIMEOUT, child.wait_with_output())
        .await
        .context("it does not end")??;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}", output.status, doorward_events::bounded_text(words.trim(), MAX_WORDS));
    }
    serde_json::from_slice(&output.stdout).context("what it says is no JSON")
}
