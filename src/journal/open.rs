//! Opening a file that is whole.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use rusqlite::{Connection, TransactionBehavior};
use uuid::Uuid;

use super::fold::{self, meta, set_meta};
use super::layout::events;
use super::words::Words;
use super::{
    Arrival, Bounds, Bug, Finished, Journal, OpenError, PreviousStop, Restored, audit, layout,
    place, row,
};

/// The newest rows whose checksums an opening looks at, beside those since the last fold.
const TAIL_ROWS: u64 = 64;

impl Journal {
    /// Opens the file at `path`, creating it with `new_id` as its `journal_id` if absent.
    ///
    /// Header, write-ahead log, counters and the newest rows are looked at here; the rest by
    /// [`Journal::verify_rows`], which may take its time.
    pub fn open(path: &Path, bounds: Bounds, new_id: Uuid) -> Result<(Self, Restored), OpenError> {
        Self::open_with(path, bounds, new_id, Bug::from_environment())
    }

    /// The same with a planted fault.
    pub fn open_with(
        path: &Path,
        bounds: Bounds,
        new_id: Uuid,
        bug: Option<Bug>,
    ) -> Result<(Self, Restored), OpenError> {
        // Who may not read the journal may not read its log either: SQLite gives it the same mode.
        std::fs::OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let mut db = Connection::open(path)?;
        db.busy_timeout(std::time::Duration::ZERO)?;
        let upgraded = match layout::prepare(&mut db, bug) {
            Err(OpenError::Sqlite(error))
                if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) =>
            {
                return Err(OpenError::InUse);
            }
            other => other?,
        };
        let wal = super::wal::Wal::watch(&mut db)?;
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
        let words = Words::load(&transaction)?;
        let found = fold::replay(&transaction, &words)?;
        check_tail(&transaction, found.folded.slot)?;
        audit::make_tables(&transaction, found.folded.slot)?;
        let restored = Restored {
            journal_id,
            previous_stop,
            slot: found.folded.slot,
            waiting: found.folded.waiting_events(),
            facts: found.facts,
            seen: found.seen,
            last_quarantine_id: transaction.query_row(
                "SELECT COALESCE(MAX(id), 0) FROM quarantine",
                [],
                |row| row.get(0),
            )?,
            finished: found.folded.finished.clone(),
            gaps: found.folded.gaps.clone(),
            arrival: upgraded.map_or(Arrival::AsItWas, |from| Arrival::Upgraded { from }),
        };
        transaction.commit()?;
        let journal = Self {
            place: place::Place::of(path)?,
            db,
            path: path.to_path_buf(),
            bounds,
            bug,
            journal_id,
            words,
            opened: (found.folded.age, Instant::now()),
            reported_gap: found.folded.last_gap,
            folded: found.folded,
            folded_at: found.folded_at,
            unfolded: found.unfolded,
            room: super::room::Room::default(),
            wal,
            recent: super::recent::Recent::default(),
            dropped: Vec::new(),
            marked: None,
        };
        Ok((journal, restored))
    }

    /// Slots that have their final answer.
    pub fn finished(&self) -> &Finished {
        &self.folded.finished
    }
}

/// The counters must agree with the last row, and the newest rows must be whole.
fn check_tail(db: &Connection, last: u64) -> Result<(), OpenError> {
    let newest: Option<u64> = db.query_row(
        concat!("SELECT MAX(s) FROM (", events!("MAX(slot) AS s", ""), ")"),
        [],
        |row| row.get(0),
    )?;
    if newest > Some(last) {
        return Err(OpenError::Damaged("counters"));
    }
    let mut statement =
        db.prepare(concat!(events!("slot, body", ""), " ORDER BY 1 DESC LIMIT ?1"))?;
    let mut rows = statement.query([TAIL_ROWS])?;
    while let Some(found) = rows.next()? {
        let slot: u64 = found.get(0)?;
        let body = found.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        row::check(slot, body).map_err(|_| OpenError::Damaged("newest rows"))?;
    }
    Ok(())
}
