//! How events share calls: by count, bytes and time, and how many calls go side by side.

use std::sync::Arc;
use std::time::Duration;

use doorward_events::bus::entry_size;
use doorward_events::publish::{LARGEST_ENTRY_BYTES, Publisher, Settings};
use doorward_events::{Bus, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES};
use tokio::time::Instant;

use crate::samples::{Desk, accepted, grant, ready, scheduled, settings};

/// Sends that many at one instant and waits for all of them.
async fn burst(publisher: &Publisher, count: usize) {
    let mut pending = Vec::new();
    for number in 0..count {
        pending.push(publisher.try_send(publisher.envelope("acme"), &scheduled(number)).unwrap());
    }
    for pending in pending {
        pending.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_has_at_most_ten_entries_and_the_rest_lingers() {
    let desk = Desk::new(Duration::from_millis(1), |_, _| accepted());
    let publisher = ready(desk.clone(), settings()).await;
    let begun = Instant::now();
    burst(&publisher, 25).await;
    assert_eq!(desk.sizes(), [MAX_BATCH_ENTRIES, MAX_BATCH_ENTRIES, 5]);
    let waited: Vec<_> = desk.calls().iter().map(|call| call.at - begun).collect();
    // Full batches do not wait; the rest waits for company.
    assert!(waited[1] < Duration::from_millis(2), "{waited:?}");
    assert!(waited[2] >= settings().linger && waited[2] < settings().linger * 2, "{waited:?}");
    // Nothing is in two calls or in none, and one call keeps the order of sending.
    let ids: Vec<_> = desk.calls().iter().flat_map(|call| call.batch.clone()).collect();
    let numbers: Vec<_> = ids.iter().map(|event| event.detail.contains("\"d-")).collect();
    assert_eq!(numbers, [true; 25]);
}

#[tokio::test(start_paused = true)]
async fn events_that_come_within_the_linger_share_a_call() {
    let desk = Desk::new(Duration::ZERO, |_, _| accepted());
    let linger = Duration::from_millis(100);
    let publisher = ready(desk.clone(), Settings { linger, ..settings() }).await;
    let begun = Instant::now();
    let first = publisher.try_send(publisher.envelope("acme"), &scheduled(1)).unwrap();
    tokio::time::sleep(linger / 2).await;
    let second = publisher.try_send(publisher.envelope("acme"), &scheduled(2)).unwrap();
    assert!(desk.calls().is_empty());
    first.await.unwrap();
    assert_eq!(begun.elapsed(), linger, "the oldest decides");
    second.await.unwrap();
    assert_eq!(desk.sizes(), [2]);
}

#[tokio::test(start_paused = true)]
async fn without_linger_an_event_leaves_at_once() {
    let desk = Desk::new(Duration::ZERO, |_, _| accepted());
    let publisher = ready(desk.clone(), Settings { linger: Duration::ZERO, ..settings() }).await;
    let begun = Instant::now();
    publisher.publish(publisher.envelope("acme"), &scheduled(1)).await.unwrap();
    assert!(begun.elapsed() <= Duration::from_millis(1), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_is_bounded_by_bytes() {
    let desk = Desk::new(Duration::ZERO, |_, _| accepted());
    let batch_bytes = LARGEST_ENTRY_BYTES;
    let publisher = ready(desk.clone(), Settings { batch_bytes, ..settings() }).await;
    let begun = Instant::now();
    let mut pending = Vec::new();
    for _ in 0..20 {
        pending.push(publisher.try_send(publisher.envelope("acme"), &grant()).unwrap());
    }
    for pending in pending {
        pending.await.unwrap();
    }
    assert_eq!(desk.sizes(), [7, 7, 6]);
    for call in desk.calls() {
        let bytes: usize = call.batch.iter().map(entry_size).sum();
        assert!(bytes <= batch_bytes && bytes <= MAX_BATCH_BYTES, "{bytes}");
    }
    // What fills a call by its bytes does not linger.
    assert!(desk.calls()[1].at - begun < settings().linger);
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_than_told_go_side_by_side() {
    for calls in [1, 3, 4] {
        let desk = Desk::new(Duration::from_millis(100), |_, _| accepted());
        let publisher = ready(desk.clone(), Settings { calls, ..settings() }).await;
        let begun = Instant::now();
        burst(&publisher, 120).await;
        assert_eq!(desk.most_under_way(), calls);
        let rounds = u32::try_from(12_usize.div_ceil(calls)).unwrap();
        let least = Duration::from_millis(100) * rounds;
        assert!(begun.elapsed() >= least && begun.elapsed() < least * 2, "{:?}", begun.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_takes_no_time_does_not_starve_others() {
    let bus = Arc::new(doorward_events::testkit::Memory::new());
    let publisher = ready(bus.clone() as Arc<dyn Bus>, settings()).await;
    burst(&publisher, 1_000).await;
    assert_eq!(bus.accepted().len(), 1_001);
    assert_eq!(bus.calls(), 101);
}
