//! The power goes while a file of the layout before gets its new one, or while a file is made.

use std::fs;

use doorward::journal::Bounds;
use doorward_powercut::Shape;

use crate::cuts::{Cuts, Plan, Recorded, cut};
use crate::layout_1;
use crate::model::asked;
use crate::oracle::Oracle;
use crate::power::{share, this_test};
use crate::raw::{self, FILE};
use crate::run::Run;
use crate::sample::Pick;
use crate::steps::{self, Step};

/// Events in the file that gets its new layout: several blocks of rows, and more than one
/// checkpoint of the log.
const EVENTS: u64 = 3_000;
/// Cuts of one upgrade.
const OF_ONE: u64 = 60;
/// What the log and pages that are not yet free again may take beside the file, in bytes; a
/// second copy of a larger file would be more.
const BESIDE: u64 = 6 << 20;

fn append() -> Step {
    let pick = |sort| Pick { sort, vendor: 1, variant: 1 };
    Step::Append { picks: vec![pick(5), pick(2)], facts: 1, seen: 1, quarantine: 1 }
}

/// Bounds of which a file of this size takes 95 of a hundred.
fn nearly_full(bytes: u64) -> Bounds {
    Bounds { max_bytes: bytes * 100 / 95, ..steps::bounds(1) }
}

/// The upgrade of a file with so many events, recorded, and what the file took before.
fn upgrade(events: u64, seed: u64) -> (Recorded, u64) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let oracle = layout_1::write(&file, events, seed);
    let bytes = raw::size(folder.path());
    let run = Run::recorded(folder.path(), None, oracle).under(nearly_full(bytes));
    (Recorded::of(run, &[append()]).unwrap_or_else(|violation| panic!("{violation}")), bytes)
}

#[test]
fn a_cut_at_any_step_of_an_upgrade_from_a_full_file() {
    let seed = asked("DOORWARD_CUTS_SEED").unwrap_or_else(|| fastrand::u64(..) >> 8);
    let began = std::time::Instant::now();
    let mut all = Cuts::default();
    let mut turn = seed;
    while all.cuts - all.second < share(12) {
        let (recorded, _) = upgrade(EVENTS, turn);
        let plan = Plan {
            shapes: &Shape::HONEST,
            cuts: OF_ONE.min(share(12) - (all.cuts - all.second)),
            seed: turn,
            places: 0..=recorded.trace.len(),
            again: 6,
        };
        match cut(&recorded, &plan) {
            Ok(cuts) => all.add(cuts),
            Err(violation) => panic!("{violation}\nto repeat: DOORWARD_CUTS_SEED={turn}"),
        }
        turn += 1;
    }
    eprintln!("{}: seed {seed}: {all:?} in {:.1} s", this_test(), began.elapsed().as_secs_f64());
    assert!(all.lossy > 0 && all.torn > 0, "{all:?}");
}

#[test]
fn an_upgrade_needs_no_second_copy_on_the_disk() {
    let (recorded, before) = upgrade(20_000, 7);
    assert!(before > 2 * BESIDE, "{before}");
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("cut");
    let mut most = 0;
    for step in 0..=200 {
        let at = recorded.trace.len() * step / 200;
        recorded.trace.cut(at, Shape::Everything, 0, &into).unwrap();
        most = most.max(raw::size(&into));
        fs::remove_dir_all(&into).unwrap();
    }
    eprintln!("{before} bytes before, {most} at most");
    assert!(most <= before + BESIDE, "{most} of {before}");
}

#[test]
fn a_cut_while_a_journal_is_made() {
    let seed = asked("DOORWARD_CUTS_SEED").unwrap_or_else(|| fastrand::u64(..) >> 8);
    let folder = tempfile::tempdir().unwrap();
    let run = Run::recorded(folder.path(), None, Oracle::new());
    let recorded = Recorded::of(run, &[append()]).unwrap();
    let places = 0..=recorded.trace.len();
    let cuts = share(8);
    let plan = Plan { shapes: &Shape::HONEST, cuts, seed, places, again: 4 };
    match cut(&recorded, &plan) {
        Ok(cuts) => {
            eprintln!("{}: seed {seed}: {cuts:?}", this_test());
            assert!(cuts.lossy > 0 && cuts.torn > 0, "{cuts:?}");
        }
        Err(violation) => panic!("{violation}\nto repeat: DOORWARD_CUTS_SEED={seed}"),
    }
}
