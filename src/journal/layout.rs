//! The file's layout and how it is opened.

use rusqlite::{Connection, TransactionBehavior};

use super::planted::{self, Bug};
use super::{OpenError, upgrade};

/// `PRAGMA user_version` of the layout below.
pub(super) const LAYOUT: i64 = 2;
/// `PRAGMA application_id`: "DrWd".
pub(super) const APPLICATION: i64 = 0x4472_5764;
/// Bytes of a page of a new file (decisions/0015).
pub(super) const PAGE: u64 = 2048;
/// `access`, `state` and `telemetry` hold the events, one table for classes that go together, so
/// that deletion takes whole pages from a table's front. They are appended at their ends, without
/// a secondary index: a commit of one event writes one page. `slot` is the event's place in this
/// file, whatever its table; `kind` and `vendor` are ids of `word`; `at` is the journal's age in
/// seconds; `body`: `row`. The other tables hold what was folded out of the rows (`folded`), and
/// the quarantine.
pub(super) const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE word (id INTEGER PRIMARY KEY, word TEXT NOT NULL);
CREATE TABLE access (
    slot INTEGER PRIMARY KEY, kind INTEGER NOT NULL, type_sequence INTEGER NOT NULL,
    vendor INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE state (
    slot INTEGER PRIMARY KEY, kind INTEGER NOT NULL, type_sequence INTEGER NOT NULL,
    vendor INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE telemetry (
    slot INTEGER PRIMARY KEY, kind INTEGER NOT NULL, type_sequence INTEGER NOT NULL,
    vendor INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE fact (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (block INTEGER PRIMARY KEY, digests BLOB NOT NULL);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, vendor TEXT, source TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, bytes INTEGER NOT NULL,
    raw TEXT, keyed_digest TEXT);
";

/// What outlives the events (`audit`): digests by slot, ranges that were closed, by their last
/// slot (`event` is its checkpoint's slot, `number` and `digests` count ranges and their digests up
/// to it), and slots that were given up or refused and stand in no closed range yet. Files that were
/// made without these tables get them when they are opened.
pub(super) const AUDIT_TABLES: &str = "
CREATE TABLE audit (
    slot INTEGER PRIMARY KEY, kind INTEGER NOT NULL, leaf BLOB NOT NULL,
    erased INTEGER NOT NULL);
CREATE TABLE checkpoint (
    last INTEGER PRIMARY KEY, first INTEGER NOT NULL, event INTEGER NOT NULL,
    at INTEGER NOT NULL, number INTEGER NOT NULL, digests INTEGER NOT NULL,
    lost INTEGER NOT NULL, root BLOB NOT NULL, signed TEXT NOT NULL);
CREATE INDEX checkpoint_event ON checkpoint (event);
CREATE TABLE fate (
    first INTEGER PRIMARY KEY, last INTEGER NOT NULL, reason TEXT NOT NULL);
";

/// All events. As the innermost of a query it is merged by `slot`, nothing is sorted.
macro_rules! events {
    ($columns:literal, $condition:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM access ",
            $condition,
            " UNION ALL SELECT ",
            $columns,
            " FROM state ",
            $condition,
            " UNION ALL SELECT ",
            $columns,
            " FROM telemetry ",
            $condition,
        )
    };
}
pub(super) use events;

/// Sets the connection up, creates the tables in an empty file, and brings an older layout up to
/// this one. Nothing is written to a file that is not ours.
///
/// The way to WAL is taken under `synchronous=EXTRA`: with less, a power cut may bring back the
/// rollback journal of the switch itself and undo what was committed after it.
pub(super) fn prepare(db: &mut Connection, bug: Option<Bug>) -> Result<Option<i64>, OpenError> {
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let parts: i64 = db.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let empty = (application, version, parts) == (0, 0, 0);
    if !empty && application != APPLICATION {
        return Err(OpenError::NotAJournal);
    }
    if !empty && !(upgrade::OLDEST..=LAYOUT).contains(&version) {
        return Err(OpenError::Layout { found: version });
    }
    if empty {
        db.pragma_update(None, "page_size", PAGE)?;
    }
    db.pragma_update(None, "synchronous", "EXTRA")?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::NoWal(mode));
    }
    let synchronous = if planted::is(bug, Bug::SynchronousOff) { "OFF" } else { "FULL" };
    db.pragma_update(None, "synchronous", synchronous)?;
    db.pragma_update(None, "cache_size", -2048)?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    // Deleted content is zeroed: a freed page that is used again for less would else keep the
    // rest of what it held, out of reach of an erasure.
    db.pragma_update_and_check(None, "secure_delete", "ON", |_| Ok(()))?;
    db.set_prepared_statement_cache_capacity(64);
    if empty {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLES)?;
        transaction.execute_batch(AUDIT_TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
        transaction.commit()?;
        return Ok(None);
    }
    let from = upgrade::bring_up(db, version)?;
    Ok(from)
}
