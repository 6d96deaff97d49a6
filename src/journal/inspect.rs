//! Opening a file to look at it only: nothing of it changes, not even that its last stop was
//! clean.

use std::path::Path;
use std::time::Instant;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use uuid::Uuid;

use super::folded::Folded;
use super::pages::Pages;
use super::words::Words;
use super::{Bounds, Journal, OpenError, Unfolded, fold, layout, place};

/// A file that was opened to be looked at.
pub struct Inspected {
    pub journal: Journal,
    /// What keeps a gateway from opening the file as it is. Its rows can be looked at; what else
    /// the journal says of itself is not known then.
    pub damage: Option<OpenError>,
}

impl Journal {
    /// Opens the file at `path`, which must be there and which nobody may have open, to look at
    /// it. What the returned journal is asked to write is lost or fails.
    ///
    /// # Errors
    /// It is no file of this layout, or cannot be read at all.
    pub fn inspect(path: &Path, bounds: Bounds) -> Result<Inspected, OpenError> {
        // SQLite's own words for a file that is missing or not ours to read name neither.
        std::fs::File::open(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags)?;
        prepare(&db).map_err(|error| match error {
            OpenError::Sqlite(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) =>
            {
                OpenError::InUse
            }
            other => other,
        })?;
        let (read, damage) = match read(&db) {
            Ok(read) => (read, None),
            Err(error) if error.is_damage() => (Read::default(), Some(error)),
            Err(error) => return Err(error),
        };
        db.pragma_update(None, "query_only", "ON")?;
        let journal = Self {
            place: place::Place::of(path)?,
            db,
            path: path.to_path_buf(),
            bounds,
            bug: None,
            journal_id: read.journal_id,
            words: read.words,
            opened: (read.folded.age, Instant::now()),
            reported_gap: read.folded.last_gap,
            folded: read.folded,
            folded_at: read.folded_at,
            unfolded: read.unfolded,
            room: super::room::Room::default(),
            wal: super::wal::Wal::unwatched(),
            recent: super::recent::Recent::default(),
            dropped: Vec::new(),
            marked: None,
        };
        Ok(Inspected { journal, damage })
    }
}

/// Whether a file that cannot be opened holds rows of a journal all the same.
pub fn holds_rows(path: &Path) -> std::io::Result<bool> {
    Ok(!Pages::open(path)?.rows().is_empty())
}

/// Sees whether it is a journal of this layout.
fn prepare(db: &Connection) -> Result<(), OpenError> {
    db.busy_timeout(std::time::Duration::ZERO)?;
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    // What the log holds stays there: the file is left as it was found.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    db.set_prepared_statement_cache_capacity(64);
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if application != layout::APPLICATION {
        return Err(OpenError::NotAJournal);
    }
    let upgrading: Option<i64> = db
        .query_row("SELECT 1 FROM sqlite_schema WHERE name = 'event_1'", [], |row| row.get(0))
        .optional()?;
    if version < layout::LAYOUT || upgrading.is_some() {
        return Err(OpenError::Older { found: version.min(layout::LAYOUT - 1) });
    }
    if version > layout::LAYOUT {
        return Err(OpenError::Layout { found: version });
    }
    db.pragma_update(None, "trusted_schema", "OFF")?;
    Ok(())
}

/// What the file says of itself.
#[derive(Default)]
struct Read {
    journal_id: Uuid,
    words: Words,
    folded: Folded,
    folded_at: u64,
    unfolded: Unfolded,
}

fn read(db: &Connection) -> Result<Read, OpenError> {
    // Rolled back at its end: words that are new to the file are known in memory only.
    let transaction = db.unchecked_transaction()?;
    let id: String =
        fold::meta(&transaction, "journal_id")?.ok_or(OpenError::Damaged("journal_id"))?;
    let journal_id = Uuid::parse_str(&id).map_err(|_| OpenError::Damaged("journal_id"))?;
    let words = Words::load(&transaction)?;
    let found = fold::replay(&transaction, &words)?;
    Ok(Read {
        journal_id,
        words,
        folded: found.folded,
        folded_at: found.folded_at,
        unfolded: found.unfolded,
    })
}
