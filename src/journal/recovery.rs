//! Opening a file of which nobody knows how it comes: whole, broken, put back from a copy, or
//! brought along from another machine. It never ends in an endless loop of failing starts: what
//! cannot be used is set aside, and a fresh journal begins under a new `journal_id`.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use uuid::Uuid;

use super::mark::Mark;
use super::place::{self, beside, set_aside};
use super::planted::{self, Bug};
use super::{Bounds, DropReason, Journal, OpenError, Restored, audit, fold, salvage};

/// What happened to the journal before it could be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arrival {
    AsItWas,
    /// It had an older layout.
    Upgraded {
        from: i64,
    },
    /// It was broken. Waiting events that could be read were taken over.
    Salvaged {
        /// Where the broken file is kept.
        set_aside: PathBuf,
        /// What was wrong with it.
        reason: String,
        carried: u64,
    },
    /// It belongs to another machine; it is kept beside, and `doorward adopt` takes it over.
    OtherMachine {
        set_aside: PathBuf,
    },
    /// An older copy was put in its place; it goes on under a new `journal_id`.
    RolledBack {
        /// Events that the copy does not know.
        missing: u64,
    },
}

impl Arrival {
    /// Whether something that the journal held may be missing now.
    pub fn is_loss(&self) -> bool {
        !matches!(self, Self::AsItWas | Self::Upgraded { .. })
    }

    /// A sentence for a person.
    pub fn words(&self) -> String {
        match self {
            Self::AsItWas => "the journal is as it was".to_owned(),
            Self::Upgraded { from } => format!("the journal had layout {from} and was upgraded"),
            Self::Salvaged { set_aside, reason, carried } => format!(
                "the journal was broken ({reason}); {carried} waiting events were taken over into \
                 a fresh one, and the broken file is kept as {}",
                set_aside.display()
            ),
            Self::OtherMachine { set_aside } => format!(
                "the journal belongs to another machine and is kept as {}; a fresh one was begun. \
                 If this machine replaces that one: stop the gateway, doorward adopt",
                set_aside.display()
            ),
            Self::RolledBack { missing } => format!(
                "an older copy of the journal was put in its place, which does not know the last \
                 {missing} events; it goes on under a new journal_id"
            ),
        }
    }
}

/// Behind the name of a journal whose file is known to be broken.
const CONDEMNED: &str = ".broken";

/// How to open a journal.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    pub bounds: Bounds,
    /// What tells this machine from others; `None` binds the journal to none.
    pub machine: Option<String>,
    /// A fault to plant.
    pub bug: Option<Bug>,
}

impl Journal {
    /// Opens the journal at `path` whatever state it is in. `ids` gives fresh `journal_id`s.
    ///
    /// # Errors
    /// What only a person can mend: another process has it, it is somebody else's file, a newer
    /// doorward wrote it, or the disk cannot be read or written.
    pub fn arrive(
        path: &Path,
        opening: &Opening,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Result<(Self, Restored), OpenError> {
        place::finish_replacement(path)?;
        match Self::open_with(path, opening.bounds, ids(), opening.bug) {
            Ok((journal, _)) if beside(path, CONDEMNED).exists() => {
                drop(journal);
                salvage_at(path, opening, ids, "not all of it could be read")
            }
            Ok((journal, restored)) => journal.settle(restored, opening, ids),
            Err(error) if error.is_damage() => salvage_at(path, opening, ids, &error.to_string()),
            Err(error) => Err(error),
        }
    }

    /// Notes that the file is broken in a place that an opening does not look at: the next one
    /// salvages it all the same.
    pub fn condemn(&self) -> std::io::Result<()> {
        std::fs::File::create(beside(&self.path, CONDEMNED))?.sync_all()?;
        place::sync_folder(&self.path)
    }

    /// Binds it to its machine, and sees whether it is the newest copy.
    fn settle(
        mut self,
        mut restored: Restored,
        opening: &Opening,
        ids: &mut dyn FnMut() -> Uuid,
    ) -> Result<(Self, Restored), OpenError> {
        let path = self.path.clone();
        let bound: Option<String> = fold::meta(&self.db, "machine")?;
        match (&opening.machine, bound) {
            (Some(here), None) => fold::set_meta(&self.db, "machine", here)?,
            (Some(here), Some(there)) if *here != there => {
                // Closing folds the log into the file, so that it is one file that moves.
                self.close()?;
                let set_aside = set_aside(&path, "foreign")?;
                let (journal, mut restored) =
                    Self::open_with(&path, opening.bounds, ids(), opening.bug)?;
                fold::set_meta(&journal.db, "machine", here)?;
                journal.write_mark();
                restored.arrival = Arrival::OtherMachine { set_aside };
                return Ok((journal, restored));
            }
            _ => {}
        }
        if let Some(mark) = Mark::read(&path)
            && mark.journal_id == self.journal_id
            && mark.slot > self.folded.slot
        {
            let missing = self.begin_anew(ids(), mark.slot)?;
            restored.journal_id = self.journal_id;
            restored.gaps.clone_from(&self.folded.gaps);
            restored.arrival = Arrival::RolledBack { missing };
        }
        self.write_mark();
        Ok((self, restored))
    }

    /// Goes on under another id: what is there is of another journal from now on. `known`: the
    /// last slot that there ever was.
    fn begin_anew(&mut self, id: Uuid, known: u64) -> Result<u64, OpenError> {
        let mut next = self.folded.clone();
        let missing = (next.sequence_of(next.slot) + 1, next.sequence_of(known));
        let count = missing.1.saturating_sub(missing.0 - 1);
        if count > 0 {
            next.add_gaps(DropReason::Corruption, Some(self.journal_id), &[missing]);
        }
        next.carried = if next.slot > 0 { vec![(1, next.slot)] } else { Vec::new() };
        next.types.clear();
        next.counted_through = next.slot;
        let transaction = self.db.unchecked_transaction()?;
        fold::set_meta(&transaction, "journal_id", id.to_string())?;
        fold::write(&transaction, &mut next, &self.unfolded)?;
        audit::begin_anew(&transaction, next.slot)?;
        transaction.commit()?;
        self.folded_to(next);
        self.journal_id = id;
        self.reported_gap = self.folded.last_gap;
        Ok(count)
    }
}

/// Builds a fresh journal beside the broken one out of what can be read, then changes places.
/// It may be cut off anywhere: the broken file stays under its name until the fresh one is
/// complete.
fn salvage_at(
    path: &Path,
    opening: &Opening,
    ids: &mut dyn FnMut() -> Uuid,
    reason: &str,
) -> Result<(Journal, Restored), OpenError> {
    tracing::error!(journal = %path.display(), reason, "the journal is broken; what can be read is taken over");
    let building = beside(path, ".building");
    place::remove(&building)?;
    let old_id = salvage::journal_id(path);
    let reused = old_id.filter(|_| planted::is(opening.bug, Bug::IdReuse));
    let new_id = reused.unwrap_or_else(&mut *ids);
    let (mut journal, _) = Journal::open_with(&building, Bounds::default(), new_id, opening.bug)?;
    let carried = salvage::take_over(&mut journal, path, old_id)?;
    journal.close()?;
    place::make_replacement(&building, path)?;
    place::remove(&building)?;
    let set_aside = set_aside(path, "damaged")?;
    place::finish_replacement(path)?;
    place::remove(&beside(path, CONDEMNED))?;
    let (mut journal, mut restored) = Journal::open_with(path, opening.bounds, ids(), opening.bug)?;
    if let Some(machine) = &opening.machine {
        fold::set_meta(&journal.db, "machine", machine)?;
    }
    journal.reported_gap = journal.folded.last_gap;
    journal.write_mark();
    restored.previous_stop = super::PreviousStop::Unclean;
    restored.arrival = Arrival::Salvaged { set_aside, reason: reason.to_owned(), carried };
    Ok((journal, restored))
}

/// A connection to a file that may be broken, for whatever SQLite can still read of it.
pub(super) fn reader(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(path)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    Ok(db)
}
