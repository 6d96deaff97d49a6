//! What SQLite keeps of what it acknowledged, by its settings and by what the disk does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod ledger;

use std::collections::BTreeMap;
use std::fs;

use doorward_powercut::{Shape, Trace};
use ledger::{FILE, Found, Ledger, judge, opened_fast};

const WAL: &str =
    "PRAGMA locking_mode=EXCLUSIVE; PRAGMA synchronous=EXTRA; PRAGMA journal_mode=WAL;
     PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=12;";
const SHARED_WAL: &str = "PRAGMA synchronous=EXTRA; PRAGMA journal_mode=WAL;
     PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=12;";

#[derive(Default)]
struct Tally {
    cuts: usize,
    lossy: usize,
    old: usize,
    corrupt: usize,
    by_shape: BTreeMap<Shape, (usize, usize, usize)>,
    first: Option<String>,
}

/// Cuts everywhere in every shape, `each` times with seeds of their own.
fn cut_all(trace: &Trace, shapes: &[Shape], each: u64) -> Tally {
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}, {} places", trace.len());
    let folder = tempfile::tempdir().unwrap();
    let _fast = opened_fast(folder.path());
    let into = folder.path().join("cut");
    let mut tally = Tally::default();
    for at in 0..=trace.len() {
        for shape in shapes {
            for turn in 0..each {
                let cut = trace.cut(at, *shape, seed.wrapping_add(turn), &into).unwrap();
                let (found, why) = judge(&into, cut.marks.last().copied().unwrap_or_default());
                let count = tally.by_shape.entry(*shape).or_default();
                tally.cuts += 1;
                count.0 += 1;
                tally.lossy += usize::from(cut.lost + cut.torn > 0);
                match found {
                    Found::Whole => {}
                    Found::Old => {
                        tally.old += 1;
                        count.1 += 1;
                    }
                    Found::Corrupt => {
                        tally.corrupt += 1;
                        count.2 += 1;
                    }
                }
                if found != Found::Whole && tally.first.is_none() {
                    tally.first = Some(format!("{found:?}: {why}; {}", cut.what));
                }
                fs::remove_dir_all(&into).unwrap();
            }
        }
    }
    eprintln!(
        "{} cuts, {} with a loss: {} old, {} corrupt; first: {:?}\n(cuts, old, corrupt) {:?}",
        tally.cuts, tally.lossy, tally.old, tally.corrupt, tally.first, tally.by_shape
    );
    tally
}

fn assert_nothing_lost(pragmas: &str, transactions: u64, each: u64) {
    let tally = cut_all(&Ledger::trace_of(pragmas, transactions), &Shape::HONEST, each);
    assert!(tally.cuts > 4_000, "{}", tally.cuts);
    assert!(tally.lossy > tally.cuts / 4, "the cuts lost something to lose");
    assert_eq!(tally.old + tally.corrupt, 0, "{:?}", tally.first);
}

#[test]
fn full_loses_nothing() {
    assert_nothing_lost(WAL, 60, 1);
}

#[test]
fn full_loses_nothing_with_shared_memory() {
    assert_nothing_lost(SHARED_WAL, 40, 1);
}

#[test]
fn a_rollback_journal_under_extra_loses_nothing() {
    assert_nothing_lost("PRAGMA synchronous=EXTRA; PRAGMA journal_mode=DELETE;", 25, 1);
}

/// The commit is the deletion of the journal, and FULL does not sync that.
#[test]
fn a_rollback_journal_under_full_may_return() {
    let trace = Ledger::trace_of("PRAGMA synchronous=FULL; PRAGMA journal_mode=DELETE;", 20);
    let tally = cut_all(&trace, &[Shape::Nothing, Shape::UnlinkUndone], 1);
    assert!(tally.old > 0);
    assert_eq!(tally.corrupt, 0, "{:?}", tally.first);
    let tally = cut_all(&trace, &[Shape::Everything], 1);
    assert_eq!(tally.old + tally.corrupt, 0, "{:?}", tally.first);
}

#[test]
fn normal_loses_what_it_acknowledged_but_stays_whole() {
    let pragmas = WAL.replace("synchronous=FULL", "synchronous=NORMAL");
    let tally = cut_all(&Ledger::trace_of(&pragmas, 40), &Shape::HONEST, 1);
    assert!(tally.old > tally.cuts / 10, "{} of {}", tally.old, tally.cuts);
    assert_eq!(tally.corrupt, 0, "{:?}", tally.first);
}

#[test]
fn off_loses_and_corrupts() {
    let pragmas = WAL.replace("synchronous=FULL", "synchronous=OFF");
    let tally = cut_all(&Ledger::trace_of(&pragmas, 40), &Shape::HONEST, 1);
    assert!(tally.old > tally.cuts / 10, "{} of {}", tally.old, tally.cuts);
    assert!(tally.corrupt > tally.cuts / 50, "{} of {}", tally.corrupt, tally.cuts);
}

#[test]
fn a_disk_that_swallows_syncs_is_noticed() {
    let trace = Ledger::trace_of(WAL, 30);
    let tally = cut_all(&trace, &[Shape::SyncsSwallowed], 4);
    assert!(tally.old + tally.corrupt > tally.cuts / 4, "{} of {}", tally.old, tally.cuts);
}

/// The switch to WAL is a transaction under the rollback journal. Under FULL the deletion of that
/// journal is not durable before the WAL is first synced, so it may return and take the switch back.
#[test]
fn the_switch_to_wal_can_be_undone_unless_extra() {
    for (synchronous, can_be_undone) in [("FULL", true), ("EXTRA", false)] {
        let ledger = Ledger::new();
        let db = rusqlite::Connection::open(ledger.path()).unwrap();
        db.execute_batch(&format!(
            "CREATE TABLE a (b); PRAGMA synchronous={synchronous}; PRAGMA journal_mode=WAL;"
        ))
        .unwrap();
        ledger.recorder.mark(1);
        let trace = ledger.recorder.trace();
        let folder = tempfile::tempdir().unwrap();
        for (turn, shape) in Shape::HONEST.into_iter().enumerate() {
            let into = folder.path().join(turn.to_string());
            let cut = trace.cut(trace.len(), shape, 1, &into).unwrap();
            assert_eq!(cut.marks, [1]);
            let db = rusqlite::Connection::open(into.join(FILE)).unwrap();
            let mode: String =
                db.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
            match shape {
                Shape::Nothing | Shape::UnlinkUndone if can_be_undone => {
                    assert_eq!(mode, "delete", "{}", cut.what);
                }
                // The others may keep the deletion or not.
                _ if can_be_undone && shape != Shape::Everything => {}
                _ => assert_eq!(mode, "wal", "{}", cut.what),
            }
        }
    }
}
