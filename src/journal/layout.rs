//! The file's layout and how it is opened.

use rusqlite::{Connection, TransactionBehavior};

use super::OpenError;

/// `PRAGMA user_version` of the layout below.
pub(super) const LAYOUT: i64 = 1;
/// `PRAGMA application_id`: "DrWd".
pub(super) const APPLICATION: i64 = 0x4472_5764;

/// `event` is the hot table: integer primary key, no secondary index, appended at its end.
/// A finished event's row stays as local history until `history` trims it in blocks.
/// `seen` is a ring: `slot` is the running number modulo its size.
const TABLES: &str = "
CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE event_type (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL,
    sequence INTEGER NOT NULL DEFAULT 0, delivered_through INTEGER NOT NULL DEFAULT 0);
CREATE TABLE event (
    sequence INTEGER PRIMARY KEY, type INTEGER NOT NULL, type_sequence INTEGER NOT NULL,
    vendor TEXT, lane_key TEXT NOT NULL, detail TEXT NOT NULL);
CREATE TABLE fact (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE seen (slot INTEGER PRIMARY KEY, digest BLOB NOT NULL);
CREATE TABLE quarantine (
    id INTEGER PRIMARY KEY, at TEXT NOT NULL, vendor TEXT, source TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, bytes INTEGER NOT NULL,
    raw TEXT, keyed_digest TEXT);
";

/// Sets the connection up and creates the tables in an empty file.
///
/// The way to WAL is taken under `synchronous=EXTRA`: with less, a power cut may bring back the
/// rollback journal of the switch itself and undo what was committed after it.
pub(super) fn prepare(db: &mut Connection) -> Result<(), OpenError> {
    db.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let parts: i64 = db.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    // Nothing is written to a file that is not ours.
    let empty = (application, version, parts) == (0, 0, 0);
    if !empty && application != APPLICATION {
        return Err(OpenError::NotAJournal);
    }
    if !empty && version != LAYOUT {
        return Err(OpenError::Layout { found: version });
    }
    if empty {
        db.pragma_update(None, "page_size", 4096)?;
    }
    db.pragma_update(None, "synchronous", "EXTRA")?;
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::NoWal(mode));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "cache_size", -2048)?;
    db.pragma_update(None, "journal_size_limit", 8 << 20)?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    if empty {
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
        transaction.commit()?;
    }
    Ok(())
}
