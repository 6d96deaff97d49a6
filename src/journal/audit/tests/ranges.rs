//! How long a range is, when it is closed, and how long it is kept.

use super::super::super::{KEPT_DIGESTS, Sent};
use super::*;
use crate::domain::audit::{MAX_EVENTS, MAX_RUNS, MAX_SPAN};

#[test]
fn a_range_is_closed_when_all_in_it_has_its_answer_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let mut journal = open(&file);
    journal.commit(&of((1..=4).map(|n| access(n, COURIER)).collect())).unwrap();
    journal.commit(&of(vec![telemetry(5)])).unwrap();
    journal.commit(&finished([1, 2, 4])).unwrap();
    let part = journal.closable(false).unwrap().unwrap();
    assert_eq!((part.first, part.last, part.events), (1, 2, 2), "the third waits");
    assert_eq!(journal.closable(true).unwrap(), None, "it is no whole one");
    let refused = Batch { refused: vec![3], ..finished([3]) };
    journal.commit(&refused).unwrap();
    let closable = journal.closable(false).unwrap().unwrap();
    assert_eq!((closable.first, closable.last, closable.events), (1, 4, 4));
    assert_eq!(closable.refused, [(3, 3)]);
    assert_eq!(closable.counts["access.granted"], 4);
    assert_eq!(closable.previous_root, None);
    // The same before and after a kill: nothing is remembered of what was not committed.
    drop(journal);
    let mut journal = open(&file);
    assert_eq!(journal.closable(false).unwrap().as_ref(), Some(&closable));
    let batch = checkpoint(6, &closable);
    journal.commit(&batch).unwrap();
    assert_eq!(verify(&journal), Ok([5, 0, 0]));
    // It is not closed twice, and nothing of a batch that tries to is there.
    let error = journal.commit(&checkpoint(7, &closable)).unwrap_err();
    assert!(error.to_string().contains("turn"), "{error}");
    assert_eq!(journal.statistics().unwrap().slot, 6);
    let without = Batch { events: vec![access(8, COURIER)], ..checkpoint(7, &closable) };
    assert!(journal.commit(&without).is_err(), "without its event");
    assert_eq!(journal.audit_page(AuditPlace::default()).unwrap().ranges[0].sent, Sent::Waiting);
    // A checkpoint alone is nothing to close.
    journal.commit(&finished([5, 6])).unwrap();
    assert_eq!(journal.audit_page(AuditPlace::default()).unwrap().ranges[0].sent, Sent::Accepted);
    assert_eq!(journal.closable(false).unwrap(), None);
    journal.commit(&of(vec![access(9, COURIER)])).unwrap();
    journal.commit(&finished([7])).unwrap();
    let next = journal.closable(false).unwrap().unwrap();
    assert_eq!((next.first, next.last, next.events), (5, 7, 2));
    assert_eq!(next.previous_root, Some(signed(&closable).0.root));
    assert!(next.refused.is_empty());
}

#[test]
fn ranges_are_as_long_as_they_may_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder.path().join("journal.db"));
    let most = MAX_EVENTS as u64;
    for block in 0..3 {
        let events = (0..most).map(|n| access(block * most + n, COURIER)).collect();
        journal.commit(&of(events)).unwrap();
        journal.commit(&finished(block * most + 1..=(block + 1) * most)).unwrap();
    }
    let mut closed = Vec::new();
    while let Some(closable) = journal.closable(true).unwrap() {
        assert!(closable.more);
        closed.push((closable.first, closable.last, closable.events));
        journal.commit(&checkpoint(10_000, &closable)).unwrap();
    }
    assert_eq!(
        closed,
        [(1, most, most), (most + 1, 2 * most, most), (2 * most + 1, 3 * most, most)]
    );
    assert_eq!(verify(&journal), Ok([3 * most + 3, 0, 0]));
    assert!(pages(&journal).len() > 2, "a page holds one whole range");
}

#[test]
fn a_range_without_digests_is_as_long_as_its_span() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder.path().join("journal.db"));
    for block in 0..=MAX_SPAN / 4096 {
        journal.commit(&of((0..4096).map(|n| telemetry(block * 4096 + n)).collect())).unwrap();
    }
    journal.commit(&of(vec![access(1 << 30, COURIER)])).unwrap();
    let last = journal.statistics().unwrap().slot;
    journal.commit(&finished(1..=last)).unwrap();
    let first = close(&mut journal);
    assert_eq!((first.first, first.last, first.events), (1, MAX_SPAN, 0));
    let second = close(&mut journal);
    assert_eq!((second.first, second.last, second.events), (MAX_SPAN + 1, last + 1, 2));
    assert_eq!(verify(&journal), Ok([3, 0, 0]));
}

#[test]
fn what_is_given_up_is_told_in_runs_of_one_reason() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder.path().join("journal.db"));
    journal.commit(&of((1..=200).map(telemetry).collect())).unwrap();
    journal.give_up_slots(&[2, 3, 4], super::super::super::DropReason::Age).unwrap();
    journal.give_up_slots(&[5], super::super::super::DropReason::Age).unwrap();
    journal.give_up_slots(&[6], super::super::super::DropReason::DiskFull).unwrap();
    let last = 10 + 2 * MAX_RUNS as u64;
    for slot in (10..=last).step_by(2) {
        journal.give_up_slots(&[slot], super::super::super::DropReason::Quota).unwrap();
    }
    journal.commit(&finished(1..=200)).unwrap();
    let closable = journal.closable(false).unwrap().unwrap();
    let run = |n: usize| {
        let run = &closable.dropped[n];
        (run.first, run.last, run.reason.as_str())
    };
    assert_eq!([run(0), run(1), run(2)], [(2, 5, "age"), (6, 6, "disk_full"), (10, 10, "quota")]);
    assert_eq!(closable.dropped.len(), MAX_RUNS);
    assert!(closable.more);
    let before_the_next = 10 + 2 * (MAX_RUNS as u64 - 2) - 1;
    assert_eq!(closable.last, before_the_next);
    journal.commit(&checkpoint(900, &closable)).unwrap();
    let rest = journal.closable(false).unwrap().unwrap();
    assert_eq!((rest.first, rest.last), (before_the_next + 1, 200));
    assert_eq!(rest.dropped.len(), 3);
    assert_eq!(verify(&journal), Ok([1, 0, 0]));
}

#[test]
fn accepted_ranges_go_with_history_and_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let bounds = Bounds { history_seconds: 0, ..Bounds::default() };
    let mut journal = open_with(&file, bounds);
    let range = |journal: &mut Journal, n: u64, accepted: bool| {
        journal.commit(&of(vec![access(n, COURIER)])).unwrap();
        let slot = journal.statistics().unwrap().slot;
        journal.commit(&finished([slot])).unwrap();
        let closable = journal.closable(false).unwrap().unwrap();
        let slot = journal.commit(&checkpoint(n + 1, &closable)).unwrap().slot;
        if accepted {
            journal.commit(&finished([slot])).unwrap();
        }
        slot
    };
    let held =
        |journal: &Journal| pages(journal).iter().map(|page| page.ranges.len()).sum::<usize>();
    range(&mut journal, 1, true);
    assert_eq!(held(&journal), 1, "the newest stays");
    let slot = range(&mut journal, 3, true);
    journal.commit(&finished([slot])).unwrap();
    journal
        .commit(&Batch { seen: vec![crate::link::Digest([1; 16]); 3], ..Batch::default() })
        .unwrap();
    assert_eq!(held(&journal), 1, "the one before went");
    assert!(verify(&journal).is_ok());
    // One that the bus refused stays, and all behind it.
    let closable = {
        journal.commit(&of(vec![access(5, COURIER)])).unwrap();
        let slot = journal.statistics().unwrap().slot;
        journal.commit(&finished([slot])).unwrap();
        journal.closable(false).unwrap().unwrap()
    };
    let slot = journal.commit(&checkpoint(6, &closable)).unwrap().slot;
    journal.commit(&Batch { refused: vec![slot], ..finished([slot]) }).unwrap();
    let next = range(&mut journal, 7, true);
    journal.commit(&finished([next])).unwrap();
    let states: Vec<Sent> = pages(&journal)
        .iter()
        .flat_map(|page| page.ranges.iter().map(|range| range.sent))
        .collect();
    assert_eq!(states, [Sent::Lost, Sent::Accepted]);
    assert!(verify(&journal).is_ok());
    assert!(!journal.let_range_go().unwrap(), "not even for room");
}

#[test]
fn more_digests_than_are_kept_push_the_oldest_range_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder.path().join("journal.db"));
    let most = MAX_EVENTS as u64;
    let mut slot = 0;
    for _ in 0..KEPT_DIGESTS / most + 3 {
        let count = most - u64::from(slot > 0);
        slot = journal.commit(&of((0..count).map(|n| access(n, COURIER)).collect())).unwrap().slot;
        journal.commit(&finished(slot - count..=slot)).unwrap();
        let closable = journal.closable(true).unwrap().unwrap();
        slot = journal.commit(&checkpoint(900, &closable)).unwrap().slot;
    }
    journal.commit(&finished([slot])).unwrap();
    journal.fold_alone().unwrap();
    let held = pages(&journal).iter().map(|page| page.ranges.len() as u64).sum::<u64>() * most;
    assert_eq!(held, KEPT_DIGESTS);
    let digests: u64 =
        journal.db.query_row("SELECT COUNT(*) FROM audit", [], |row| row.get(0)).unwrap();
    assert_eq!(digests, held + 1);
    assert!(verify(&journal).is_ok());
}

#[test]
fn a_checkpoint_that_failed_is_taken_out_of_its_batch_alone() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder.path().join("journal.db"));
    journal.commit(&of(vec![access(1, COURIER)])).unwrap();
    journal.commit(&finished([1])).unwrap();
    let mut batch = checkpoint(2, &journal.closable(false).unwrap().unwrap());
    batch.append(of(vec![telemetry(3)]));
    assert!(batch.closing.is_some() && batch.events.len() == 2);
    batch.withdraw_checkpoint();
    assert!(batch.closing.is_none());
    let kinds: Vec<_> = batch.events.iter().map(|event| event.draft.event_type()).collect();
    assert_eq!(kinds, [EventType::EndpointOnline]);
    journal.commit(&batch).unwrap();
    assert_eq!(close(&mut journal).last, 1, "it is made anew");
}

#[test]
fn ranges_that_are_closed_during_a_verification_are_not_missed() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(&folder.path().join("journal.db"));
    let most = MAX_EVENTS as u64;
    for block in 0..3 {
        journal
            .commit(&of((0..most).map(|n| access(block * most + n, COURIER)).collect()))
            .unwrap();
    }
    let page = journal.audit_page(AuditPlace::default()).unwrap();
    let place = page.go_on.unwrap();
    assert_eq!((place.closed, place.open), (0, most));
    journal.commit(&finished(1..=most / 2)).unwrap();
    close(&mut journal);
    let page = journal.audit_page(place).unwrap();
    assert_eq!(page.ranges.len(), 1, "it ends before the place");
    assert_eq!(page.open.unwrap().events, most);
    assert_eq!(page.go_on.unwrap().closed, most / 2);
}
