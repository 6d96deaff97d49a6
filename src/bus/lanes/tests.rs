use doorward_events::EventType;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn event(slot: u64, vendor: &str, key: &str) -> Stored {
    Stored {
        slot,
        kind: EventType::ALL[0],
        vendor: Some(VendorId::new(vendor)),
        lane_key: key.into(),
        id: Uuid::nil(),
        detail: "x".repeat(100).into(),
    }
}

fn slots(batch: &[Taken]) -> Vec<u64> {
    batch.iter().map(|taken| taken.event.slot).collect()
}

fn take(lanes: &mut Lanes, now: Duration) -> Vec<Taken> {
    lanes.take(now, 10, 10_000, |event| event.detail.len(), true)
}

#[test]
fn a_key_has_one_event_under_way() {
    let mut lanes = Lanes::new(0);
    lanes.committed(vec![event(1, "a", "x"), event(2, "a", "x"), event(3, "a", "y")]);
    let first = take(&mut lanes, Duration::ZERO);
    assert_eq!(slots(&first), [1, 3]);
    assert!(take(&mut lanes, Duration::ZERO).is_empty());
    lanes.done(&first[0]);
    assert_eq!(slots(&take(&mut lanes, Duration::ZERO)), [2]);
}

#[test]
fn a_failed_event_stays_ahead_of_its_followers() {
    let mut lanes = Lanes::new(0);
    lanes.committed(vec![event(1, "a", "x"), event(2, "a", "x")]);
    let first = take(&mut lanes, Duration::ZERO).remove(0);
    lanes.again(first, |_| Duration::from_secs(5));
    assert!(take(&mut lanes, Duration::from_secs(4)).is_empty());
    assert_eq!(lanes.next_ready(), Some(Duration::from_secs(5)));
    assert_eq!(slots(&take(&mut lanes, Duration::from_secs(5))), [1]);
}

#[test]
fn a_busy_vendor_does_not_hold_up_another() {
    let mut lanes = Lanes::new(0);
    let mut events: Vec<_> = (1..=100).map(|n| event(n, "a", &format!("a{n}"))).collect();
    events.push(event(101, "b", "b"));
    lanes.committed(events);
    assert!(slots(&take(&mut lanes, Duration::ZERO)).contains(&101));
}

fn access(slot: u64, vendor: &str, key: &str) -> Stored {
    Stored { kind: EventType::AccessGranted, ..event(slot, vendor, key) }
}

fn telemetry(slot: u64, vendor: &str, key: &str) -> Stored {
    Stored { kind: EventType::EndpointBatteryChanged, ..event(slot, vendor, key) }
}

#[test]
fn of_one_vendor_an_access_goes_before_telemetry_but_not_before_its_own_key() {
    let mut lanes = Lanes::new(0);
    let mut events: Vec<_> = (1..=100).map(|n| telemetry(n, "a", &format!("a{n}"))).collect();
    events.extend([access(101, "a", "door"), access(102, "a", "a1")]);
    lanes.committed(events);
    let first = take(&mut lanes, Duration::ZERO);
    assert_eq!(slots(&first)[..2], [101, 1]);
    lanes.done(&first[1]);
    assert_eq!(slots(&take(&mut lanes, Duration::ZERO))[0], 102, "its key is free now");
}

#[test]
fn a_vendor_that_floods_leaves_half_of_the_live_lane_to_the_others() {
    let mut lanes = Lanes::new(0);
    let many = 3 * LANE_EVENTS as u64;
    lanes.committed((1..=many).map(|n| access(n, "a", &format!("a{n}"))).collect());
    assert_eq!(lanes.live.events, VENDOR_EVENTS);
    lanes.committed(vec![event(many + 1, "b", "b")]);
    let batch = take(&mut lanes, Duration::ZERO);
    assert!(batch.iter().any(|taken| taken.event.slot == many + 1 && taken.which == Which::Live));
    // What did not fit is read back, and the share is free again as events leave.
    assert_eq!(lanes.wants(), Some((VENDOR_EVENTS as u64, many)));
    lanes.committed(vec![event(many + 2, "a", "new")]);
    assert_eq!(lanes.live.events, VENDOR_EVENTS - 9 + 1);
}

#[test]
fn shares_are_given_back_however_events_go() {
    let mut lanes = Lanes::new(0);
    lanes.committed((1..=20).map(|n| event(n, "a", &format!("a{n}"))).collect());
    let batch = take(&mut lanes, Duration::ZERO);
    for taken in batch {
        lanes.again(taken, |_| Duration::ZERO);
    }
    assert_eq!(lanes.live.shares[&VendorId::new("a")].events, 20);
    lanes.forget(&[(1, 19)]);
    let left = take(&mut lanes, Duration::ZERO);
    assert_eq!(slots(&left), [20]);
    lanes.done(&left[0]);
    assert!(lanes.live.shares.is_empty());
    assert_eq!((lanes.live.events, lanes.live.bytes), (0, 0));
}

#[test]
fn a_batch_keeps_its_byte_bound_but_never_starves_a_large_event() {
    let mut lanes = Lanes::new(0);
    lanes.committed(vec![event(1, "a", "x"), event(2, "a", "y"), event(3, "a", "z")]);
    let size = |event: &Stored| event.detail.len();
    assert_eq!(lanes.take(Duration::ZERO, 10, 250, size, true).len(), 2);
    assert_eq!(lanes.take(Duration::ZERO, 10, 50, size, true).len(), 1);
}

#[test]
fn what_failed_with_a_call_stands_aside_until_the_bus_takes_events_again() {
    let mut lanes = Lanes::new(0);
    lanes.committed(vec![event(1, "a", "x"), event(2, "a", "y")]);
    let size = |event: &Stored| event.detail.len();
    let failed = lanes.take(Duration::ZERO, 1, 1000, size, true).remove(0);
    lanes.again(failed, |_| Duration::from_secs(60));
    assert_eq!(slots(&take(&mut lanes, Duration::ZERO)), [2]);
    lanes.forgive();
    assert_eq!(slots(&take(&mut lanes, Duration::ZERO)), [1]);
}

#[test]
fn a_range_that_is_finished_is_not_asked_for_again() {
    let mut lanes = Lanes::new(5);
    lanes.committed(vec![event(6, "a", "x")]);
    assert_eq!(lanes.wants(), Some((0, 5)));
    lanes.read(0, 5, vec![event(6, "a", "x")]);
    assert_eq!(lanes.wants(), None);
    assert_eq!(slots(&take(&mut lanes, Duration::ZERO)), [6]);
}

#[test]
fn stretches_in_the_journal_are_bounded() {
    let mut lanes = Lanes::new(0);
    lanes.committed((1..=LANE_EVENTS as u64).map(|n| event(n, "a", &format!("a{n}"))).collect());
    let mut slot = LANE_EVENTS as u64;
    for _ in 0..4 * STRETCHES {
        lanes.committed(vec![event(slot + 1, "b", "b"), event(slot + 2, "a", "a")]);
        slot += 2;
        // The other vendor's events leave at once.
        while let Some(taken) = lanes.take(Duration::ZERO, 1, 10_000, |_| 1, false).pop() {
            let is_other = taken.event.lane_key.as_ref() == "b";
            lanes.done(&taken);
            if !is_other {
                lanes.committed(Vec::new());
                break;
            }
        }
    }
    assert!(lanes.unread.len() <= STRETCHES, "{}", lanes.unread.len());
}

proptest! {
    /// Whatever fails, overflows or is read back: every event is done once, and per lane and
    /// key in sequence.
    #[test]
    fn nothing_is_lost_or_reordered(
        keys in proptest::collection::vec(0u8..5, 1..80),
        fails in proptest::collection::vec(any::<bool>(), 0..200),
        stored_before in 0usize..40,
    ) {
        let all: Vec<Stored> = (1..).zip(&keys)
            .map(|(n, key)| event(n, if key % 2 == 0 { "a" } else { "b" }, &key.to_string()))
            .collect();
        let stored_before = stored_before.min(all.len());
        let mut lanes = Lanes::new(stored_before as u64);
        lanes.committed(all[stored_before..].to_vec());
        let mut fails = fails.into_iter();
        let mut done: Vec<(bool, u64, Arc<str>)> = Vec::new();
        let mut now = Duration::ZERO;
        for _ in 0..2000 {
            now += Duration::from_secs(1);
            if let Some((after, until)) = lanes.wants() {
                let events: Vec<_> = all.iter()
                    .filter(|e| e.slot > after && !done.iter().any(|d| d.1 == e.slot))
                    .take(7).cloned().collect();
                lanes.read(after, until, events);
            }
            for taken in take(&mut lanes, now) {
                if fails.next().unwrap_or(false) {
                    lanes.again(taken, |_| now + Duration::from_secs(1));
                } else {
                    lanes.done(&taken);
                    done.push((taken.which == Which::Live, taken.event.slot, taken.event.lane_key));
                }
            }
        }
        let mut sequences: Vec<u64> = done.iter().map(|d| d.1).collect();
        sequences.sort_unstable();
        prop_assert_eq!(sequences, (1..=all.len() as u64).collect::<Vec<_>>());
        let mut last: HashMap<(bool, Arc<str>), u64> = HashMap::new();
        for (live, sequence, key) in done {
            let before = last.insert((live, key), sequence).unwrap_or(0);
            prop_assert!(before < sequence);
        }
    }
}
