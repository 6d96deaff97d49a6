//! The journal of a gateway that is stopped: opened here, by nobody else.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::output;
use crate::config::Configuration;
use crate::gateway::opening;
use crate::journal::{Arrival, Inspected, Journal, OpenError, PreviousStop};

/// The configured gateway's own journal, open for writing.
pub struct Own {
    pub journal: Journal,
    pub path: PathBuf,
    pub configuration: Configuration,
    /// What happened when it was opened, in words, if anything did.
    pub arrival: Option<String>,
    previous_stop: PreviousStop,
}

impl Own {
    /// Opens it as the gateway would, whatever state it is in.
    pub fn open(config: &Path) -> anyhow::Result<Self> {
        let configuration = output::configuration(config)?;
        let path = configuration.gateway.state_dir.join("journal.db");
        let opened =
            opening::open_journal(&configuration, Timestamp::now(), &mut fastrand::Rng::new());
        let (journal, restored) = opened.map_err(|error| match error.downcast_ref() {
            Some(OpenError::InUse) => anyhow::anyhow!(
                "the gateway has the journal {} open\n  remedy: stop it first (systemctl stop doorward)",
                path.display()
            ),
            _ => error,
        })?;
        let arrival = (restored.arrival != Arrival::AsItWas).then(|| restored.arrival.words());
        let previous_stop = restored.previous_stop;
        Ok(Self { journal, path, configuration, arrival, previous_stop })
    }

    /// Closes it. How the gateway's last run ended stays known: what was written here is durable
    /// either way.
    pub fn close(self) -> anyhow::Result<()> {
        if self.previous_stop != PreviousStop::Unclean {
            self.journal.close()?;
        }
        Ok(())
    }
}

/// A file that cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("{file} cannot be opened: {error}{remedy}")]
pub struct Unreadable {
    file: String,
    pub error: OpenError,
    remedy: &'static str,
}

/// Opens a file that no gateway has open, to look at it.
pub fn inspect(config: &Path, file: &Path) -> Result<Inspected, Unreadable> {
    // Without a configuration the figures have the default bounds.
    let bounds = crate::config::read(config).map(|found| opening::bounds(&found));
    Journal::inspect(file, bounds.unwrap_or_default()).map_err(|error| Unreadable {
        file: file.display().to_string(),
        remedy: match &error {
            OpenError::InUse => {
                "\n  remedy: leave out --file, then the running gateway answers; or stop it first"
            }
            error if error.is_damage() => SALVAGE,
            _ => "",
        },
        error,
    })
}

const SALVAGE: &str = "\n  remedy: a gateway that starts with it takes over what can be read";

/// The same, of a file that must be whole.
pub fn inspect_whole(config: &Path, file: &Path) -> anyhow::Result<Journal> {
    let Inspected { journal, damage } = inspect(config, file)?;
    match damage {
        None => Ok(journal),
        Some(damage) => anyhow::bail!("{} is damaged: {damage}{SALVAGE}", file.display()),
    }
}
