//! Remembers in an SQLite file: for the processes of one machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use uuid::Uuid;

use super::{Claim, Document, Store, StoreError, StoreFuture, Token};

/// `PRAGMA user_version` of the tables below.
pub const SCHEMA: i64 = 1;
/// `PRAGMA application_id`: the letters `DrWs`.
const APPLICATION: i64 = 0x4472_5773;
/// How long a call waits for another process.
const BUSY: Duration = Duration::from_secs(5);
/// How long a call waits for the others of its process; then it fails. Waiting calls take no
/// blocking thread.
pub const TURN: Duration = Duration::from_secs(10);
/// New rows between two trims: by so many a table may exceed [`Retention::most`].
pub const TRIM_EVERY: u32 = 256;
/// Rows deleted at once, so that nobody waits long behind it.
const BLOCK: i64 = 500;
/// Blocks that one trim deletes of one table; the next goes on.
const MOST_BLOCKS: u32 = 20;

/// `until`: the end of a lease or of a value, in Unix milliseconds; 0 where there is none. `at`:
/// when the row was written last.
const TABLES: &str = "
CREATE TABLE claims (
    scope TEXT NOT NULL, id BLOB NOT NULL, done INTEGER NOT NULL, token BLOB NOT NULL,
    until INTEGER NOT NULL, at INTEGER NOT NULL, UNIQUE (scope, id));
CREATE INDEX claims_at ON claims (at);
CREATE TABLE once (
    key TEXT NOT NULL UNIQUE, value TEXT NOT NULL,
    until INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX once_at ON once (at);
CREATE TABLE documents (
    key TEXT NOT NULL UNIQUE, version INTEGER NOT NULL, bytes BLOB NOT NULL,
    until INTEGER NOT NULL, at INTEGER NOT NULL);
CREATE INDEX documents_at ON documents (at);
";

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// How long: longer than any queue or replay may bring an event again.
    pub time: Duration,
    /// How many ids, values and documents, each. With at most [`TRIM_EVERY`] more, the oldest go,
    /// except ids that are being handled.
    pub most: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Retention {
    /// 30 days, a million.
    pub const DEFAULT: Self = Self { time: Duration::from_hours(30 * 24), most: 1_000_000 };
}

/// A store in a file, with a write-ahead log that is synced with every call. A clone is the same.
///
/// All calls of a process take turns on one connection, on one blocking thread at a time; one
/// that waits longer than [`TURN`] fails.
#[derive(Clone)]
pub struct Sqlite {
    db: Arc<Mutex<Connection>>,
    retention: Retention,
    /// Rows added since the last trim.
    added: Arc<AtomicU32>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Somebody else's database.
    #[error("the file is not a subscriber's store")]
    NotAStore,
    /// Written by another version of this library.
    #[error("the store has the schema {found}; this build knows {SCHEMA}")]
    Schema {
        /// The file's schema.
        found: i64,
    },
    /// It would not be durable.
    #[error("no write-ahead log, but {0}")]
    NoWal(String),
    /// The database says no.
    #[error("the store cannot be opened: {0}")]
    Database(#[from] rusqlite::Error),
    /// The runtime is ending.
    #[error("the runtime ends")]
    Ending,
}

impl Sqlite {
    /// Opens the file, or creates it.
    pub async fn open(path: impl AsRef<Path>, retention: Retention) -> Result<Self, OpenError> {
        let path: PathBuf = path.as_ref().to_owned();
        let opened = spawn_blocking(move || {
            let mut db = Connection::open(path)?;
            prepare(&mut db)?;
            trim(&mut db, retention, now())?;
            Ok::<_, OpenError>(db)
        });
        let db = opened.await.map_err(|_| OpenError::Ending)??;
        let added = Arc::new(AtomicU32::new(0));
        Ok(Self { db: Arc::new(Mutex::new(db)), retention, added })
    }

    fn call<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut Connection) -> rusqlite::Result<(T, Added)> + Send + 'static,
    ) -> StoreFuture<'_, T> {
        let Self { db, retention, added } = self.clone();
        Box::pin(async move {
            let Ok(mut db) = timeout(TURN, db.lock_owned()).await else {
                return Err(StoreError::Failed("Busy: no turn in time".to_owned()));
            };
            // A transaction that a panic ended is rolled back.
            let done = spawn_blocking(move || {
                let (value, new) = call(&mut db)?;
                if new == Added::Row && added.fetch_add(1, Ordering::Relaxed) + 1 >= TRIM_EVERY {
                    added.store(0, Ordering::Relaxed);
                    // What is asked has been done; the next trim does this one's work.
                    if let Err(error) = trim(&mut db, retention, now()) {
                        tracing::warn!(error = %code(&error), "the store was not trimmed");
                    }
                }
                Ok(value)
            });
            match done.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(StoreError::Failed(code(&error))),
                Err(_) => Err(StoreError::Failed("the call did not end".to_owned())),
            }
        })
    }
}

/// Whether a call has added a row.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Added {
    Row,
    Nothing,
}

impl Added {
    fn when(added: bool) -> Self {
        if added { Self::Row } else { Self::Nothing }
    }
}

fn prepare(db: &mut Connection) -> Result<(), OpenError> {
    db.busy_timeout(BUSY)?;
    let application: i64 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let parts: i64 = db.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if application != APPLICATION && (application, parts) != (0, 0) {
        return Err(OpenError::NotAStore);
    }
    let mode: String = db.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::NoWal(mode));
    }
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "trusted_schema", "OFF")?;
    db.pragma_update(None, "journal_size_limit", 8 << 20)?;
    // Of two processes that create it, the second finds it made.
    let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let application: i64 =
        transaction.pragma_query_value(None, "application_id", |row| row.get(0))?;
    if (application, version) == (0, 0) {
        transaction.execute_batch(TABLES)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", SCHEMA)?;
    } else if version != SCHEMA {
        return Err(OpenError::Schema { found: version });
    }
    transaction.commit()?;
    Ok(())
}

/// Deletes what is too old, then what is too many.
fn trim(db: &mut Connection, retention: Retention, now: i64) -> rusqlite::Result<()> {
    let oldest = now.saturating_sub(millis(retention.time));
    // A table, and until when its rows must stay although there are too many.
    for (table, kept_after) in [("claims", now), ("once", i64::MAX), ("documents", i64::MAX)] {
        let old = format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} \
             WHERE at < ?1 AND until <= ?2 ORDER BY at LIMIT ?3)"
        );
        let excess = format!(
            "DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} \
             WHERE until <= ?1 ORDER BY at LIMIT ?2)"
        );
        for _ in 0..MOST_BLOCKS {
            if db.prepare_cached(&old)?.execute(params![oldest, now, BLOCK])? == 0 {
                break;
            }
        }
        let count = format!("SELECT COUNT(*) FROM {table}");
        let count: i64 = db.prepare_cached(&count)?.query_row([], |row| row.get(0))?;
        let mut over = count - i64::from(retention.most);
        for _ in 0..MOST_BLOCKS {
            if over <= 0 {
                break;
            }
            let gone = db.prepare_cached(&excess)?.execute(params![kept_after, over.min(BLOCK)])?;
            over = if gone == 0 { 0 } else { over - BLOCK };
        }
    }
    Ok(())
}

impl Store for Sqlite {
    fn claim<'a>(&'a self, scope: &'a str, id: Uuid, lease: Duration) -> StoreFuture<'a, Claim> {
        let scope = scope.to_owned();
        self.call(move |db| {
            let now = now();
            let turn = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let there: Option<(bool, i64)> = turn
                .prepare_cached("SELECT done, until FROM claims WHERE scope = ?1 AND id = ?2")?
                .query_row(params![scope, id.as_bytes()], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()?;
            let busy = match there {
                Some((true, _)) => return Ok((Claim::Done, Added::Nothing)),
                Some((false, until)) => until.saturating_sub(now),
                None => 0,
            };
            if let Ok(left) = u64::try_from(busy)
                && left > 0
            {
                let left = Duration::from_millis(left);
                return Ok((Claim::Busy { left }, Added::Nothing));
            }
            let token = Token::draw();
            turn.prepare_cached(
                "INSERT INTO claims (scope, id, done, token, until, at) \
                 VALUES (?1, ?2, 0, ?3, ?4, ?5) \
                 ON CONFLICT (scope, id) DO UPDATE SET token = ?3, until = ?4, at = ?5",
            )?
            .execute(params![
                scope,
                id.as_bytes(),
                token.0.as_bytes(),
                now.saturating_add(millis(lease)),
                now
            ])?;
            turn.commit()?;
            Ok((Claim::New(token), Added::when(there.is_none())))
        })
    }

    fn done<'a>(&'a self, scope: &'a str, id: Uuid) -> StoreFuture<'a, ()> {
        let scope = scope.to_owned();
        self.call(move |db| {
            db.prepare_cached(
                "INSERT INTO claims (scope, id, done, token, until, at) \
                 VALUES (?1, ?2, 1, x'', 0, ?3) \
                 ON CONFLICT (scope, id) DO UPDATE SET done = 1, until = 0, at = ?3",
            )?
            .execute(params![scope, id.as_bytes(), now()])?;
            Ok(((), Added::Nothing))
        })
    }

    fn release<'a>(&'a self, scope: &'a str, id: Uuid, token: Token) -> StoreFuture<'a, ()> {
        let scope = scope.to_owned();
        self.call(move |db| {
            db.prepare_cached(
                "DELETE FROM claims WHERE scope = ?1 AND id = ?2 AND done = 0 AND token = ?3",
            )?
            .execute(params![scope, id.as_bytes(), token.0.as_bytes()])?;
            Ok(((), Added::Nothing))
        })
    }

    fn claim_once<'a>(
        &'a self,
        key: &'a str,
        value: &'a str,
        ttl: Duration,
    ) -> StoreFuture<'a, Option<String>> {
        let (key, value) = (key.to_owned(), value.to_owned());
        self.call(move |db| {
            let now = now();
            let turn = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let there: Option<String> = turn
                .prepare_cached("SELECT value FROM once WHERE key = ?1 AND until > ?2")?
                .query_row(params![key, now], |row| row.get(0))
                .optional()?;
            if there.is_none() {
                turn.prepare_cached(
                    "INSERT INTO once (key, value, until, at) VALUES (?1, ?2, ?3, ?4) \
                     ON CONFLICT (key) DO UPDATE SET value = ?2, until = ?3, at = ?4",
                )?
                .execute(params![
                    key,
                    value,
                    now.saturating_add(millis(ttl)),
                    now
                ])?;
                turn.commit()?;
            }
            let added = Added::when(there.is_none());
            Ok((there, added))
        })
    }

    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Document>> {
        let key = key.to_owned();
        self.call(move |db| {
            let document = db
                .prepare_cached("SELECT bytes, version FROM documents WHERE key = ?1")?
                .query_row([key], |row| {
                    let version: i64 = row.get(1)?;
                    Ok(Document { bytes: row.get(0)?, version: version.unsigned_abs() })
                })
                .optional()?;
            Ok((document, Added::Nothing))
        })
    }

    fn swap<'a>(&'a self, key: &'a str, version: u64, bytes: &'a [u8]) -> StoreFuture<'a, bool> {
        let (key, bytes) = (key.to_owned(), bytes.to_vec());
        // No document has a version that does not fit.
        let version = i64::try_from(version).unwrap_or(i64::MAX);
        self.call(move |db| {
            let now = now();
            let written = if version == 0 {
                db.prepare_cached(
                    "INSERT INTO documents (key, version, bytes, until, at) \
                     VALUES (?1, 1, ?2, 0, ?3) \
                     ON CONFLICT (key) DO NOTHING",
                )?
                .execute(params![key, bytes, now])?
            } else {
                db.prepare_cached(
                    "UPDATE documents SET version = version + 1, bytes = ?2, at = ?3 \
                     WHERE key = ?1 AND version = ?4",
                )?
                .execute(params![key, bytes, now, version])?
            };
            Ok((written > 0, Added::when(written > 0 && version == 0)))
        })
    }
}

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn millis(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

/// What the database says, without statement and values.
fn code(error: &rusqlite::Error) -> String {
    match error.sqlite_error_code() {
        Some(code) => format!("{code:?}"),
        None => "Database".to_owned(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn who_gets_no_turn_is_told_so_and_takes_no_thread() {
        let folder = tempfile::tempdir().unwrap();
        let store = Sqlite::open(folder.path().join("s.db"), Retention::DEFAULT).await.unwrap();
        let held = Arc::clone(&store.db).lock_owned().await;
        let begun = Instant::now();
        let (one, other) = tokio::join!(store.load("a"), store.load("b"));
        let busy = Err(StoreError::Failed("Busy: no turn in time".to_owned()));
        assert_eq!((&one, &other), (&busy, &busy));
        assert_eq!(begun.elapsed(), TURN);
        drop(held);
        assert_eq!(store.load("a").await, Ok(None));
    }
}
