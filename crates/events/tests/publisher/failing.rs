//! What fails: what is tried again, how often, when it is given up, and how others fare meanwhile.

use std::sync::Arc;
use std::time::Duration;

use doorward_events::publish::{Publisher, Settings, Why};
use doorward_events::testkit::Memory;
use doorward_events::{Bus, Outgoing, PutFuture};
use tokio::time::Instant;

use crate::samples::{Desk, accepted, denied, ready, refused, retry, scheduled, settings};

async fn publish(publisher: &Publisher, number: usize) -> doorward_events::publish::Fate {
    publisher.publish(publisher.envelope("acme"), &scheduled(number)).await
}

#[tokio::test(start_paused = true)]
async fn retried_and_denied_are_sent_again_as_they_were() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone(), settings()).await;
    bus.script([retry("InternalFailure"), denied(), retry("Timeout"), retry("SomethingNew")]);
    let begun = Instant::now();
    let done = publish(&publisher, 1).await.unwrap();
    assert_eq!(done.attempts, 5);
    assert!(done.latency > Duration::from_millis(40) && done.latency == begun.elapsed());
    assert_eq!(publisher.stats().retried, 4);
    assert_eq!(publisher.stats().failing, 0);
}

#[tokio::test(start_paused = true)]
async fn every_resend_has_the_same_id_and_bytes() {
    let mut failures = 6;
    let desk = Desk::new(Duration::ZERO, move |_, _| {
        failures -= 1;
        if failures > 0 { retry("Timeout") } else { accepted() }
    });
    let publisher = ready(desk.clone(), settings()).await;
    publish(&publisher, 1).await.unwrap();
    let sent: Vec<Outgoing> = desk.calls().iter().flat_map(|call| call.batch.clone()).collect();
    assert_eq!(sent.len(), 6);
    assert!(sent.iter().all(|event| *event == sent[0]));
}

#[tokio::test(start_paused = true)]
async fn refused_is_returned_at_once_and_never_sent_again() {
    let desk = Desk::new(Duration::ZERO, |_, event| {
        if event.detail.contains("d-3\"") { refused() } else { accepted() }
    });
    let publisher = ready(desk.clone(), settings()).await;
    let mut pending = Vec::new();
    for number in 0..5 {
        pending.push(publisher.try_send(publisher.envelope("acme"), &scheduled(number)).unwrap());
    }
    for (number, pending) in pending.into_iter().enumerate() {
        let id = pending.event_id();
        match pending.await {
            Ok(done) => assert!(number != 3 && done.event_id == id),
            Err(refusal) => {
                assert!(number == 3 && refusal.event_id == id);
                assert!(
                    matches!(&refusal.why, Why::Refused { code, .. } if code == "MalformedDetail")
                );
                assert!(refusal.text().unwrap().contains("\"d-3\""));
                assert_eq!(refusal.outgoing().unwrap().id, id);
                let shown = format!("{refusal} {refusal:?}");
                assert!(shown.contains("MalformedDetail") && !shown.contains("d-3"), "{shown}");
            }
        }
    }
    assert_eq!(desk.sizes(), [5]);
}

#[tokio::test(start_paused = true)]
async fn one_poisoned_entry_holds_up_no_other() {
    let desk = Desk::new(Duration::ZERO, |_, event| {
        if event.detail.contains("d-0\"") { retry("InternalFailure") } else { accepted() }
    });
    let publisher = ready(desk.clone(), settings()).await;
    let poisoned = publisher.try_send(publisher.envelope("acme"), &scheduled(0)).unwrap();
    let begun = Instant::now();
    for number in 1..200 {
        publish(&publisher, number).await.unwrap();
    }
    // Each took its linger and, now and then, a short pause after the poisoned one's call.
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let refusal = poisoned.await.unwrap_err();
    let Why::GaveUp { code, attempts, after, .. } = refusal.why else { panic!("{refusal:?}") };
    assert_eq!((code.as_str(), after), ("InternalFailure", settings().give_up_after));
    assert!((15..200).contains(&attempts), "{attempts}");
}

#[tokio::test(start_paused = true)]
async fn after_a_failed_call_one_goes_ahead_alone() {
    let begun = Instant::now();
    let outage = Duration::from_secs(60);
    let desk = Desk::new(Duration::from_millis(50), move |call, _| {
        if call.at - begun < outage { retry("Transport") } else { accepted() }
    });
    let publisher = ready(desk.clone(), settings()).await;
    let mut pending = Vec::new();
    for number in 0..100 {
        pending.push(publisher.try_send(publisher.envelope("acme"), &scheduled(number)).unwrap());
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(publisher.stats().failing > 1);
    assert_eq!(publisher.stats().trouble.as_deref(), Some("Transport: later"));
    for pending in pending {
        pending.await.unwrap();
    }
    assert_eq!(publisher.stats().failing, 0);
    assert_eq!(publisher.stats().trouble, None);
    let calls = desk.calls();
    let failed: Vec<_> = calls.iter().filter(|call| call.at - begun < outage).collect();
    // Four together at first, then one at a time with pauses between them.
    for pair in failed[4..].windows(2) {
        assert!(pair[1].at - pair[0].at >= Duration::from_millis(50), "not alone");
    }
    assert!((6..60).contains(&failed.len()), "{} calls during the outage", failed.len());
    // No pause is longer than the outage was before it; then everything goes at once.
    let back = calls[failed.len()].at - begun;
    assert!(back < outage * 2 + Duration::from_secs(1), "{back:?}");
    let all = calls.last().unwrap().at - begun;
    assert!(all < back + Duration::from_secs(1), "{back:?} {all:?}");
}

#[tokio::test(start_paused = true)]
async fn many_failed_calls_in_a_short_outage_make_no_long_pause() {
    let mut last = Duration::ZERO;
    for _ in 0..20 {
        let begun = Instant::now();
        let desk = Desk::new(Duration::from_millis(50), move |call, _| {
            let is_out = call.at - begun < Duration::from_millis(100);
            if is_out { retry("Transport") } else { accepted() }
        });
        let publisher = ready(desk.clone(), Settings { calls: 64, ..settings() }).await;
        for number in 0..640 {
            let envelope = publisher.envelope("acme");
            drop(publisher.try_send(envelope, &scheduled(number)).unwrap());
        }
        let flushed = publisher.flush(Duration::from_secs(3_600)).await;
        assert_eq!((flushed.accepted, flushed.left), (640, 0));
        assert_eq!(desk.most_under_way(), 64);
        last = last.max(begun.elapsed());
    }
    assert!(last < Duration::from_secs(1), "{last:?}");
}

#[tokio::test(start_paused = true)]
async fn when_the_bus_is_back_nothing_stands_aside() {
    let begun = Instant::now();
    let outage = Duration::from_secs(1_800);
    let desk = Desk::new(Duration::ZERO, move |call, _| {
        if call.at - begun < outage { retry("Transport") } else { accepted() }
    });
    let settings = Settings { give_up_after: outage * 2, ..settings() };
    let publisher = ready(desk.clone(), settings).await;
    let mut pending = Vec::new();
    for number in 0..20 {
        pending.push(publisher.try_send(publisher.envelope("acme"), &scheduled(number)).unwrap());
    }
    for pending in pending {
        assert!(pending.await.unwrap().attempts > 5);
    }
    let calls = desk.calls();
    let back = calls.iter().find(|call| call.at - begun >= outage).unwrap();
    assert!(back.batch.len() < 20);
    let last = calls.last().unwrap();
    assert!(last.at - back.at < Duration::from_millis(100), "{:?}", last.at - back.at);
}

#[tokio::test(start_paused = true)]
async fn a_new_event_does_not_wait_out_a_long_pause() {
    let bus = Arc::new(Memory::new());
    let settings = Settings { give_up_after: Duration::from_secs(86_400), ..settings() };
    let publisher = ready(bus.clone(), settings).await;
    let mut waits = Vec::new();
    for _ in 0..10 {
        bus.set_down(Some(retry("Transport")));
        let old = publisher.try_send(publisher.envelope("acme"), &scheduled(0)).unwrap();
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        let calls = bus.calls();
        tokio::time::sleep(Duration::from_secs(600)).await;
        // Without new events about one call a half minute.
        assert!((8..60).contains(&(bus.calls() - calls)), "{}", bus.calls() - calls);
        bus.set_down(None);
        waits.push(publish(&publisher, 1).await.unwrap().latency);
        assert!(old.await.is_ok());
    }
    assert!(waits.iter().all(|wait| *wait < Duration::from_millis(3_300)), "{waits:?}");
    assert!(waits.iter().any(|wait| *wait > Duration::from_millis(200)), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_taken_in_time_is_given_back() {
    let give_up_after = Duration::from_secs(20);
    let desk = Desk::new(Duration::ZERO, |_, _| denied());
    let settings = Settings { give_up_after, ..settings() };
    let publisher = ready(desk.clone(), settings.clone()).await;
    let mut pending = Vec::new();
    // More than one call takes: some are never tried.
    for number in 0..500 {
        pending.push(publisher.try_send(publisher.envelope("acme"), &scheduled(number)).unwrap());
    }
    let begun = Instant::now();
    let mut most = 0;
    for (number, pending) in pending.into_iter().enumerate() {
        let refusal = pending.await.unwrap_err();
        assert!(refusal.text().unwrap().contains(&format!("\"d-{number}\"")));
        assert!(refusal.to_string().contains("given up"), "{refusal}");
        let Why::GaveUp { code, attempts, after, .. } = refusal.why else { panic!("{refusal:?}") };
        // Also those that found no call say what kept them.
        assert_eq!(code, "AccessDenied");
        assert!(after >= give_up_after && after < give_up_after * 2, "{after:?}");
        most = most.max(attempts);
    }
    assert!(begun.elapsed() < give_up_after * 2);
    assert!(most > 1, "{most}");
    assert!(publisher.stats().denied);
    assert_eq!((publisher.stats().entries, publisher.stats().refused), (0, 500));

    // The publisher goes on: the next event has its own time.
    let refusal = publish(&publisher, 1).await.unwrap_err();
    assert!(matches!(refusal.why, Why::GaveUp { attempts: 1.., .. }), "{refusal:?}");
}

/// Does something odd with every call until it is told to work.
struct Odd {
    inner: Memory,
    odd_calls: std::sync::Mutex<Vec<&'static str>>,
}

impl Bus for Odd {
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a> {
        let oddity = self.odd_calls.lock().unwrap().pop();
        Box::pin(async move {
            match oddity {
                Some("panics") => panic!("on demand"),
                Some("is silent") => Vec::new(),
                Some("says too much") => {
                    let mut outcomes = self.inner.put(batch).await;
                    outcomes.extend(vec![refused(); 3]);
                    outcomes
                }
                _ => self.inner.put(batch).await,
            }
        })
    }

    fn name(&self) -> &'static str {
        "odd"
    }
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_breaks_its_contract_loses_nothing() {
    let odd = vec!["says too much", "is silent", "panics"];
    let bus = Arc::new(Odd { inner: Memory::new(), odd_calls: std::sync::Mutex::new(odd) });
    let publisher = crate::samples::start(bus.clone(), settings());
    let mut pending = Vec::new();
    for number in 0..9 {
        pending.push(publisher.try_send(publisher.envelope("acme"), &scheduled(number)).unwrap());
    }
    for pending in pending {
        assert!(pending.await.unwrap().attempts >= 2);
    }
    assert!(bus.odd_calls.lock().unwrap().is_empty());
    assert_eq!(bus.inner.accepted().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_after_failed_calls_is_final() {
    let bus = Arc::new(Memory::new());
    let publisher = ready(bus.clone(), settings()).await;
    bus.set_down(Some(retry("Transport")));
    let pending = publisher.try_send(publisher.envelope("acme"), &scheduled(1)).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    bus.set_down(Some(refused()));
    let refusal = pending.await.unwrap_err();
    assert!(matches!(refusal.why, Why::Refused { .. }));
    bus.set_down(None);
    assert!(publish(&publisher, 2).await.is_ok());
}
