//! What checks look at: the files, the running gateway, and the machine.

use std::path::{Path, PathBuf};

use crate::config::{Configuration, Finding};
use crate::local::{Client, ClientError, DoorView, QueueView};

/// All that checks look at.
pub(super) struct Surroundings {
    /// The folder with doorward.toml.
    pub(super) folder: PathBuf,
    /// Where the machine's own files begin; `/` but for tests.
    pub(super) root: PathBuf,
    /// `None`: nothing can run with the files.
    pub(super) configuration: Option<Configuration>,
    /// What is wrong with them.
    pub(super) findings: Vec<Finding>,
    pub(super) gateway: Running,
}

/// The running gateway's own words.
pub(super) enum Running {
    Answers {
        queue: Box<QueueView>,
        /// `None`: it did not tell.
        doors: Option<Vec<DoorView>>,
    },
    /// Why it does not.
    Not(String),
}

impl Surroundings {
    /// Reads the files, and where `ask` is set asks the gateway.
    pub(super) async fn find(folder: &Path, root: &Path, ask: bool) -> Self {
        let (configuration, findings) = match crate::config::read(folder) {
            Ok(mut configuration) => {
                let findings = std::mem::take(&mut configuration.findings);
                (Some(configuration), findings)
            }
            Err(findings) => (None, findings),
        };
        let gateway = match configuration.as_ref().filter(|_| ask) {
            Some(configuration) => running(configuration).await,
            None => Running::Not("it was not asked".to_owned()),
        };
        Self { folder: folder.to_owned(), root: root.to_owned(), configuration, findings, gateway }
    }

    /// A place of the machine, as `/proc/cgroups`.
    pub(super) fn place(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The text of a file of the machine; `None` where it cannot be read.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        std::fs::read_to_string(self.place(path)).ok()
    }

    /// The gateway's own file.
    pub(super) fn main_file(&self) -> PathBuf {
        self.folder.join("doorward.toml")
    }
}

async fn running(configuration: &Configuration) -> Running {
    let client = Client::new(&configuration.gateway.socket);
    match client.get("/v1/queue", &()).await {
        Ok(queue) => {
            let doors = client.get("/v1/doors", &()).await.ok();
            Running::Answers { queue: Box::new(queue), doors }
        }
        Err(ClientError::NotRunning { .. }) => Running::Not("it does not run".to_owned()),
        Err(error) => Running::Not(error.to_string()),
    }
}
