//! What SQLite sees of a disk that fails, and what is left afterwards.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ledger;

use std::fs;

use doorward_powercut::{Fault, Shape};
use ledger::{Found, Ledger, append, judge, last_of, opened_fast};
use rusqlite::{Connection, ffi};

const WAL: &str = "PRAGMA synchronous=EXTRA; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;
     PRAGMA wal_autocheckpoint=12;";

fn code(result: rusqlite::Result<()>) -> i32 {
    match result {
        Err(rusqlite::Error::SqliteFailure(error, _)) => error.extended_code,
        other => panic!("{other:?}"),
    }
}

/// What a transaction of a database at work comes to under the fault; then all goes on.
fn at_work(fault: Fault) -> i32 {
    let ledger = Ledger::new();
    // No checkpoint: every transaction makes the WAL longer.
    let mut db = ledger.open(&WAL.replace("=12", "=0"));
    ledger.fill(&mut db, 1..=7);
    ledger.recorder.fail(fault);
    let code = code(append(&mut db, 8));
    ledger.recorder.fail(Fault::None);
    ledger.fill(&mut db, 8..=20);
    drop(db);
    assert_eq!(last_of(&ledger.path()), Ok(20));
    code
}

#[test]
fn every_fault_has_the_code_of_the_system() {
    assert_eq!(at_work(Fault::Enospc), ffi::SQLITE_FULL);
    assert_eq!(at_work(Fault::EnospcGrowth), ffi::SQLITE_FULL);
    assert_eq!(at_work(Fault::Eio), ffi::SQLITE_IOERR_WRITE);
    assert_eq!(at_work(Fault::ReadOnly), ffi::SQLITE_IOERR_WRITE);
    assert_eq!(at_work(Fault::SyncEio), ffi::SQLITE_IOERR_FSYNC);
}

/// A WAL that starts anew after a checkpoint writes over what it has.
#[test]
fn a_disk_that_cannot_grow_takes_what_needs_no_room() {
    let ledger = Ledger::new();
    let mut db = ledger.open(WAL);
    ledger.fill(&mut db, 1..=10);
    db.query_row("PRAGMA wal_checkpoint(RESTART)", [], |_| Ok(())).unwrap();
    ledger.recorder.fail(Fault::EnospcGrowth);
    db.execute("UPDATE total SET count = count + 1", []).unwrap();
    ledger.recorder.fail(Fault::Enospc);
    assert_eq!(
        code(db.execute("UPDATE total SET count = count + 1", []).map(drop)),
        ffi::SQLITE_FULL
    );
}

#[test]
fn what_is_opened_under_a_fault_fails_as_it_should() {
    let ledger = Ledger::new();
    drop(ledger.open(WAL));
    let read = |db: &Connection| {
        db.query_row("SELECT count FROM total", [], |row| row.get::<_, u64>(0)).map(drop)
    };

    ledger.recorder.fail(Fault::ReadOnly);
    let db = Connection::open(ledger.path()).unwrap();
    // The WAL went with the last connection, and cannot be made again.
    let written = code(db.execute("UPDATE total SET count = 1", []).map(drop));
    assert_eq!(written & 0xff, ffi::SQLITE_CANTOPEN);
    let missing = Connection::open(ledger.folder().join("missing.db"));
    assert_eq!(code(missing.map(drop)), ffi::SQLITE_CANTOPEN);

    ledger.recorder.fail(Fault::Eio);
    assert_eq!(code(Connection::open(ledger.path()).map(drop)), ffi::SQLITE_CANTOPEN);
    assert_eq!(code(read(&db)) & 0xff, ffi::SQLITE_IOERR);

    ledger.recorder.fail(Fault::Enospc);
    let missing = Connection::open(ledger.folder().join("missing.db"));
    assert_eq!(code(missing.map(drop)), ffi::SQLITE_CANTOPEN);

    ledger.recorder.fail(Fault::None);
    read(&Connection::open(ledger.path()).unwrap()).unwrap();
}

/// Read-only and without a WAL: it can be read, and says why it cannot be written.
#[test]
fn a_database_opened_read_only_says_so() {
    let ledger = Ledger::new();
    drop(ledger.open("PRAGMA journal_mode=DELETE;"));
    ledger.recorder.fail(Fault::ReadOnly);
    let db = Connection::open(ledger.path()).unwrap();
    db.query_row("SELECT count FROM total", [], |row| row.get::<_, u64>(0)).unwrap();
    let written = code(db.execute("UPDATE total SET count = 1", []).map(drop));
    assert_eq!(written & 0xff, ffi::SQLITE_READONLY);
}

/// Linux drops what a failed sync should have written and says so once only. What is acknowledged
/// after that is there all the same: SQLite writes it again.
#[test]
fn a_failed_sync_takes_nothing_that_was_acknowledged() {
    let ledger = Ledger::new();
    let mut db = ledger.open(WAL);
    let mut failed = 0;
    for id in 1..=40 {
        if id % 3 == 0 {
            ledger.recorder.fail(Fault::SyncEio);
            failed += usize::from(append(&mut db, id).is_err());
            ledger.recorder.fail(Fault::None);
        }
        append(&mut db, id).unwrap();
        ledger.recorder.mark(id);
    }
    assert!(failed > 10, "{failed}");
    let trace = ledger.recorder.trace();
    let folder = tempfile::tempdir().unwrap();
    let _fast = opened_fast(folder.path());
    let into = folder.path().join("cut");
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut abandoned = 0;
    for at in 0..=trace.len() {
        for shape in [Shape::Nothing, Shape::Subset, Shape::TornSectors, Shape::Prefix] {
            let cut = trace.cut(at, shape, seed, &into).unwrap();
            let (found, why) = judge(&into, cut.marks.last().copied().unwrap_or_default());
            assert_eq!(found, Found::Whole, "{why}; {}", cut.what);
            abandoned += usize::from(trace.before(at).starts_with("fsync") && cut.lost > 0);
            fs::remove_dir_all(&into).unwrap();
        }
    }
    eprintln!("{abandoned} cuts right after a good sync lost something");
    assert!(abandoned > 0);
}
