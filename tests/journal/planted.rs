//! Planted faults: each harness finds those that it should, and none without one.
//!
//! | fault | cuts of the power | the model |
//! |---|---|---|
//! | commits are not synced | found | not to be seen: a killed process loses nothing that the system has |
//! | acknowledged before the commit | found | found |
//! | deleted before the bus had it | found | found |
//! | an id used again after a fresh start | found while a broken file is taken over | found with damage |
//!
//! `tests/real/planted.rs` finds the last three by kills of the real binary.

use doorward::journal::Bug;
use doorward_powercut::Shape;
use proptest::strategy::Strategy;

use crate::model::{self, History};
use crate::oracle::Violation;
use crate::steps::{damaged_history, history, killed_history};
use crate::{cut_salvage, power, workload};

const SEED: u64 = 1;

fn by_cuts(bug: Option<Bug>) -> Result<(), Violation> {
    power::explore(workload::ordinary, &Shape::HONEST, 200, SEED, bug).map(|_| ())
}

fn by_cuts_of_salvage(bug: Option<Bug>) -> Result<(), Violation> {
    cut_salvage::explore(40, SEED, bug).map(|_| ())
}

fn by_model(histories: impl Strategy<Value = History>, bug: Option<Bug>) -> Result<(), Violation> {
    model::explore(histories, 40, SEED, 0, bug).map(|_| ())
}

/// One line of the table as it came out.
fn found(bug: Bug, by: &str, outcome: Result<(), Violation>) -> Violation {
    let Err(violation) = outcome else { panic!("{} is not found by {by}", bug.as_str()) };
    let line: String =
        violation.0.chars().take(200).map(|c| if c == '\n' { ' ' } else { c }).collect();
    println!("| {} | {by} | {line} |", bug.as_str());
    violation
}

#[test]
fn without_a_fault_none_finds_one() {
    assert_eq!(by_cuts(None), Ok(()));
    assert_eq!(by_cuts_of_salvage(None), Ok(()));
    assert_eq!(by_model(killed_history(), None), Ok(()));
    assert_eq!(by_model(damaged_history(), None), Ok(()));
}

#[test]
fn commits_that_are_not_synced_are_found_by_cuts_and_by_nothing_else() {
    let bug = Bug::SynchronousOff;
    found(bug, "cuts", by_cuts(Some(bug)));
    assert_eq!(by_model(history(), Some(bug)), Ok(()));
    println!("| {} | model | not to be seen |", bug.as_str());
}

#[test]
fn both_find_what_is_acknowledged_before_its_commit() {
    let bug = Bug::AcknowledgeBeforeCommit;
    found(bug, "cuts", by_cuts(Some(bug)));
    let lost = found(bug, "model", by_model(killed_history(), Some(bug)));
    assert!(lost.0.contains("End::Kill") || lost.0.contains("end: Kill"), "{lost}");
}

#[test]
fn both_find_what_is_deleted_before_the_bus_had_it() {
    let bug = Bug::DeleteBeforeAcceptance;
    found(bug, "cuts", by_cuts(Some(bug)));
    found(bug, "model", by_model(killed_history(), Some(bug)));
}

#[test]
fn both_find_an_id_that_is_used_again() {
    let bug = Bug::IdReuse;
    found(bug, "model", by_model(damaged_history(), Some(bug)));
    found(bug, "cuts", by_cuts_of_salvage(Some(bug)));
}
