//! Planted faults: each harness finds those that it should.
//!
//! | fault | cuts | model |
//! |---|---|---|
//! | commits are not synced | found | not to be seen: nothing is cut |
//! | acknowledged before the commit | found | found |
//! | deleted before the bus had it | found | found |
//!
//! That an id is used again after a fresh start is found by `tests/real/planted.rs`, as are the
//! second and the third by kills.

use doorward::journal::Bug;
use doorward_powercut::Shape;

use crate::model;
use crate::power::explore;
use crate::steps::history;
use crate::workload;

const SEED: u64 = 1;

fn by_cuts(bug: Option<Bug>) -> Result<(), String> {
    let found = explore(workload::ordinary, &Shape::HONEST, 200, SEED, bug);
    found.map(|_| ()).map_err(|violation| violation.to_string())
}

fn by_model(bug: Option<Bug>) -> Result<(), String> {
    let found = model::explore(history(), 30, SEED, 0, bug);
    found.map(|_| ()).map_err(|violation| violation.to_string())
}

#[test]
fn without_a_fault_neither_finds_one() {
    assert_eq!(by_cuts(None), Ok(()));
    assert_eq!(by_model(None), Ok(()));
}

#[test]
fn cuts_find_commits_that_are_not_synced() {
    println!("{:?}", by_cuts(Some(Bug::SynchronousOff)).unwrap_err());
}

#[test]
fn both_find_what_is_acknowledged_before_its_commit() {
    println!("{:?}", by_cuts(Some(Bug::AcknowledgeBeforeCommit)).unwrap_err());
    println!("{:?}", by_model(Some(Bug::AcknowledgeBeforeCommit)).unwrap_err());
}

#[test]
fn both_find_what_is_deleted_before_the_bus_had_it() {
    println!("{:?}", by_cuts(Some(Bug::DeleteBeforeAcceptance)).unwrap_err());
    println!("{:?}", by_model(Some(Bug::DeleteBeforeAcceptance)).unwrap_err());
}
