//! The journal: the only code that touches SQLite.
//!
//! One file holds the events with their exact outgoing bytes, the doors' facts, the window of
//! seen messages and the quarantine, so that all that follows from a message commits together.
//! [`Journal`] is synchronous; [`Writer`] is its thread with group commit.

mod layout;
mod queries;
mod ranges;
mod records;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::path::Path;

use doorward_events::{EventType, GatewayOrigin};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use uuid::Uuid;

pub use queries::{EventFilter, EventRow, QuarantineRow, Statistics};
pub use ranges::Finished;
pub use records::{Batch, Committed, NewEvent, PreviousStop, QuarantineRecord, Restored, Stored};
pub use writer::{Failure, Writer, WriterHandle};

/// Messages whose digests are remembered. A broker sends again only what was in flight, far
/// less; the rest covers a broker that comes back with an older state of its own.
pub const SEEN_WINDOW: u64 = 8192;

/// Finished rows are trimmed in blocks of at least this many, inside insert transactions.
const TRIM_BLOCK: u64 = 128;

/// The bounds of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes in use. At the bound history goes first; then commits are refused, so that
    /// nothing more is acknowledged until events have left.
    pub max_bytes: u64,
    /// Delivered events that stay readable as local history.
    pub history_events: u64,
    /// Most rows of quarantine; the oldest go first.
    pub quarantine_rows: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max_bytes: 1 << 30, history_events: 20_000, quarantine_rows: 2_000 }
    }
}

/// Why the journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("another doorward has it open")]
    InUse,
    #[error("the file system cannot hold a write-ahead log (journal mode is {0})")]
    NoWal(String),
    #[error("it is an SQLite file, but not a journal of doorward")]
    NotAJournal,
    #[error("its layout is {found}, this version reads {expected}; a newer doorward wrote it", expected = layout::LAYOUT)]
    Layout { found: i64 },
    #[error("it holds no readable {0}")]
    Damaged(&'static str),
}

/// Why a batch was not committed. Nothing of it is in the file.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    #[error("the journal is full: {used} of {bound} bytes hold undelivered events")]
    Full { used: u64, bound: u64 },
    #[error("{0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// An open journal.
pub struct Journal {
    db: Connection,
    bounds: Bounds,
    journal_id: Uuid,
    sequence: u64,
    finished: Finished,
    seen_count: u64,
    trimmed_through: u64,
    types: Types,
}

/// Row ids and counters of the event types.
#[derive(Default)]
struct Types {
    ids: HashMap<EventType, i64>,
    sequences: HashMap<EventType, u64>,
}

impl Journal {
    /// Opens the file at `path`, creating it with `new_id` as its `journal_id` if absent.
    pub fn open(path: &Path, bounds: Bounds, new_id: Uuid) -> Result<(Self, Restored), OpenError> {
        let mut db = Connection::open(path)?;
        db.busy_timeout(std::time::Duration::ZERO)?;
        match layout::prepare(&mut db) {
            Err(OpenError::Sqlite(error))
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) =>
            {
                return Err(OpenError::InUse);
            }
            other => other?,
        }
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let stored_id: Option<String> = meta(&transaction, "journal_id")?;
        let previous_stop = match (&stored_id, meta::<i64>(&transaction, "clean_stop")?) {
            (None, _) => PreviousStop::FirstStart,
            (Some(_), Some(1)) => PreviousStop::Clean,
            (Some(_), _) => PreviousStop::Unclean,
        };
        let journal_id = if let Some(text) = stored_id {
            Uuid::parse_str(&text).map_err(|_| OpenError::Damaged("journal_id"))?
        } else {
            set_meta(&transaction, "journal_id", new_id.to_string())?;
            new_id
        };
        set_meta(&transaction, "clean_stop", 0)?;
        let mut types = Types::default();
        for kind in EventType::ALL {
            let row: Option<(i64, u64)> = transaction
                .query_row(
                    "SELECT id, sequence FROM event_type WHERE name = ?1",
                    [kind.as_str()],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()?;
            let (id, sequence) = if let Some(row) = row {
                row
            } else {
                let name = kind.as_str();
                transaction.execute("INSERT INTO event_type (name) VALUES (?1)", [name])?;
                (transaction.last_insert_rowid(), 0)
            };
            types.ids.insert(kind, id);
            types.sequences.insert(kind, sequence);
        }
        let finished = match meta::<String>(&transaction, "finished")? {
            Some(text) => {
                Finished::from_text(&text).ok_or(OpenError::Damaged("finished ranges"))?
            }
            None => Finished::default(),
        };
        let sequence = meta::<u64>(&transaction, "sequence")?.unwrap_or(0);
        let last: Option<u64> =
            transaction.query_row("SELECT MAX(sequence) FROM event", [], |row| row.get(0))?;
        if last > Some(sequence) {
            return Err(OpenError::Damaged("sequence"));
        }
        let seen_count = meta::<u64>(&transaction, "seen_count")?.unwrap_or(0);
        let trimmed_through = transaction
            .query_row("SELECT MIN(sequence) FROM event", [], |row| row.get::<_, Option<u64>>(0))?
            .map_or(sequence, |first| first.saturating_sub(1));
        let restored = Restored {
            journal_id,
            previous_stop,
            sequence,
            waiting: sequence.saturating_sub(finished.count()),
            facts: queries::facts(&transaction)?,
            seen: queries::seen(&transaction, seen_count)?,
            last_quarantine_id: transaction.query_row(
                "SELECT COALESCE(MAX(id), 0) FROM quarantine",
                [],
                |row| row.get(0),
            )?,
            finished: finished.clone(),
        };
        transaction.commit()?;
        let journal =
            Self { db, bounds, journal_id, sequence, finished, seen_count, trimmed_through, types };
        Ok((journal, restored))
    }

    /// Commits `batch` whole: sequences are given here, and the bytes that will leave are
    /// written here. On an error nothing of it is in the file and the batch can be tried again.
    pub fn commit(&mut self, batch: &Batch) -> Result<Committed, CommitError> {
        if !batch.events.is_empty() {
            self.make_room()?;
        }
        let transaction = self.db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut sequence = self.sequence;
        let mut touched: HashMap<EventType, u64> = HashMap::new();
        let mut stored = Vec::with_capacity(batch.events.len());
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO event (sequence, type, type_sequence, vendor, lane_key, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for event in &batch.events {
                sequence += 1;
                let kind = event.draft.event_type();
                let type_sequence = touched.entry(kind).or_insert_with(|| {
                    self.types.sequences.get(&kind).copied().unwrap_or_default()
                });
                *type_sequence += 1;
                let detail = event.draft.stamp(&GatewayOrigin {
                    recorded_at: batch.recorded_at,
                    journal_id: self.journal_id,
                    sequence,
                    type_sequence: *type_sequence,
                    clock: None,
                });
                let lane_key = event.lane_key();
                insert.execute(params![
                    sequence,
                    self.types.ids.get(&kind),
                    *type_sequence,
                    event.vendor.as_ref().map(crate::domain::ids::VendorId::as_str),
                    lane_key,
                    detail,
                ])?;
                stored.push(Stored {
                    sequence,
                    kind,
                    vendor: event.vendor.clone(),
                    lane_key,
                    id: event.draft.id(),
                    detail: detail.into(),
                });
            }
            let mut count =
                transaction.prepare_cached("UPDATE event_type SET sequence = ?2 WHERE id = ?1")?;
            for (kind, value) in &touched {
                count.execute(params![self.types.ids.get(kind), value])?;
            }
            let mut fact = transaction
                .prepare_cached("INSERT OR REPLACE INTO fact (name, value) VALUES (?1, ?2)")?;
            for (name, value) in &batch.facts {
                fact.execute(params![name, value])?;
            }
            let mut seen = transaction
                .prepare_cached("INSERT OR REPLACE INTO seen (slot, digest) VALUES (?1, ?2)")?;
            for (offset, digest) in (0u64..).zip(&batch.seen) {
                seen.execute(params![(self.seen_count + offset) % SEEN_WINDOW, digest.0])?;
            }
        }
        queries::insert_quarantine(&transaction, &batch.quarantine, self.bounds.quarantine_rows)?;
        let mut finished = self.finished.clone();
        for sequence in &batch.finished {
            finished.insert(*sequence);
        }
        if finished.through() > self.finished.through() {
            transaction
                .prepare_cached(
                    "UPDATE event_type SET delivered_through = MAX(delivered_through, m) FROM
                     (SELECT type, MAX(type_sequence) AS m FROM event
                      WHERE sequence > ?1 AND sequence <= ?2 GROUP BY type) AS done
                     WHERE id = done.type",
                )?
                .execute(params![self.finished.through(), finished.through()])?;
        }
        let keep_from = finished.through().saturating_sub(self.bounds.history_events);
        let mut trimmed_through = self.trimmed_through;
        if keep_from >= trimmed_through + TRIM_BLOCK {
            transaction
                .prepare_cached("DELETE FROM event WHERE sequence <= ?1")?
                .execute([keep_from])?;
            trimmed_through = keep_from;
        }
        if sequence != self.sequence {
            set_meta(&transaction, "sequence", sequence)?;
        }
        if !batch.seen.is_empty() {
            set_meta(&transaction, "seen_count", self.seen_count + batch.seen.len() as u64)?;
        }
        if finished != self.finished {
            set_meta(&transaction, "finished", finished.to_text())?;
        }
        transaction.commit()?;
        self.sequence = sequence;
        self.seen_count += batch.seen.len() as u64;
        self.finished = finished;
        self.trimmed_through = trimmed_through;
        self.types.sequences.extend(touched);
        Ok(Committed { events: stored, sequence, waiting: self.waiting() })
    }

    /// Events that the bus has not finally answered yet.
    pub fn waiting(&self) -> u64 {
        self.sequence.saturating_sub(self.finished.count())
    }

    /// Unfinished events from `after` on, oldest first, within both bounds (at least one event
    /// if there is any).
    pub fn waiting_events(
        &self,
        after: u64,
        max_events: usize,
        max_bytes: usize,
    ) -> Result<Vec<Stored>, rusqlite::Error> {
        queries::waiting_events(&self.db, &self.finished, after, max_events, max_bytes)
    }

    /// Marks a stop in order and closes the file.
    pub fn close(self) -> Result<(), rusqlite::Error> {
        set_meta(&self.db, "clean_stop", 1)?;
        self.db.close().map_err(|(_, error)| error)
    }

    /// Removes history, and refuses if that does not bring the file below its bound.
    fn make_room(&mut self) -> Result<(), CommitError> {
        let bound = self.bounds.max_bytes;
        if queries::bytes_used(&self.db)? <= bound {
            return Ok(());
        }
        if self.finished.through() > self.trimmed_through {
            self.db.execute("DELETE FROM event WHERE sequence <= ?1", [self.finished.through()])?;
            self.trimmed_through = self.finished.through();
        }
        if queries::bytes_used(&self.db)? > bound {
            // One event that the bus does not answer must not keep what came after it.
            for (first, last) in self.finished.ranges() {
                self.db
                    .execute("DELETE FROM event WHERE sequence BETWEEN ?1 AND ?2", [first, last])?;
            }
        }
        let used = queries::bytes_used(&self.db)?;
        if used <= bound { Ok(()) } else { Err(CommitError::Full { used, bound }) }
    }
}

fn meta<T: rusqlite::types::FromSql>(
    db: &Connection,
    name: &str,
) -> Result<Option<T>, rusqlite::Error> {
    db.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0)).optional()
}

fn set_meta(
    db: &Connection,
    name: &str,
    value: impl rusqlite::ToSql,
) -> Result<(), rusqlite::Error> {
    db.prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?
        .execute(params![name, value])?;
    Ok(())
}
