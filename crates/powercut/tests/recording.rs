//! What a trace holds, and what a cut of it writes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ledger;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use doorward_powercut::{Options, PowercutVfs, Shape, Trace};
use ledger::{FILE, Ledger, append, last_of, opened_fast};
use rusqlite::Connection;

const WAL: &str =
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=EXTRA; PRAGMA journal_mode=WAL;
     PRAGMA synchronous=FULL;";

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .filter(|path| path.is_file() && !path.to_str().unwrap().ends_with("-shm"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        })
        .collect()
}

fn cut(trace: &Trace, at: usize, shape: Shape, seed: u64) -> BTreeMap<String, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    trace.cut(at, shape, seed, folder.path()).unwrap();
    files(folder.path())
}

/// The whole of what was written is the folder itself: the record misses nothing.
#[test]
fn everything_is_what_the_folder_holds() {
    for pragmas in [
        WAL,
        "PRAGMA journal_mode=WAL; PRAGMA mmap_size=1000000; PRAGMA wal_autocheckpoint=7;",
        "PRAGMA journal_mode=DELETE;",
        "PRAGMA journal_mode=TRUNCATE; PRAGMA auto_vacuum=FULL;",
        "PRAGMA journal_mode=PERSIST; PRAGMA cache_size=2;",
        "PRAGMA page_size=512; PRAGMA journal_mode=MEMORY;",
    ] {
        let ledger = Ledger::new();
        let mut db = ledger.open(pragmas);
        for ids in [1..=10, 11..=30] {
            ledger.fill(&mut db, ids);
            let trace = ledger.recorder.trace();
            let all = cut(&trace, trace.len(), Shape::Everything, 0);
            assert!(all == files(ledger.folder()), "{pragmas}");
        }
        db.execute_batch("DELETE FROM entry; VACUUM;").unwrap();
        let trace = ledger.recorder.trace();
        assert!(cut(&trace, trace.len(), Shape::Everything, 0) == files(ledger.folder()));
        drop(db);
        let trace = ledger.recorder.trace();
        assert!(cut(&trace, trace.len(), Shape::Everything, 0) == files(ledger.folder()));
    }
}

#[test]
fn the_same_cut_is_the_same_in_any_order() {
    let trace = Ledger::trace_of(WAL, 40);
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let places: Vec<usize> = (0..=trace.len()).step_by(17).collect();
    for shape in Shape::HONEST.into_iter().chain([Shape::SyncsSwallowed]) {
        let up: Vec<_> = places.iter().map(|at| cut(&trace, *at, shape, seed)).collect();
        let down: Vec<_> = places.iter().rev().map(|at| cut(&trace, *at, shape, seed)).collect();
        assert!(up.into_iter().eq(down.into_iter().rev()), "{shape:?}");
    }
}

#[test]
fn another_seed_is_another_cut() {
    let pragmas = WAL.replace("synchronous=FULL", "synchronous=OFF");
    let trace = Ledger::trace_of(&pragmas, 20);
    for shape in [Shape::Prefix, Shape::Subset, Shape::TornSectors, Shape::TornPrefix] {
        let some: Vec<_> = (0..10).map(|seed| cut(&trace, trace.len(), shape, seed)).collect();
        assert!(some.iter().any(|other| *other != some[0]), "{shape:?}");
    }
}

#[test]
fn a_cut_begins_from_what_was_there() {
    let ledger = Ledger::new();
    let mut db = ledger.open(WAL);
    ledger.fill(&mut db, 1..=10);
    drop(db);
    let folder = ledger.folder().to_owned();
    let path = ledger.path();
    drop(ledger.recorder);
    let recorder = PowercutVfs::register(&folder).unwrap();
    let trace = recorder.trace();
    assert!(trace.is_empty());
    assert!(cut(&trace, 0, Shape::Nothing, 0) == files(&folder));
    append(&mut Connection::open(path).unwrap(), 11).unwrap();
    recorder.mark(11);
    let trace = recorder.trace();
    assert_eq!(trace.marks(trace.len()), [11]);
    let into = tempfile::tempdir().unwrap();
    let cut = trace.cut(0, Shape::Nothing, 0, into.path()).unwrap();
    assert_eq!((last_of(&into.path().join(FILE)), cut.marks), (Ok(10), vec![]));
}

#[test]
fn threads_have_folders_of_their_own() {
    let threads: Vec<_> = (0..6)
        .map(|turn| {
            thread::spawn(move || {
                let ledger = Ledger::new();
                let mut db = ledger.open(WAL);
                ledger.fill(&mut db, 1..=20 + turn);
                let trace = ledger.recorder.trace();
                assert_eq!(trace.marks(trace.len()), (1..=20 + turn).collect::<Vec<_>>());
                let into = tempfile::tempdir().unwrap();
                trace.cut(trace.len(), Shape::Nothing, 0, into.path()).unwrap();
                assert_eq!(last_of(&into.path().join(FILE)), Ok(20 + turn));
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
}

#[test]
fn a_folder_inside_another_has_its_own_recorder() {
    let outer = Ledger::new();
    let inner = outer.folder().join("inner");
    fs::create_dir(&inner).unwrap();
    let recorder = PowercutVfs::register(&inner).unwrap();
    assert_eq!(PowercutVfs::register(&inner).err().unwrap().kind(), io::ErrorKind::AlreadyExists);
    let db = Connection::open(inner.join(FILE)).unwrap();
    db.execute_batch("CREATE TABLE a (b)").unwrap();
    assert!(recorder.trace().len() > 3);
}

#[test]
fn a_folder_with_something_in_it_is_refused() {
    let trace = Ledger::trace_of(WAL, 1);
    let into = tempfile::tempdir().unwrap();
    trace.cut(0, Shape::Nothing, 0, into.path()).unwrap();
    fs::write(into.path().join("something"), "").unwrap();
    let error = trace.cut(0, Shape::Nothing, 0, into.path()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::DirectoryNotEmpty);
}

#[test]
#[should_panic(expected = "the trace reached its limit of 100000 bytes")]
fn beyond_its_limit_a_trace_fails_loudly() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { limit: 100_000, ..Options::default() };
    let recorder = PowercutVfs::register_with(folder.path(), options).unwrap();
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    db.execute_batch("CREATE TABLE a (b)").unwrap();
    let error = db.execute("INSERT INTO a VALUES (zeroblob(200000))", []).unwrap_err();
    assert_eq!(error.sqlite_error().unwrap().extended_code, rusqlite::ffi::SQLITE_IOERR_WRITE);
    drop(recorder.trace());
}

/// SQLite fills a sector of the journal up if a write might harm what is beside it.
#[test]
fn the_promise_about_bytes_beside_a_write_can_be_withdrawn() {
    let written = |powersafe_overwrite| {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { powersafe_overwrite, ..Options::default() };
        let recorder = PowercutVfs::register_with(folder.path(), options).unwrap();
        let db = Connection::open(folder.path().join(FILE)).unwrap();
        db.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE a (b);").unwrap();
        drop(recorder.trace());
        fs::metadata(folder.path().join(format!("{FILE}-wal"))).unwrap().len()
    };
    assert!(written(false) > written(true));
}

/// A file that is moved aside and one that is copied in, both without SQLite: unsynced, until said
/// otherwise or until SQLite syncs the folder.
#[test]
fn what_happens_without_sqlite_is_seen() {
    let ledger = Ledger::new();
    let mut db = ledger.open(WAL);
    ledger.fill(&mut db, 1..=3);
    drop(db);
    ledger.recorder.outside_synced();
    let before = files(ledger.folder());
    let aside = ledger.folder().join("aside.db");
    fs::rename(ledger.path(), &aside).unwrap();
    fs::write(ledger.folder().join("note"), "why").unwrap();
    let trace = ledger.recorder.trace();
    assert!(cut(&trace, trace.len(), Shape::Nothing, 0) == before);
    let after = files(ledger.folder());
    assert_eq!(after.keys().collect::<Vec<_>>(), ["aside.db", "note"]);
    assert!(cut(&trace, trace.len(), Shape::Everything, 0) == after);
    assert_eq!(trace.before(trace.len()).split(' ').next(), Some("write"));

    ledger.recorder.outside_synced();
    let trace = ledger.recorder.trace();
    assert!(cut(&trace, trace.len(), Shape::Nothing, 0) == after);

    fs::write(ledger.folder().join("note"), "changed, and longer").unwrap();
    fs::remove_file(&aside).unwrap();
    let trace = ledger.recorder.trace();
    assert!(cut(&trace, trace.len(), Shape::Nothing, 0) == after);
    assert!(cut(&trace, trace.len(), Shape::Everything, 0) == files(ledger.folder()));
    let undone = (0..20).map(|seed| cut(&trace, trace.len(), Shape::UnlinkUndone, seed));
    assert!(undone.into_iter().all(|cut| cut.contains_key("aside.db")));
}

#[test]
fn a_folder_without_a_record_is_as_good_as_any() {
    let folder = tempfile::tempdir().unwrap();
    let _fast = opened_fast(folder.path());
    let mut db = Connection::open(folder.path().join(FILE)).unwrap();
    db.execute_batch("PRAGMA journal_mode=WAL; CREATE TABLE a (b); INSERT INTO a VALUES (1);")
        .unwrap();
    db.transaction().unwrap().execute("INSERT INTO a VALUES (2)", []).unwrap();
    drop(db);
    let db = Connection::open(folder.path().join(FILE)).unwrap();
    assert_eq!(db.query_row("SELECT count(*) FROM a", [], |row| row.get(0)), Ok(1));
}

/// A harness makes thousands; the bound is generous, for machines that do other things besides.
#[test]
fn a_cut_of_a_small_database_is_cheap() {
    for transactions in [20, 1_000] {
        let trace = Ledger::trace_of(WAL, transactions);
        let folder = tempfile::tempdir().unwrap();
        let into = folder.path().join("cut");
        for shapes in [&Shape::HONEST[..], &[Shape::SyncsSwallowed]] {
            let (mut cuts, mut bytes, mut spent) = (0, 0, Duration::ZERO);
            for at in (0..=trace.len()).step_by(trace.len() / 100) {
                for shape in shapes {
                    let start = Instant::now();
                    trace.cut(at, *shape, 1, &into).unwrap();
                    spent += start.elapsed();
                    cuts += 1;
                    bytes += files(&into).values().map(Vec::len).sum::<usize>();
                    fs::remove_dir_all(&into).unwrap();
                }
            }
            let (each, size) = (spent / cuts, bytes / cuts as usize);
            eprintln!("{cuts} cuts of a trace of {}: {each:?} each, {size} bytes", trace.len());
            assert!(transactions > 20 || each.as_millis() < 20, "{each:?}");
        }
    }
}
