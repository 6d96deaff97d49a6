//! Taking over what another journal still owes the bus: its waiting events with their exact
//! bytes, and its gaps that were not told of. Not its facts: they are of other doors' time.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::export::{ExportRow, event_id};
use super::place::{beside, set_aside_as};
use super::{Carried, CommitError, DropReason, Gap, Journal, fold};
use crate::domain::ids::VendorId;

/// Most events that are taken over in one commit.
pub const CARRY_BLOCK: usize = 256;

/// What was taken over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Adopted {
    pub events: u64,
    /// Events that were here already, by their `id`.
    pub known: u64,
    /// Waiting events that could not be read; a gap tells of them.
    pub damaged: u64,
    /// Gaps of the other journal that are told of by this one.
    pub gaps: u64,
}

/// Why a journal cannot be taken over, or not as a whole.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    #[error("its events are those of the gateway {0:?}")]
    OtherGateway(String),
    #[error("the event in slot {0} names no publisher")]
    NoPublisher(u64),
    #[error("it cannot be read: {0}")]
    Reading(rusqlite::Error),
    #[error("the journal takes no more: {0}")]
    Commit(#[from] CommitError),
}

/// Who an event's publisher is.
#[derive(Deserialize)]
struct Published {
    publisher: Publisher,
}

#[derive(Deserialize)]
struct Publisher {
    name: String,
    instance: String,
}

/// The instance of the gateway whose event this is; `None` if it is not a gateway's.
pub fn gateway_of(detail: &str) -> Option<String> {
    let Published { publisher } = serde_json::from_str(detail).ok()?;
    (publisher.name == "doorward.gateway").then_some(publisher.instance)
}

impl Journal {
    /// Takes over all that waits in `other`, in blocks of [`CARRY_BLOCK`]. What is here already
    /// is left out, so that it may be done again after an error.
    ///
    /// # Errors
    /// Events of another gateway than `instance` are refused before anything is taken over: they
    /// would leave under a source that is not theirs.
    pub fn adopt(&mut self, other: &Self, instance: &str) -> Result<Adopted, AdoptError> {
        other.each_waiting(|row| match gateway_of(&row.detail) {
            Some(of) if of == instance => Ok(()),
            Some(of) => Err(AdoptError::OtherGateway(of)),
            None => Err(AdoptError::NoPublisher(row.slot)),
        })?;
        let mut known = self.event_ids().map_err(CommitError::from)?;
        let mut adopted = Adopted::default();
        let mut block = Vec::with_capacity(CARRY_BLOCK);
        let damaged = other.each_waiting(|row| {
            if event_id(&row.detail).is_none_or(|id| !known.insert(id)) {
                adopted.known += 1;
                return Ok(());
            }
            block.push(Carried { vendor: row.vendor.map(VendorId::new), detail: row.detail });
            if block.len() >= CARRY_BLOCK {
                adopted.events += self.carry(&block)?;
                block.clear();
            }
            Ok(())
        })?;
        if !block.is_empty() {
            adopted.events += self.carry(&block)?;
        }
        adopted.damaged = damaged.len() as u64;
        adopted.gaps = self.adopt_gaps(other, &damaged)?;
        Ok(adopted)
    }

    /// Shows each event that waits; gives the slots of those that cannot be read.
    fn each_waiting(
        &self,
        mut show: impl FnMut(ExportRow) -> Result<(), AdoptError>,
    ) -> Result<Vec<u64>, AdoptError> {
        let mut damaged = Vec::new();
        let mut after = 0;
        loop {
            let page = self
                .export_page(after, u64::MAX, CARRY_BLOCK, true)
                .map_err(AdoptError::Reading)?;
            page.rows.into_iter().try_for_each(&mut show)?;
            damaged.extend(page.damaged);
            match page.go_on {
                Some(slot) => after = slot,
                None => return Ok(damaged),
            }
        }
    }

    /// Notes the gaps of `other` as gaps of that journal; what is noted here already is not noted
    /// twice.
    fn adopt_gaps(&mut self, other: &Self, damaged: &[u64]) -> Result<u64, CommitError> {
        let mut theirs = other.folded.clone();
        // An event that was carried there has no sequence of that journal.
        let own: Vec<u64> =
            damaged.iter().copied().filter(|slot| !theirs.is_carried(*slot)).collect();
        if !own.is_empty() {
            theirs.note_gap(DropReason::Corruption, &own);
        }
        theirs.add_unknown(DropReason::Corruption, (damaged.len() - own.len()) as u64);
        let mut next = self.folded.clone();
        let mut count = 0;
        for gap in &theirs.gaps {
            let of = gap.journal_id.unwrap_or(other.journal_id);
            let is_same = |known: &Gap| {
                let id = known.journal_id.unwrap_or(self.journal_id);
                (known.reason, &known.ranges) == (gap.reason, &gap.ranges)
                    && (id == of || gap.ranges.is_empty())
            };
            if !self.folded.gaps.iter().any(is_same) {
                next.take_gap(gap, Some(of).filter(|id| *id != self.journal_id));
                count += 1;
            }
        }
        if count > 0 {
            next.age = self.age();
            let transaction = self.db.unchecked_transaction()?;
            fold::write(&transaction, &mut next, &self.unfolded)?;
            transaction.commit()?;
            self.folded_to(next);
        }
        Ok(count)
    }
}

/// Gives a file that was taken over, and its log, the name that says so: `NAME.adopted-N`, where
/// `NAME.foreign-M` becomes `NAME.adopted-N` too.
pub fn rename_adopted(file: &Path) -> std::io::Result<PathBuf> {
    set_aside_as(file, &base(file), "adopted")
}

/// The newest file that was taken over under the name of `file`.
pub fn adopted_before(file: &Path) -> Option<PathBuf> {
    let base = base(file);
    let names = (1..).map(|number| beside(&base, &format!(".adopted-{number}")));
    names.take_while(|name| name.exists()).last()
}

/// The journal beside which a file was set aside; the file itself if it was not.
fn base(file: &Path) -> PathBuf {
    let name = file.as_os_str().to_string_lossy();
    match name.rsplit_once(".foreign-") {
        Some((base, number)) if number.bytes().all(|byte| byte.is_ascii_digit()) => {
            PathBuf::from(base)
        }
        _ => file.to_path_buf(),
    }
}

#[cfg(test)]
mod tests;
