//! What `send` must know of the sandbox that runs: written where both look, gone when it ends.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use serde::{Deserialize, Serialize};

/// Longest file that is read, in bytes.
const LONGEST: u64 = 64 * 1024;

/// A sandbox that runs, as its file tells it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    /// The process that runs it.
    pub process: u32,
    /// The port on 127.0.0.1 of its bus and its queues.
    pub port: u16,
    /// The journal that its gateway began.
    pub journal_id: String,
    /// The site of its door.
    pub site: Option<String>,
    /// Who may ask for the door, if anybody.
    pub issuer: Option<String>,
    /// That one's private key.
    pub key: PathBuf,
    /// The grant that was issued last, for the request that follows.
    pub last_grant: Option<String>,
    /// How many events of gateways were sent from examples.
    pub sequence: u64,
}

impl Running {
    fn file(folder: &Path) -> PathBuf {
        folder.join("sandbox.json")
    }

    /// What runs in this folder.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let file = Self::file(folder);
        let none = || {
            anyhow!(
                "no sandbox runs in {}: start one with doorward-schema sandbox, or name its folder \
                 with --folder",
                folder.display()
            )
        };
        let size = std::fs::metadata(&file).map_err(|_| none())?.len();
        anyhow::ensure!(size <= LONGEST, "{}: too long", file.display());
        let text = std::fs::read_to_string(&file)?;
        let running: Self =
            serde_json::from_str(&text).with_context(|| format!("{}", file.display()))?;
        if !is_alive(running.process) {
            return Err(none());
        }
        Ok(running)
    }

    /// Writes it, for its owner alone, whole or not at all.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let file = Self::file(folder);
        let beside = file.with_extension("new");
        let _ = std::fs::remove_file(&beside);
        let options =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
        options?.write_all(serde_json::to_string_pretty(self)?.as_bytes())?;
        std::fs::rename(&beside, &file)?;
        Ok(())
    }
}

/// Whether there is a process of this number.
pub fn is_alive(process: u32) -> bool {
    let pid = i32::try_from(process).ok().and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}
