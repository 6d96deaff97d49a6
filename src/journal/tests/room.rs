//! Room: what stays for how long, and what goes when there is too much.

use super::*;
use crate::journal::history::TRIM_BLOCK;

fn small() -> Bounds {
    Bounds { max_bytes: 400 << 10, min_free_percent: 0, vendor_percent: 100, ..Bounds::default() }
}

/// Fills a journal of 400 KiB until it refuses; gives the last slot.
fn fill(journal: &mut Journal, batch: impl Fn() -> Batch) -> u64 {
    for _ in 0..10_000 {
        match journal.commit(&batch()) {
            Ok(_) => {}
            Err(CommitError::Full { used, bound }) => {
                assert!(used > bound && bound < 400 << 10);
                return journal.statistics().unwrap().slot;
            }
            Err(error) => panic!("{error}"),
        }
    }
    panic!("it never got full");
}

#[test]
fn finished_events_stay_for_their_time_and_go_in_blocks() {
    let Folder { file, _folder } = &folder();
    let stays = Bounds { history_seconds: 60, ..Bounds::default() };
    let (mut journal, _) = open_with(file, stays);
    journal.commit(&events(400)).unwrap();
    journal.commit(&finished(1..=399)).unwrap();
    assert_eq!(listed(&journal, &all()).first(), Some(&1), "not old enough");
    drop(journal);
    let goes = Bounds { history_seconds: 0, ..Bounds::default() };
    let (mut journal, _) = open_with(file, goes);
    journal.commit(&events(1)).unwrap();
    assert_eq!(listed(&journal, &all()).first(), Some(&1), "not before a fold");
    journal.commit(&facts()).unwrap();
    assert_eq!(listed(&journal, &all()).first(), Some(&(3 * TRIM_BLOCK + 1)), "whole blocks");
    assert_eq!(waiting(&journal, 0, 10, usize::MAX), [400, 401]);
}

#[test]
fn of_too_much_history_telemetry_goes_before_states() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open(file);
    let mut batch = Batch::default();
    for n in 0..2_000 {
        batch.events.push(if n % 2 == 0 { event(n, Some("front")) } else { state(n) });
    }
    journal.commit(&batch).unwrap();
    journal.commit(&finished(1..=2_000)).unwrap();
    drop(journal);
    let (mut journal, _) =
        open_with(file, Bounds { history_bytes: 300 << 10, ..Bounds::default() });
    journal.commit(&events(1)).unwrap();
    journal.commit(&facts()).unwrap();
    let left = |name: &str| {
        let filter = EventFilter { event_type: Some(name.to_owned()), ..all() };
        listed(&journal, &filter).into_iter().filter(|slot| *slot <= 2_000).count()
    };
    assert!(left("endpoint.online") < 1_000, "some telemetry went");
    assert_eq!(left("entry.position_changed"), 1_000);
}

#[test]
fn an_unfinished_event_holds_up_the_trimming_of_those_behind_it() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open_with(file, Bounds { history_seconds: 0, ..Bounds::default() });
    journal.commit(&events(300)).unwrap();
    journal.commit(&finished(2..=300)).unwrap();
    assert_eq!(listed(&journal, &all()).len(), 300);
    assert_eq!((journal.waiting(), waiting(&journal, 0, 10, usize::MAX)), (1, vec![1]));
    journal.commit(&finished([1])).unwrap();
    assert!(listed(&journal, &all()).len() < usize::try_from(TRIM_BLOCK).unwrap());
    assert_eq!(journal.waiting(), 0);
    drop(journal);
    let (mut journal, restored) = open(file);
    assert_eq!((restored.slot, restored.waiting), (300, 0));
    assert_eq!(journal.commit(&events(1)).unwrap().slot, 301);
}

#[test]
fn a_journal_full_of_access_events_refuses_takes_marks_and_recovers() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open_with(file, small());
    let batch = || Batch { events: (0..50).map(access).collect(), ..Batch::default() };
    let last = fill(&mut journal, batch);
    assert!(journal.commit(&batch()).is_err(), "and again");
    assert_eq!(journal.statistics().unwrap().slot, last, "nothing of it is in the file");

    // Facts and marks still go in, and what the bus took makes room, history or not.
    let mut marks = finished(1..=last / 2);
    marks.facts.insert("door/front".to_owned(), vec![]);
    journal.commit(&marks).unwrap();
    assert_eq!(listed(&journal, &all()).len() as u64, last);
    let committed = journal.commit(&batch()).unwrap();
    assert_eq!(committed.events[0].slot, last + 1);
    assert!(committed.gaps.is_empty() && committed.dropped.is_empty());
    assert!(listed(&journal, &all()).first() > Some(&1), "the oldest of the delivered went");
    let still: Vec<u64> = (last / 2 + 1..=last + 50).collect();
    assert!(waiting(&journal, 0, usize::MAX, usize::MAX) == still, "nothing that waits went");
}

#[test]
fn a_full_journal_gives_up_telemetry_then_states_and_says_which() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open_with(file, small());
    let mut gone = Vec::new();
    let mut gaps = Vec::new();
    let mut states = false;
    for n in 0..400u64 {
        let events = (0..10).map(|m| match m % 3 {
            0 => event(n * 10 + m, Some("front")),
            1 => state(n * 10 + m),
            _ => access(n * 10 + m),
        });
        let batch = Batch { events: events.collect(), ..Batch::default() };
        // The last commit is refused; what it gave up before that is told with the next.
        let refused = journal.commit(&batch);
        let committed = match refused {
            Ok(committed) => committed,
            Err(_) => journal.commit(&finished([])).unwrap(),
        };
        for (first, last) in &committed.dropped {
            for slot in *first..=*last {
                states |= (slot - 1) % 10 % 3 == 1;
                assert_ne!((slot - 1) % 10 % 3, 2, "an access event was given up");
                gone.push(slot);
            }
        }
        gaps.extend(committed.gaps);
    }
    assert!(states, "states went too in the end");
    let mut named: Vec<u64> = gaps
        .iter()
        .flat_map(|gap| gap.ranges.iter().flat_map(|(first, last)| *first..=*last))
        .collect();
    assert_eq!(gaps.iter().map(|gap| gap.count).sum::<u64>(), gone.len() as u64);
    named.sort_unstable();
    gone.sort_unstable();
    assert!(named == gone, "the gaps name what went");
    assert!(gaps.iter().all(|gap| gap.reason == DropReason::DiskFull));
    let slot = journal.statistics().unwrap().slot;
    let left: Vec<u64> = (1..=slot).filter(|slot| gone.binary_search(slot).is_err()).collect();
    assert!(waiting(&journal, 0, usize::MAX, usize::MAX) == left);
    assert_eq!(journal.waiting(), left.len() as u64);

    // Who died before telling is told again, until a batch says that it was told.
    drop(journal);
    let (mut journal, restored) = open_with(file, small());
    assert_eq!(restored.gaps, gaps);
    let told = gaps.iter().map(|gap| gap.id).collect();
    journal.commit(&Batch { told, finished: left, ..Batch::default() }).unwrap();
    drop(journal);
    assert_eq!(open_with(file, small()).1.gaps, []);
}

#[test]
fn refusals_have_a_quota_and_push_nothing_else_out() {
    let Folder { file, _folder } = &folder();
    let (mut journal, _) = open_with(file, small());
    journal.commit(&Batch { events: (0..100).map(state).collect(), ..Batch::default() }).unwrap();
    let mut gaps = Vec::new();
    for n in 0..300 {
        let batch =
            Batch { events: (0..10).map(|m| refusal(n * 10 + m)).collect(), ..Batch::default() };
        gaps.extend(journal.commit(&batch).unwrap().gaps);
    }
    assert!(gaps.iter().all(|gap| gap.reason == DropReason::Quota) && !gaps.is_empty());
    let waiting_bytes = journal.statistics().unwrap().waiting_bytes;
    assert!(waiting_bytes["refusal"] <= small().for_events() / 16 + 4096, "{waiting_bytes:?}");
    assert_eq!(waiting(&journal, 0, 100, usize::MAX), (1..=100).collect::<Vec<_>>());
}

#[test]
fn a_vendor_over_its_quota_loses_its_own_telemetry_and_is_held_back_for_the_rest() {
    let Folder { file, _folder } = &folder();
    let bounds = Bounds { vendor_percent: 30, ..small() };
    let (mut journal, _) = open_with(file, bounds);
    let of = |vendor: &str, make: fn(u64) -> NewEvent, count: u64| {
        let events =
            (0..count).map(|n| NewEvent { vendor: Some(VendorId::new(vendor)), ..make(n) });
        Batch { events: events.collect(), ..Batch::default() }
    };
    journal.commit(&of("quiet", telemetry, 50)).unwrap();
    let mut dropped = Vec::new();
    for _ in 0..40 {
        let committed = journal.commit(&of("loud", telemetry, 20)).unwrap();
        assert!(committed.crowded.is_empty());
        dropped.extend(committed.dropped);
    }
    assert!(dropped.iter().all(|(first, _)| *first > 50) && !dropped.is_empty());
    let crowded = (0..40).find_map(|_| {
        let committed = journal.commit(&of("loud", access, 20)).unwrap();
        (!committed.crowded.is_empty()).then_some(committed.crowded)
    });
    assert_eq!(crowded, Some([VendorId::new("loud")].into()));
    assert_eq!(waiting(&journal, 0, 50, usize::MAX), (1..=50).collect::<Vec<_>>());
}
