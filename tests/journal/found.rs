//! Short histories that made a journal go wrong once.

use crate::model::follow;
use crate::oracle::{MAX_GAPS, Oracle};
use crate::run::Run;
use crate::sample::Pick;
use crate::steps::{After, End, Start, Step, Trouble};

const TELEMETRY: u8 = 0b0010;
const ACCESS: u8 = 0b1000;
/// Numbers of bounds: 400 KiB; and as much as there is.
const SMALL: u8 = 1;
const ROOMY: u8 = 0;

fn holds(steps: Vec<Step>) {
    if let Err(violation) = follow(&(Start::Fresh, steps), None) {
        panic!("{violation}");
    }
}

fn fill(mix: u8, commits: u8, each: u8) -> Step {
    Step::Fill { mix, commits, each }
}

fn deliver(from: u8, each: u8, most: u16) -> Step {
    Step::Deliver { from, each, most, with: None }
}

fn deliver_with(from: u8, each: u8, most: u16) -> Step {
    Step::Deliver { from, each, most, with: Some(pick()) }
}

fn pick() -> Pick {
    Pick { sort: 5, vendor: 1, variant: 1 }
}

fn reopen(end: End, bounds: u8) -> Step {
    Step::Reopen { end, bounds }
}

#[test]
fn delivered_events_in_many_small_ranges_all_make_room() {
    holds(vec![
        fill(ACCESS, 19, 39),
        deliver(1, 2, 250),
        reopen(End::Close, SMALL),
        fill(ACCESS, 1, 1),
    ]);
}

#[test]
fn delivered_events_make_room_before_the_next_fold() {
    // Marks that ride with an event are not folded.
    let mut steps = vec![reopen(End::Close, SMALL)];
    for _ in 0..6 {
        steps.extend([fill(ACCESS, 3, 39), deliver_with(0, 1, 400)]);
    }
    steps.push(fill(ACCESS, 9, 39));
    holds(steps);
}

#[test]
fn nothing_that_waits_is_given_up_while_delivered_events_can_go() {
    let mut steps = vec![reopen(End::Close, SMALL), fill(TELEMETRY, 4, 39)];
    for _ in 0..6 {
        steps.extend([fill(ACCESS, 3, 39), deliver_with(156 - 1, 1, 400)]);
    }
    steps.push(fill(ACCESS, 9, 39));
    holds(steps);
}

#[test]
fn deleted_history_still_counts_as_delivered() {
    holds(vec![
        reopen(End::Close, SMALL),
        fill(ACCESS | TELEMETRY, 8, 39),
        deliver_with(0, 1, 300),
        fill(ACCESS, 19, 39),
        deliver(0, 1, 400),
    ]);
}

#[test]
fn figures_are_right_after_a_kill_though_delivered_events_were_deleted() {
    holds(vec![
        reopen(End::Close, SMALL),
        fill(TELEMETRY, 4, 39),
        Step::Facts { facts: 1 },
        deliver_with(0, 1, 100),
        fill(ACCESS, 19, 39),
        fill(ACCESS, 2, 5),
        reopen(End::Kill, SMALL),
    ]);
}

#[test]
fn what_was_given_up_stays_so_however_scattered_it_is() {
    let many = || fill(ACCESS | TELEMETRY, 19, 39);
    holds(vec![
        many(),
        many(),
        many(),
        reopen(End::Close, SMALL),
        fill(ACCESS, 1, 1),
        reopen(End::Kill, ROOMY),
    ]);
}

#[test]
fn a_gap_that_grew_after_it_was_reported_is_told_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut run = Run::new(folder.path(), None, Oracle::new());
    run.begin().unwrap();
    let mut steps = |steps: &[Step]| {
        for step in steps {
            if let Err(violation) = run.step(step) {
                panic!("{step:?}: {violation}");
            }
        }
        run.oracle.gaps.len()
    };
    steps(&[reopen(End::Close, SMALL)]);
    // Every other event is given up, until there are more gaps than are kept apart.
    let round = [fill(ACCESS | TELEMETRY, 8, 38), fill(ACCESS, 8, 38), deliver(0, 1, 900)];
    let most = (0..60).map(|_| steps(&round)).find(|gaps| *gaps >= MAX_GAPS);
    assert!(most.is_some());
    steps(&round);
    steps(&[Step::Tell { pick: pick() }, reopen(End::Kill, SMALL)]);
}

#[test]
fn facts_of_a_failed_commit_never_happened() {
    for trouble in [Trouble::Broken, Trouble::Full, Trouble::SyncFails] {
        let after = After::Nothing;
        holds(vec![
            Step::Trouble { trouble, picks: vec![], facts: 3, after },
            Step::Seen { seen: 3 },
            reopen(End::Kill, ROOMY),
        ]);
    }
}

#[test]
fn an_erased_person_is_in_no_page_that_is_used_again() {
    let long = |variant| Pick { sort: 8, vendor: 0, variant };
    let named = Pick { sort: 7, vendor: 0, variant: 3 };
    let quiet = Pick { sort: 0, vendor: 0, variant: 4 };
    let append = |picks: Vec<Pick>, facts| Step::Append { picks, facts, seen: 0, quarantine: 0 };
    // A deleted row's pages are used again for a row that is shorter.
    holds(vec![
        append(vec![quiet, quiet], 0),
        append(vec![long(2)], 1),
        append(vec![pick(), quiet, named, quiet], 0),
        deliver(0, 2, 1),
        Step::Erase { subject: 0 },
    ]);
    // Rows that were deleted leave pages to be merged.
    holds(vec![
        reopen(End::Close, SMALL),
        fill(0b1011, 12, 35),
        deliver(0, 3, 45),
        fill(0b0100, 1, 22),
        fill(0b0100, 6, 2),
        Step::Erase { subject: 0 },
    ]);
}

#[test]
fn what_was_taken_over_once_is_taken_over_again() {
    let damage = |way| Step::Damage { end: End::Close, way, seed: 0, bounds: ROOMY };
    let append = |sorts: [u8; 3]| Step::Append {
        picks: sorts.map(|sort| Pick { sort, vendor: 0, variant: 0 }).to_vec(),
        facts: 0,
        seen: 0,
        quarantine: 0,
    };
    // Slots are not sequences any more, and the second time nothing but the rows says so.
    holds(vec![
        append([4, 5, 0]),
        damage(0),
        append([8, 0, 5]),
        reopen(End::Close, SMALL),
        fill(0b0011, 7, 27),
        damage(0),
    ]);
    holds(vec![append([4, 5, 0]), damage(0), append([4, 0, 5]), damage(4)]);
}
