//! Caught between the seal and the bus: what the publisher does where a service forgets to.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_events::publish::{Settings, Why};
use doorward_events::testkit::{Fault, Memory};
use doorward_events::{
    Bus, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outcome, Outgoing, PutFuture, batches, entry_size,
};
use tokio::time::Instant;

use crate::world::{id, ready, scheduled, service, settings, start};

const SECOND: Duration = Duration::from_secs(1);

/// A bus that notes how much each call has.
struct Counting(Memory, Mutex<Vec<(usize, usize)>>);

impl Bus for Counting {
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a> {
        let bytes = batch.iter().map(entry_size).sum();
        self.1.lock().unwrap().push((batch.len(), bytes));
        self.0.put(batch)
    }

    fn name(&self) -> &'static str {
        "counting"
    }
}

/// The deliveries on the bus: how often each event is there, in order of their ids.
fn copies(bus: &Memory) -> Vec<usize> {
    let mut accepted = bus.accepted();
    accepted.retain(|entry| entry.detail_type == "delivery.scheduled");
    accepted.sort_by_key(|entry| entry.id);
    accepted.chunk_by(|one, other| one.id == other.id).map(<[_]>::len).collect()
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_too_large() {
    let bus = Arc::new(Counting(Memory::new(), Mutex::default()));
    let publisher = ready(bus.clone()).await;
    let data = scheduled();
    let sent = (0..25).map(|_| publisher.try_send(publisher.envelope("acme"), &data).unwrap());
    for pending in sent.collect::<Vec<_>>() {
        pending.await.unwrap();
    }
    let calls = bus.1.lock().unwrap().clone();
    assert_eq!(calls.iter().map(|(entries, _)| entries).sum::<usize>(), 26);
    assert!(calls.len() >= 4);
    for (entries, bytes) in calls {
        assert!(entries <= MAX_BATCH_ENTRIES && bytes <= MAX_BATCH_BYTES);
    }
    // For those who call a bus themselves.
    let entry = |detail: &str| Outgoing {
        id: id(1),
        source: "acme.delivery/blue-1".into(),
        detail_type: "delivery.scheduled",
        detail: detail.into(),
        trace_header: None,
    };
    let large = vec![entry(&"x".repeat(300_000)); 7];
    assert_eq!(batches(&large).map(<[_]>::len).collect::<Vec<_>>(), [3, 3, 1]);
    let small = vec![entry("{}"); 12];
    assert_eq!(batches(&small).map(<[_]>::len).collect::<Vec<_>>(), [10, 2]);
}

#[tokio::test(start_paused = true)]
async fn entries_that_fail_alone() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone()).await;
    bus.fail([Fault::Partial]);
    let data = scheduled();
    let sent = (0..10).map(|_| publisher.try_send(publisher.envelope("acme"), &data).unwrap());
    let mut attempts = Vec::new();
    for pending in sent.collect::<Vec<_>>() {
        attempts.push(pending.await.unwrap().attempts);
    }
    assert_eq!(attempts, [1, 2, 1, 2, 1, 2, 1, 2, 1, 2]);
    assert_eq!(copies(&bus), [1; 10], "what was taken is not sent again");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_lost() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone()).await;
    bus.fail([Fault::AnswerLost]);
    let accepted = publisher.publish(publisher.envelope("acme"), &scheduled()).await.unwrap();
    assert_eq!(accepted.attempts, 2);
    let twice = bus.accepted();
    assert_eq!(copies(&bus), [2]);
    assert_eq!(twice[1], twice[2], "the same id and the same bytes");
}

#[tokio::test(start_paused = true)]
async fn a_new_id_at_each_resend() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone()).await;
    let never = Outcome::Refused { code: "MalformedDetail".to_owned(), message: String::new() };
    bus.script([never]);
    let refusal = publisher.publish(publisher.envelope("acme"), &scheduled()).await.unwrap_err();
    let before = refusal.outgoing().unwrap().clone();
    publisher.resend(refusal).await.unwrap().await.unwrap();
    assert_eq!(bus.accepted().last(), Some(&before));
}

#[tokio::test(start_paused = true)]
async fn retrying_what_can_never_succeed() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone()).await;
    let calls = bus.calls();
    let never = Outcome::Refused { code: "MalformedDetail".to_owned(), message: "no".to_owned() };
    bus.script([never]);
    let refusal = publisher.publish(publisher.envelope("acme"), &scheduled()).await.unwrap_err();
    assert!(matches!(&refusal.why, Why::Refused { code, .. } if code == "MalformedDetail"));
    tokio::time::sleep(SECOND * 3600).await;
    assert_eq!(bus.calls() - calls, 1);
    assert!(refusal.text().is_some(), "nothing is lost");
}

#[tokio::test(start_paused = true)]
async fn retrying_for_ever() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone()).await;
    bus.set_down(Some(Outcome::Retry { code: "Timeout".to_owned(), message: String::new() }));
    let begun = Instant::now();
    let refusal = publisher.publish(publisher.envelope("acme"), &scheduled()).await.unwrap_err();
    assert!(matches!(refusal.why, Why::GaveUp { attempts: 2.., .. }), "{refusal}");
    assert_eq!(begun.elapsed(), SECOND * 900);
    assert!(bus.calls() < 200, "{}", bus.calls());
}

#[tokio::test(start_paused = true)]
async fn more_than_the_bus_takes() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone()).await;
    bus.fail([Fault::Throttled, Fault::Throttled]);
    let accepted = publisher.publish(publisher.envelope("acme"), &scheduled()).await.unwrap();
    assert_eq!(accepted.attempts, 3);
    assert!(publisher.stats().pace.is_some(), "slower than it could");
    assert_eq!(copies(&bus), [1]);
}

#[tokio::test(start_paused = true)]
async fn a_queue_without_room() {
    let bus = Arc::new(Memory::new());
    let few = Settings { queue_entries: 2, ..settings() };
    let publisher = start(bus.clone(), service(), "acme", few).unwrap();
    publisher.ready().await.unwrap();
    bus.set_down(Some(Outcome::Retry { code: "Timeout".to_owned(), message: String::new() }));
    let send = || publisher.try_send(publisher.envelope("acme"), &scheduled());
    let held = [send().unwrap(), send().unwrap()];
    let refusal = send().unwrap_err();
    assert_eq!(refusal.why, Why::Full);
    assert!(refusal.text().is_some());
    drop(held);
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_lost_at_shutdown() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone()).await;
    bus.set_down(Some(Outcome::Retry { code: "Timeout".to_owned(), message: String::new() }));
    let data = scheduled();
    let pending = publisher.try_send(publisher.envelope("acme"), &data).unwrap();
    let closing = publisher.close(SECOND * 5).await;
    assert_eq!((closing.accepted, closing.left.len()), (0, 1));
    assert!(closing.left[0].text().unwrap().contains("\"d-1\""));
    let refusal = pending.await.unwrap_err();
    assert!(matches!(refusal.why, Why::Closed { attempts: 1.. }));
    let late = publisher.try_send(publisher.envelope("acme"), &data).unwrap_err();
    assert_eq!(late.why, Why::Closed { attempts: 0 });
}

#[tokio::test(start_paused = true)]
async fn no_permission_or_no_such_bus() {
    let bus = Arc::new(Memory::new());
    let denied = Outcome::Denied { code: "AccessDenied".to_owned(), message: "no".to_owned() };
    bus.set_down(Some(denied));
    let publisher = start(bus.clone(), service(), "acme", settings()).unwrap();
    tokio::time::sleep(SECOND).await;
    let stats = publisher.stats();
    assert!(stats.denied);
    assert!(stats.trouble.unwrap().starts_with("AccessDenied"));
    let begun = Instant::now();
    let refusal = publisher.ready().await.unwrap_err();
    assert!(matches!(&refusal.why, Why::GaveUp { code, .. } if code == "AccessDenied"));
    assert!(begun.elapsed() <= SECOND * 900);
}
