#![allow(clippy::unwrap_used)]

use doorward_translators::Position::{Closed, Open, Opening, StoppedPartial};

use super::*;
use crate::domain::operation::fixtures::{
    CONTACT, LOCK, Shown, at, moment, said, schema_words, sensors, wall,
};
use crate::domain::operation::{Gap, Said};
use LockState::{Jammed, Locked, Unlocked};
use VisitState::{Actuating, Decided, Interrupted, LeftInsecure, NotTaken, Secured, Unverified};

mod story;

fn begun(position: bool, lock: bool) -> Visit {
    let visitor = Visitor {
        id: Uuid::from_u128(1),
        entry: EntryId::new("front"),
        command_id: Uuid::from_u128(2),
        grant_id: Some(Uuid::from_u128(3)),
        subject_ref: Some("s-1".to_owned()),
    };
    let shown = Shown::new(Some(Closed), Some(Locked));
    Visit::begin(visitor, sensors(position, lock), &shown.facts(), &Timers::default(), at(0))
}

fn told(state: CommandState) -> Changed {
    Changed { state, reason: None }
}

/// Dispatched at second 0, confirmed at second 1, so released until second 31.
fn actuating(position: bool, lock: bool) -> Visit {
    let mut visit = begun(position, lock);
    let _ = visit.command(at(0), &told(CommandState::Dispatched));
    let _ = visit.command(at(1_000), &told(CommandState::Confirmed));
    assert_eq!(visit.state(), Actuating);
    visit
}

fn position(visit: &mut Visit, second: u64, value: Position) -> VisitStep {
    visit.position_seen(&said(CONTACT, value, at(second * 1_000)))
}

fn lock(visit: &mut Visit, second: u64, value: LockState) -> VisitStep {
    visit.lock_seen(&said(LOCK, value, at(second * 1_000)))
}

/// Unlocked at second 1, opened at second 5.
fn open(has_lock: bool) -> Visit {
    let mut visit = actuating(true, has_lock);
    let _ = lock(&mut visit, 1, Unlocked);
    assert!(position(&mut visit, 5, Open).opened);
    visit
}

#[test]
fn a_courier_comes_and_goes() {
    let mut visit = open(true);
    assert_eq!(visit.opened_at(), Some(wall(5_000)));
    let step = position(&mut visit, 20, Closed);
    assert!(step.read_lock && step.ended.is_none());
    assert_eq!(lock(&mut visit, 25, Locked).ended, Some(Secured));
    assert_eq!(visit.closed_at(), Some(wall(20_000)));
    assert_eq!(visit.next_deadline(), None);
}

#[test]
fn a_door_without_a_lock_is_secured_by_closing() {
    let mut visit = open(false);
    assert_eq!(position(&mut visit, 20, Closed).ended, Some(Secured));
}

#[test]
fn opening_again_begins_the_closing_anew_and_is_told_once() {
    let mut visit = open(true);
    let _ = position(&mut visit, 20, Closed);
    let step = position(&mut visit, 22, Opening);
    assert!(!step.opened);
    assert_eq!(visit.closed_at(), None);
    // The bolt of an open door secures nothing.
    assert_eq!(lock(&mut visit, 25, Locked).ended, None);
    assert_eq!(position(&mut visit, 30, Closed).ended, None);
    assert_eq!(lock(&mut visit, 31, Locked).ended, Some(Secured));
}

#[test]
fn a_bolt_thrown_while_it_was_open_is_asked_for_again() {
    let mut visit = open(true);
    let _ = lock(&mut visit, 10, Locked);
    let step = position(&mut visit, 20, Closed);
    assert!(step.read_lock && step.ended.is_none());
    // It does not answer: that is not insecure either.
    assert_eq!(visit.tick(at(50_000)).ended, None);
    assert_eq!(visit.tick(at(300_000)).ended, Some(Unverified));
}

#[test]
fn one_device_says_both_at_once_in_either_order() {
    let both = |first_lock: bool| {
        let mut visit = begun(true, true);
        visit.sensors.position.clone_from(&visit.sensors.lock);
        let _ = visit.command(at(0), &told(CommandState::Dispatched));
        let position = |value, second| said(LOCK, value, at(second));
        let _ = visit.position_seen(&position(Open, 5_000));
        let mut ends = Vec::new();
        for is_lock in [first_lock, !first_lock] {
            let step = if is_lock {
                visit.lock_seen(&said(LOCK, Locked, at(9_000)))
            } else {
                visit.position_seen(&position(Closed, 9_000))
            };
            ends.extend(step.ended);
        }
        ends
    };
    assert_eq!(both(true), [Secured]);
    assert_eq!(both(false), [Secured]);
}

#[test]
fn what_was_said_before_the_closing_secures_nothing() {
    let late = |age_ms: i64| Seen {
        device_time: Some(wall(25_000 - age_ms)),
        ..said(LOCK, Locked, at(25_000))
    };
    let mut visit = open(true);
    let _ = position(&mut visit, 20, Closed);
    assert_eq!(visit.lock_seen(&late(8_000)).ended, None);
    assert_eq!(visit.lock_seen(&late(4_000)).ended, Some(Secured));

    let mut overtaken = actuating(true, false);
    let seen = |value, said_ms, received| Seen {
        device_time: Some(wall(said_ms)),
        ..said(CONTACT, value, at(received))
    };
    let _ = overtaken.position_seen(&seen(Open, 9_000, 10_000));
    assert_eq!(overtaken.position_seen(&seen(Closed, 8_000, 11_000)).ended, None);
    assert_eq!(overtaken.position_seen(&seen(Closed, 12_000, 12_000)).ended, Some(Secured));
}

#[test]
fn what_does_not_count_moves_nothing() {
    let mut visit = actuating(true, false);
    for seen in [
        Seen { said: Said::Before, ..said(CONTACT, Open, at(5_000)) },
        said("z:other", Open, at(5_000)),
        said(CONTACT, Position::Fault, at(5_000)),
    ] {
        assert_eq!(visit.position_seen(&seen), VisitStep::default());
    }
    assert_eq!(visit.state(), Actuating);
}

#[test]
fn nobody_came() {
    let mut visit = actuating(true, true);
    let _ = lock(&mut visit, 1, Unlocked);
    // Released for longer than planned: it can still be opened.
    assert_eq!(visit.tick(at(31_000)).ended, None);
    assert_eq!(lock(&mut visit, 40, Locked).ended, Some(NotTaken));

    let mut relocked = actuating(true, true);
    let _ = lock(&mut relocked, 1, Unlocked);
    assert_eq!(lock(&mut relocked, 20, Locked).ended, None);
    assert_eq!(relocked.tick(at(31_000)).ended, Some(NotTaken));

    let mut never_locked = actuating(true, true);
    let _ = lock(&mut never_locked, 1, Unlocked);
    assert_eq!(never_locked.tick(at(300_000)).ended, Some(NotTaken));
}

#[test]
fn not_taken_is_not_said_of_a_door_that_nobody_watched() {
    let mut lost = actuating(true, false);
    lost.lost(Role::Position, FactQuality::Stale);
    let _ = position(&mut lost, 20, Closed);
    assert_eq!(lost.tick(at(31_000)).ended, None);
    assert_eq!(lost.tick(at(300_000)).ended, Some(Unverified));

    let mut silent_lock = actuating(true, true);
    silent_lock.lost(Role::Lock, FactQuality::Stale);
    assert_eq!(silent_lock.tick(at(300_000)).ended, Some(Unverified));

    for has_lock in [true, false] {
        let mut blind = actuating(false, has_lock);
        let _ = lock(&mut blind, 1, Unlocked);
        let _ = lock(&mut blind, 9, Locked);
        assert_eq!(blind.tick(at(31_000)).ended, None);
        assert_eq!(blind.opened_at(), None);
        assert_eq!(blind.tick(at(300_000)).ended, Some(Unverified));
    }
}

#[test]
fn left_insecure() {
    for state in [Unlocked, Jammed, LockState::Fault] {
        let mut visit = open(true);
        let _ = lock(&mut visit, 6, state);
        let _ = position(&mut visit, 20, Closed);
        assert_eq!(visit.tick(at(49_000)).ended, None);
        assert_eq!(visit.tick(at(50_000)).ended, Some(LeftInsecure), "{state}");
    }
    // The lock is silent until later.
    let mut silent = open(true);
    let _ = position(&mut silent, 20, Closed);
    silent.lost(Role::Lock, FactQuality::Stale);
    assert_eq!(silent.tick(at(50_000)).ended, None);
    assert_eq!(lock(&mut silent, 60, Unlocked).ended, Some(LeftInsecure));
}

#[test]
fn a_door_that_stays_open_is_unverified_in_the_end() {
    for value in [Open, StoppedPartial] {
        let mut visit = open(true);
        let _ = position(&mut visit, 9, value);
        assert_eq!(visit.tick(at(299_999)).ended, None);
        assert_eq!(visit.tick(at(300_000)).ended, Some(Unverified));
    }
}

#[test]
fn a_closing_from_which_the_sensor_was_lost_must_be_seen_again() {
    let mut visit = open(true);
    let _ = position(&mut visit, 20, Closed);
    visit.lost(Role::Position, FactQuality::Stale);
    assert_eq!(lock(&mut visit, 25, Locked).ended, None);
    assert!(position(&mut visit, 30, Closed).read_lock);
    assert_eq!(lock(&mut visit, 31, Locked).ended, Some(Secured));
}

#[test]
fn a_door_that_stood_open_already() {
    let mut visit = begun(true, true);
    let _ = position(&mut visit, 0, Open);
    assert_eq!(visit.state(), Decided);
    assert!(visit.command(at(500), &told(CommandState::Dispatched)).opened);
}

#[test]
fn a_command_that_fails_ends_the_visit_unless_the_door_is_open() {
    use CommandState::{Cancelled, Expired, Indeterminate, Rejected, TimedOut};
    for state in [Rejected, TimedOut, Expired, Cancelled] {
        let mut visit = begun(true, true);
        assert_eq!(visit.command(at(100), &told(state)).ended, Some(Interrupted));
        assert_eq!(visit.interruption(), Some(Interruption::CommandFailed));
        let mut opened = open(true);
        assert_eq!(opened.command(at(9_000), &told(state)).ended, None);
    }
    let mut unknown = begun(true, false);
    let _ = unknown.command(at(0), &told(CommandState::Dispatched));
    assert_eq!(unknown.command(at(100), &told(Indeterminate)).ended, None);
    assert!(position(&mut unknown, 5, Open).opened);
}

#[test]
fn the_next_visit_ends_this_one_and_an_end_is_final() {
    let mut visit = open(true);
    assert_eq!(visit.interrupt(Interruption::NextVisit).ended, Some(Interrupted));
    assert_eq!(visit.interrupt(Interruption::FireInput), VisitStep::default());
    assert_eq!(visit.interruption(), Some(Interruption::NextVisit));
    let _ = position(&mut visit, 20, Closed);
    assert_eq!(lock(&mut visit, 21, Locked), VisitStep::default());
    assert_eq!(visit.tick(at(400_000)), VisitStep::default());
    assert_eq!(visit.state(), Interrupted);
}

#[test]
fn a_restart() {
    let known = |wall_ms| Restart { at: moment(5, wall_ms), gap: Gap::Known };
    let unknown = Restart { at: moment(5, 10_000), gap: Gap::Unknown };
    let mut decided = begun(true, true);
    assert_eq!(decided.restart(&known(10_000)).ended, Some(Interrupted));
    assert_eq!(decided.interruption(), Some(Interruption::GatewayRestarted));

    // It may have been opened and closed unseen.
    let mut waiting = actuating(true, false);
    assert_eq!(waiting.restart(&known(10_000)).ended, None);
    let _ = waiting.position_seen(&said(CONTACT, Closed, moment(100, 10_100)));
    assert_eq!(waiting.tick(moment(21_005, 31_000)).ended, Some(Interrupted));

    let mut opened = open(true);
    assert_eq!(opened.restart(&known(100_000)).ended, None);
    assert_eq!(opened.next_deadline(), Some(Duration::from_millis(200_005)));
    let _ = opened.lock_seen(&said(LOCK, Locked, moment(100, 100_100)));
    let step = opened.position_seen(&said(CONTACT, Closed, moment(200, 100_200)));
    assert!(step.read_lock && step.ended.is_none());
    let step = opened.lock_seen(&said(LOCK, Locked, moment(300, 100_300)));
    assert_eq!(step.ended, Some(Secured));

    // Closed before the restart: it may have been open since.
    let mut closed = open(true);
    let _ = position(&mut closed, 20, Closed);
    let _ = closed.restart(&known(30_000));
    let step = closed.lock_seen(&said(LOCK, Locked, moment(100, 30_100)));
    assert_eq!(step.ended, None);

    assert_eq!(open(true).restart(&unknown).ended, Some(Unverified));
    assert_eq!(actuating(true, true).restart(&unknown).ended, Some(Interrupted));
}

#[test]
fn an_erased_subject_is_gone() {
    let mut visit = begun(true, true);
    visit.forget_subject();
    assert!(!serde_json::to_string(&visit).unwrap().contains("s-1"));
}

#[test]
fn the_words_are_those_of_the_schemas() {
    let schema = include_str!("../../../../schemas/core/access.json");
    assert_eq!(
        schema_words(schema, "VisitInterruption"),
        Interruption::ALL.map(Interruption::as_str)
    );
    for state in VisitState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
    for cause in Interruption::ALL {
        assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
    }
}
