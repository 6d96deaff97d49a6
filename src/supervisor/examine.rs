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
}

/// The layers of a vendor process, each tried.
///
/// # Errors
/// No process could be started, or it may not run here; the words say why.
pub async fn layers() -> anyhow::Result<Vec<Layer>> {
    let child = process("probe", "error")
        .context("no process can be started")?
        .arg("--probe")
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
    let told: Told = serde_json::from_slice(&output.stdout).context("what it says is no JSON")?;
    Ok(told.layers)
}
