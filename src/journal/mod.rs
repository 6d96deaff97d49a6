//! The journal: the only code that touches SQLite.
//!
//! One file holds the events with their exact outgoing bytes, the doors' facts, the window of
//! seen messages and the quarantine, so that all that follows from a message commits together.
//! [`Journal`] is synchronous; [`Writer`] is its thread with group commit.

mod adopt;
mod aside;
mod audit;
mod carry;
mod class;
mod closing;
mod commit;
mod copies;
mod doing;
mod erase;
mod evidence;
mod export;
mod figures;
mod fold;
mod folded;
mod give_up;
mod history;
mod inspect;
mod layout;
mod mark;
mod open;
mod pages;
mod place;
mod planted;
mod queries;
mod ranges;
mod recent;
mod records;
mod recovery;
mod room;
mod row;
mod salvage;
mod scrub;
mod space;
#[cfg(test)]
mod tests;
mod upgrade;
mod verify;
mod wal;
mod words;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Instant;

use rusqlite::Connection;
/// What SQLite answers when it cannot.
pub use rusqlite::Error as StorageError;
use uuid::Uuid;

pub use adopt::{AdoptError, Adopted, CARRY_BLOCK, adopted_before, gateway_of, rename_adopted};
pub use carry::Carried;
pub use class::{Class, PerClass, is_audited};
pub use closing::{Closing, KEPT_DIGESTS, KEPT_RANGES};
pub use copies::{Beside, Copies, beside_journal};
pub use doing::Doing;
pub use erase::{Erased, Erasure, MAX_SUBJECT, MIN_SUBJECT};
pub use evidence::{AuditPage, AuditPlace, RangeThere, Sent};
pub use export::{ExportPage, ExportRow};
pub use figures::{Figures, Oldest};
pub use folded::{DropReason, Gap};
pub use inspect::{Inspected, holds_rows};
pub use planted::Bug;
pub use queries::{EventFilter, EventPage, EventRow, QuarantineRow, Statistics};
pub use ranges::Finished;
pub use records::{Batch, Committed, NewEvent, PreviousStop, QuarantineRecord, Restored, Stored};
pub use recovery::{Arrival, Opening};
pub use room::Bounds;
pub use space::Space;
pub use verify::Verified;
pub use writer::{Failure, Writer, WriterHandle};

use folded::Folded;
use words::Words;

/// Messages whose digests are remembered. A broker sends again only what was in flight, far
/// less; the rest covers a broker that comes back with an older state of its own.
pub const SEEN_WINDOW: u64 = 8192;

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("another doorward has it open")]
    InUse,
    #[error("the file system cannot hold a write-ahead log (journal mode is {0})")]
    NoWal(String),
    #[error("it is an SQLite file, but not a journal of doorward")]
    NotAJournal,
    #[error("its layout is {found}, this version reads {oldest} to {newest}; a newer doorward wrote it", oldest = upgrade::OLDEST, newest = layout::LAYOUT)]
    Layout { found: i64 },
    #[error("its layout is {found}, an older one: a gateway that starts with it upgrades it")]
    Older { found: i64 },
    #[error("it holds no readable {0}")]
    Damaged(&'static str),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl OpenError {
    /// Whether the file itself is broken, so that no later attempt can open it.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged(_) => true,
            Self::Sqlite(error) => is_damage(error),
            _ => false,
        }
    }
}

/// Whether SQLite says that the file is broken.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
        )
}

/// Why a batch was not committed. Nothing of it is in the file.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("the journal is full: {used} of {bound} bytes hold undelivered events")]
    Full { used: u64, bound: u64 },
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl CommitError {
    /// Whether the file itself is broken.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Sqlite(error) if is_damage(error))
    }
}

/// An open journal.
pub struct Journal {
    db: Connection,
    path: PathBuf,
    place: place::Place,
    bounds: Bounds,
    bug: Option<Bug>,
    journal_id: Uuid,
    words: Words,
    folded: Folded,
    /// The last slot that the fold on disk covers.
    folded_at: u64,
    /// Facts and digests that only rows since the fold hold, and marks in them.
    unfolded: Unfolded,
    /// The journal's age when it was opened, and when that was.
    opened: (u64, Instant),
    room: room::Room,
    wal: wal::Wal,
    recent: recent::Recent,
    /// The last gap that a caller was told of.
    reported_gap: u64,
    /// Slots given up that no caller was told of yet.
    dropped: Vec<(u64, u64)>,
    /// When the mark was last written.
    marked: Option<Instant>,
}

/// What only the rows since the last fold hold.
#[derive(Default)]
struct Unfolded {
    facts: BTreeMap<String, Vec<u8>>,
    seen: Vec<crate::link::Digest>,
    /// The running number of the first of `seen`.
    seen_from: u64,
    /// Digests of rows since the fold.
    leaves: Vec<audit::Leaf>,
    rows: u64,
    marks: u64,
}

impl Journal {
    /// The id of this journal: new whenever one is made, salvaged or taken over.
    pub fn journal_id(&self) -> Uuid {
        self.journal_id
    }

    /// Events that the bus has not finally answered yet.
    pub fn waiting(&self) -> u64 {
        self.folded.waiting_events()
    }

    /// Seconds that the journal has been open, all its life: what ages are measured by, since
    /// the wall clock may jump.
    fn age(&self) -> u64 {
        self.opened.0 + self.opened.1.elapsed().as_secs()
    }

    /// Marks a stop in order and closes the file.
    pub fn close(mut self) -> Result<(), rusqlite::Error> {
        self.fold_alone()?;
        self.write_mark();
        fold::set_meta(&self.db, "clean_stop", 1)?;
        self.db.close().map_err(|(_, error)| error)
    }
}
