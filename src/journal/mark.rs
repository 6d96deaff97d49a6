//! A mark beside the file: how far the journal had got. An older copy of the file that was put
//! back knows less than its mark.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Journal;
use super::place::beside;

/// The mark is written at most this often, beside at opening and closing.
const WRITE_EVERY: Duration = Duration::from_secs(60);

/// What the mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    pub journal_id: Uuid,
    /// A slot that was durable when the mark was written.
    pub slot: u64,
}

impl Mark {
    /// Reads the mark of the file at `path`; `None` if there is none that can be read.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(beside(path, ".mark")).ok()?).ok()
    }

    /// Writes the mark. It need not be durable at once: an older one only notices less.
    fn write(self, path: &Path) -> std::io::Result<()> {
        let new = beside(path, ".mark-new");
        std::fs::write(&new, serde_json::to_vec(&self)?)?;
        std::fs::rename(new, beside(path, ".mark"))
    }
}

impl Journal {
    /// Writes the mark if it has become old. What cannot be written is said in the log: it
    /// protects against a mistake only.
    pub(super) fn keep_mark(&mut self) {
        if self.marked.is_some_and(|at| at.elapsed() < WRITE_EVERY) {
            return;
        }
        self.marked = Some(Instant::now());
        self.write_mark();
    }

    pub(super) fn write_mark(&self) {
        let mark = Mark { journal_id: self.journal_id, slot: self.folded.slot };
        if let Err(error) = mark.write(&self.path) {
            tracing::warn!(%error, "the journal's mark cannot be written");
        }
    }
}
