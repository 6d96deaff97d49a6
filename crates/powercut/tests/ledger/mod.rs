//! A small database whose every transaction can be told from what it must have left.
#![allow(dead_code, reason = "each test takes what it needs")]

use std::path::{Path, PathBuf};

use doorward_powercut::{Options, PowercutVfs, Recorder, Trace};
use rusqlite::Connection;

pub const FILE: &str = "ledger.db";

/// A folder that goes with the test.
pub struct Ledger {
    folder: tempfile::TempDir,
    pub recorder: Recorder,
}

impl Ledger {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recorder = PowercutVfs::register(folder.path()).unwrap();
        Self { folder, recorder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join(FILE)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn open(&self, pragmas: &str) -> Connection {
        let db = Connection::open(self.path()).unwrap();
        db.execute_batch(pragmas).unwrap();
        db.execute_batch(
            "CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
             CREATE TABLE IF NOT EXISTS total (count INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;
             INSERT INTO total SELECT 0, 0 WHERE NOT EXISTS (SELECT 1 FROM total);",
        )
        .unwrap();
        db
    }

    /// Commits the transactions `ids`, and marks each when it is acknowledged.
    pub fn fill(&self, db: &mut Connection, ids: std::ops::RangeInclusive<u64>) {
        for id in ids {
            append(db, id).unwrap();
            self.recorder.mark(id);
        }
    }

    /// What happened while a database with these pragmas took so many transactions.
    pub fn trace_of(pragmas: &str, transactions: u64) -> Trace {
        let ledger = Self::new();
        let mut db = ledger.open(pragmas);
        ledger.fill(&mut db, 1..=transactions);
        ledger.recorder.trace()
    }
}

/// A folder in which databases need not wait for the real disk.
pub fn opened_fast(folder: &Path) -> Recorder {
    let options = Options { recording: false, ..Options::default() };
    PowercutVfs::register_with(folder, options).unwrap()
}

/// From nothing to three pages: transactions that fit one sector, one page, and neither.
fn body(id: u64) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(id);
    let mut body = vec![0; [0, 40, 700, 4_000, 12_000][rng.usize(..5)]];
    rng.fill(&mut body);
    body
}

/// One transaction in two tables: half of it is corruption. Every fifth deletes an old body too.
pub fn append(db: &mut Connection, id: u64) -> rusqlite::Result<()> {
    let transaction = db.transaction()?;
    let body = body(id);
    transaction.execute("INSERT INTO entry VALUES (?1, ?2)", (id, &body))?;
    transaction.execute("UPDATE total SET count = ?1, bytes = bytes + ?2", (id, body.len()))?;
    if id.is_multiple_of(5) {
        transaction.execute("DELETE FROM entry WHERE id = ?1", [id / 2])?;
    }
    transaction.commit()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// All that was acknowledged, and nothing that is half.
    Whole,
    /// A state that was once committed, but older than what was acknowledged.
    Old,
    /// None that ever was.
    Corrupt,
}

/// What a database left by a cut is worth, `acknowledged` being the last transaction that must be
/// in it (0: not even the tables).
pub fn judge(folder: &Path, acknowledged: u64) -> (Found, String) {
    match last_of(&folder.join(FILE)) {
        Err(why) => (Found::Corrupt, why),
        Ok(last) if last < acknowledged => (Found::Old, format!("{last} of {acknowledged}")),
        Ok(last) => (Found::Whole, format!("{last} of {acknowledged}")),
    }
}

/// The last transaction in the file, if everything up to it is there.
pub fn last_of(file: &Path) -> Result<u64, String> {
    let db = Connection::open(file).map_err(|error| error.to_string())?;
    let read = || -> rusqlite::Result<Result<u64, String>> {
        let tables: u64 =
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let check: String = db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
        if check != "ok" {
            return Ok(Err(check));
        }
        if tables < 2 {
            return Ok(Ok(0));
        }
        let totals: Option<(u64, u64)> = db
            .prepare("SELECT count, bytes FROM total")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .next()
            .transpose()?;
        let Some((count, bytes)) = totals else { return Ok(Ok(0)) };
        let mut rest: std::collections::BTreeMap<u64, Vec<u8>> =
            (1..=count).map(|id| (id, body(id))).collect();
        let written: usize = rest.values().map(Vec::len).sum();
        if bytes != written as u64 {
            return Ok(Err(format!("{bytes} bytes counted, {written} written")));
        }
        (1..=count / 5).for_each(|deleter| drop(rest.remove(&(deleter * 5 / 2))));
        let mut entries = db.prepare("SELECT id, body FROM entry")?;
        let entries = entries.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let entries: std::collections::BTreeMap<u64, Vec<u8>> =
            entries.collect::<Result<_, _>>()?;
        if entries != rest {
            return Ok(Err(format!("the entries up to {count} are others")));
        }
        Ok(Ok(count))
    };
    read().map_err(|error| error.to_string())?
}
