//! One test for each way in which a disk tears what was not synced, and for each thing that the
//! journal does meanwhile.

use doorward_powercut::Shape;

use crate::cuts::{Cuts, Plan, Recorded, cut};
use crate::model::asked;
use crate::oracle::{Oracle, Violation};
use crate::run::Run;
use crate::workload;

/// Cuts in all, unless `DOORWARD_CUTS` says another number.
const CUTS: u64 = 1_200;
/// Cuts of one recorded history.
const OF_ONE: u64 = 100;

/// Of all cuts this share of a hundred.
pub fn share(percent: u64) -> u64 {
    asked("DOORWARD_CUTS").unwrap_or(CUTS) * percent / 100
}

/// The name of the running test, for its lines.
pub fn this_test() -> String {
    std::thread::current().name().unwrap_or("main").to_owned()
}

/// Histories of this kind, cut in these shapes.
pub fn explore(
    histories: fn(u64) -> Vec<crate::steps::Step>,
    shapes: &[Shape],
    cuts: u64,
    seed: u64,
    bug: Option<doorward::journal::Bug>,
) -> Result<Cuts, Violation> {
    let mut all = Cuts::default();
    let mut turn = seed;
    while all.cuts - all.second < cuts {
        let folder = tempfile::tempdir().unwrap();
        let run = Run::recorded(folder.path(), bug, Oracle::new());
        let recorded = Recorded::of(run, &histories(turn))?;
        let plan = Plan {
            shapes,
            cuts: OF_ONE.min(cuts - (all.cuts - all.second)),
            seed: turn,
            places: 0..=recorded.trace.len(),
            again: 4,
        };
        let outcome = cut(&recorded, &plan);
        all.add(outcome.map_err(|violation| Violation(format!("history {turn}: {violation}")))?);
        turn += 1;
    }
    Ok(all)
}

/// The same, failing the test that asked.
fn hold(histories: fn(u64) -> Vec<crate::steps::Step>, shapes: &[Shape], percent: u64) -> Cuts {
    let seed = asked("DOORWARD_CUTS_SEED").unwrap_or_else(|| fastrand::u64(..) >> 8);
    let began = std::time::Instant::now();
    match explore(histories, shapes, share(percent), seed, None) {
        Ok(cuts) => {
            eprintln!(
                "{}: seed {seed}: {cuts:?} in {:.1} s",
                this_test(),
                began.elapsed().as_secs_f64()
            );
            assert!(cuts.cuts >= share(percent) && cuts.events > 0, "{cuts:?}");
            cuts
        }
        Err(violation) => panic!("{violation}\nto repeat: DOORWARD_CUTS_SEED={seed}"),
    }
}

fn ordinary(shape: Shape) -> Cuts {
    hold(workload::ordinary, &[shape], 8)
}

#[test]
fn a_cut_that_keeps_nothing_unsynced() {
    assert!(ordinary(Shape::Nothing).lossy > 0);
}

#[test]
fn a_cut_that_keeps_everything() {
    assert!(ordinary(Shape::Everything).second > 0, "and what it left is cut again");
}

#[test]
fn a_cut_that_keeps_a_prefix_of_what_was_written() {
    assert!(ordinary(Shape::Prefix).lossy > 0);
}

#[test]
fn a_cut_after_writes_were_reordered() {
    assert!(ordinary(Shape::Subset).lossy > 0);
}

#[test]
fn a_cut_that_leaves_torn_sectors() {
    assert!(ordinary(Shape::TornSectors).torn > 0);
}

#[test]
fn a_cut_that_leaves_the_first_sectors_of_the_last_write() {
    assert!(ordinary(Shape::TornPrefix).torn > 0);
}

#[test]
fn a_cut_that_leaves_garbage_where_a_file_grew() {
    assert!(ordinary(Shape::GarbageTail).torn > 0);
}

#[test]
fn a_cut_after_which_deleted_files_are_back() {
    assert!(ordinary(Shape::UnlinkUndone).lossy > 0);
}

#[test]
fn a_cut_while_events_are_given_up_for_room() {
    assert!(hold(workload::crowded, &Shape::HONEST, 10).lossy > 0);
}

#[test]
fn a_cut_while_a_person_is_erased() {
    // Not where a file grew into blocks that show what they held before: an erasure reaches files,
    // not what the medium keeps of them in blocks that no file has.
    let shapes = Shape::HONEST.into_iter().filter(|shape| *shape != Shape::GarbageTail);
    assert!(hold(workload::erasing, &shapes.collect::<Vec<_>>(), 8).lossy > 0);
}
