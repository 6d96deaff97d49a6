//! Each event once: after success, failure, panic, a crash, beside others, and in replays.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use doorward_events::subscribe::store::{
    Claim, Document, Memory, Store, StoreError, StoreFuture, Token,
};
use doorward_events::subscribe::{
    About, Context, Failure, LEASE_MARGIN, Policies, Retry, Subscriber, Verdict, Why,
};
use doorward_events::types::VisitSecured;
use doorward_events::{EventType, Received};
use uuid::Uuid;

use crate::samples::{gateway, id, replayed, secured, visit};
use crate::stand::{Stand, dead, is_again, take};

#[tokio::test]
async fn an_event_is_handled_once() {
    let stand = Stand::new();
    let subscriber = stand.willing();
    assert_eq!(take(&subscriber, &visit(1)).await, Verdict::Acknowledge);
    assert_eq!(take(&subscriber, &visit(1)).await, Verdict::Acknowledge);
    // The same after a restart, with the same store.
    assert_eq!(take(&stand.willing(), &visit(1)).await, Verdict::Acknowledge);
    assert_eq!(stand.called(), [id(1)]);
    assert_eq!(stand.hooks.lines(), ["handled at 1", "duplicate", "duplicate"]);
    let about = About { event_type: Some(EventType::VisitSecured), id: Some(id(1)) };
    assert_eq!(*stand.hooks.received.lock().unwrap(), [about; 3]);
}

#[tokio::test]
async fn consumers_and_publishers_do_not_share_ids() {
    let stand = Stand::new();
    take(&stand.willing(), &visit(1)).await;
    let store = Arc::clone(&stand.store);
    let other = Subscriber::builder("audit", Policies::strict(), store)
        .on(stand.secured(|_| Ok(())))
        .build()
        .unwrap();
    take(&other, &visit(1)).await;
    // Another gateway cannot use up an id.
    let foreign = gateway(&secured(), 1, |envelope, _| envelope.publisher.instance = "gw-2".into());
    take(&stand.willing(), &foreign).await;
    assert_eq!(stand.called(), [id(1); 3]);
}

#[tokio::test]
async fn a_failure_is_tried_again_and_a_success_is_not() {
    let stand = Stand::new();
    let answer = |attempt| if attempt < 3 { Err(Failure::Again("busy".into())) } else { Ok(()) };
    let retry = Retry { first: Duration::from_secs(4), most: Duration::from_secs(6) };
    let subscriber =
        stand.builder(Policies::strict()).on(stand.secured(answer)).retry(retry).build().unwrap();
    let event = visit(1);
    for (attempt, least, most) in [(1, 2, 4), (2, 3, 6)] {
        let Verdict::Again { after } = subscriber.take(event.as_bytes(), attempt).await else {
            panic!("attempt {attempt} succeeded")
        };
        let range = Duration::from_secs(least)..=Duration::from_secs(most);
        assert!(range.contains(&after), "{attempt}: {after:?}");
    }
    for attempt in [3, 4] {
        assert_eq!(subscriber.take(event.as_bytes(), attempt).await, Verdict::Acknowledge);
    }
    assert_eq!(stand.called(), [id(1); 3]);
    assert_eq!(stand.hooks.lines(), ["failed busy", "failed busy", "handled at 3", "duplicate"]);
}

#[tokio::test]
async fn never_is_a_dead_letter_and_may_be_redriven() {
    let stand = Stand::new();
    let refusing = stand
        .builder(Policies::strict())
        .on(stand.secured(|_| Err(Failure::Never("no such account 4711".into()))))
        .build()
        .unwrap();
    let Verdict::DeadLetter(reason) = take(&refusing, &visit(1)).await else {
        panic!("not a dead letter")
    };
    assert_eq!(reason.why, Why::RefusedByHandler);
    assert_eq!(reason.event_id, Some(id(1)));
    let told = format!("{:?}", reason.attributes("billing"));
    assert!(!told.contains("4711"), "a handler's text is not passed on: {told}");
    // A build that can do it gets it from the dead letters.
    assert_eq!(take(&stand.willing(), &visit(1)).await, Verdict::Acknowledge);
    assert_eq!(stand.called(), [id(1), id(1)]);
}

#[tokio::test]
async fn a_panic_ends_one_handler_only() {
    let stand = Stand::new();
    let subscriber = stand
        .builder(Policies::strict())
        .on(stand.secured(|attempt| if attempt == 1 { panic!("a bug") } else { Ok(()) }))
        .build()
        .unwrap();
    let event = visit(1);
    assert!(is_again(&subscriber.take(event.as_bytes(), 1).await));
    assert_eq!(subscriber.take(event.as_bytes(), 2).await, Verdict::Acknowledge);
    assert_eq!(stand.hooks.lines(), ["failed Panicked", "handled at 2"]);
}

/// A handler that never ends at the first attempt.
fn stuck(stand: &Stand) -> Subscriber {
    let calls = Arc::clone(&stand.calls);
    stand
        .builder(Policies::strict())
        .handling_time(Duration::from_secs(10))
        .on(move |event: Received<VisitSecured>, context: Context| {
            let attempt = context.attempt;
            calls.lock().unwrap().push((event.envelope.id, context));
            async move {
                if attempt == 1 {
                    pending::<()>().await;
                }
                Ok(())
            }
        })
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_dropped_and_tried_again() {
    let stand = Stand::new();
    let subscriber = stuck(&stand);
    let event = visit(1);
    let begun = tokio::time::Instant::now();
    assert!(is_again(&subscriber.take(event.as_bytes(), 1).await));
    assert_eq!(begun.elapsed().as_secs(), 10);
    // It was released: nobody waits for a lease.
    assert_eq!(subscriber.take(event.as_bytes(), 2).await, Verdict::Acknowledge);
    assert_eq!(stand.hooks.lines(), ["failed TookTooLong", "handled at 2"]);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_handler_gives_its_event_back_at_once() {
    let stand = Stand::new();
    let subscriber = stuck(&stand);
    let event = visit(1);
    let stop = tokio::time::sleep(Duration::from_secs(1));
    let verdict = subscriber.take_until(event.as_bytes(), 1, stop).await;
    assert_eq!(verdict, Verdict::Again { after: Duration::ZERO });
    assert_eq!(subscriber.take(event.as_bytes(), 2).await, Verdict::Acknowledge);
    assert_eq!(stand.hooks.lines(), ["failed Stopped", "handled at 2"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_busy_elsewhere_is_left_until_the_lease_ends() {
    let stand = Stand::new();
    let subscriber = stuck(&stand);
    let event = visit(1);
    let lease = Duration::from_secs(10) + LEASE_MARGIN;
    {
        // A process that crashes in the handler: nothing is released.
        let crashed = subscriber.take(event.as_bytes(), 1);
        assert!(tokio::time::timeout(Duration::from_secs(1), crashed).await.is_err());
    }
    let Verdict::Again { after } = subscriber.take(event.as_bytes(), 2).await else {
        panic!("it is busy")
    };
    assert_eq!(after + Duration::from_secs(1), lease);
    assert_eq!(stand.called().len(), 1);
    tokio::time::advance(after).await;
    assert_eq!(subscriber.take(event.as_bytes(), 3).await, Verdict::Acknowledge);
    assert_eq!(stand.hooks.lines(), ["failed Busy", "handled at 3"]);
}

#[tokio::test]
async fn a_replay_repeats_only_for_those_who_bear_it() {
    let stand = Stand::new();
    let once = stand.willing();
    take(&once, &visit(1)).await;
    take(&once, &replayed(&visit(1), "monday")).await;
    assert_eq!(stand.called(), [id(1)]);
    // Never handled: any handler gets it, and is told.
    take(&once, &replayed(&visit(2), "monday")).await;
    assert_eq!(stand.called(), [id(1), id(2)]);
    assert_eq!(stand.last().replay.as_deref(), Some("monday"));

    let stand = Stand::new();
    let repeatable =
        stand.builder(Policies::strict()).repeatable_on(stand.secured(|_| Ok(()))).build().unwrap();
    take(&repeatable, &visit(1)).await;
    assert_eq!(stand.last().replay, None);
    take(&repeatable, &visit(1)).await;
    assert_eq!(stand.called().len(), 1, "a duplicate is no replay");
    for (name, calls) in [("monday", 2), ("monday", 2), ("tuesday", 3)] {
        assert_eq!(take(&repeatable, &replayed(&visit(1), name)).await, Verdict::Acknowledge);
        assert_eq!(stand.called().len(), calls, "{name}");
        assert_eq!(stand.last().replay.as_deref(), Some(name));
    }
}

#[tokio::test]
async fn what_a_replay_brings_for_the_first_time_it_brings_once() {
    let stand = Stand::new();
    let repeatable =
        stand.builder(Policies::strict()).repeatable_on(stand.secured(|_| Ok(()))).build().unwrap();
    let of_monday = replayed(&visit(1), "monday");
    for _ in 0..3 {
        assert_eq!(take(&repeatable, &of_monday).await, Verdict::Acknowledge);
    }
    assert_eq!(stand.called(), [id(1)], "never handled before, and redelivered");
    assert_eq!(take(&repeatable, &visit(1)).await, Verdict::Acknowledge);
    assert_eq!(stand.called(), [id(1)]);
    take(&repeatable, &replayed(&visit(1), "tuesday")).await;
    assert_eq!(stand.called(), [id(1); 2]);
}

#[tokio::test]
async fn a_replay_that_fails_is_tried_again() {
    let stand = Stand::new();
    take(&stand.willing(), &visit(1)).await;
    let failing = stand
        .builder(Policies::strict())
        .repeatable_on(stand.secured(|attempt| match attempt {
            1 => Err(Failure::Again("busy".into())),
            2 => Err(Failure::Never("no".into())),
            _ => Ok(()),
        }))
        .build()
        .unwrap();
    let again = replayed(&visit(1), "monday");
    assert!(is_again(&failing.take(again.as_bytes(), 1).await));
    let verdict = failing.take(again.as_bytes(), 2).await;
    assert_eq!(dead(&verdict), Some(Why::RefusedByHandler));
    assert_eq!(failing.take(again.as_bytes(), 3).await, Verdict::Acknowledge);
    assert_eq!(stand.called().len(), 4);
}

/// A store that fails so many of its next calls of one kind.
struct Breaking {
    inner: Memory,
    claims: AtomicU32,
    dones: AtomicU32,
    documents: AtomicU32,
}

impl Breaking {
    fn new(claims: u32, dones: u32, documents: u32) -> Arc<Self> {
        Arc::new(Self {
            inner: Memory::new(100),
            claims: claims.into(),
            dones: dones.into(),
            documents: documents.into(),
        })
    }
}

fn breaks<T: Send + 'static>(left: &AtomicU32) -> Option<StoreFuture<'static, T>> {
    let failed = left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    let error = StoreError::Failed("Transport".to_owned());
    failed.is_ok().then(|| Box::pin(std::future::ready(Err(error))) as StoreFuture<'static, T>)
}

impl Store for Breaking {
    fn claim<'a>(&'a self, scope: &'a str, id: Uuid, lease: Duration) -> StoreFuture<'a, Claim> {
        breaks(&self.claims).unwrap_or_else(|| self.inner.claim(scope, id, lease))
    }

    fn done<'a>(&'a self, scope: &'a str, id: Uuid) -> StoreFuture<'a, ()> {
        breaks(&self.dones).unwrap_or_else(|| self.inner.done(scope, id))
    }

    fn release<'a>(&'a self, scope: &'a str, id: Uuid, token: Token) -> StoreFuture<'a, ()> {
        self.inner.release(scope, id, token)
    }

    fn claim_once<'a>(
        &'a self,
        key: &'a str,
        value: &'a str,
        ttl: Duration,
    ) -> StoreFuture<'a, Option<String>> {
        breaks(&self.documents).unwrap_or_else(|| self.inner.claim_once(key, value, ttl))
    }

    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Document>> {
        self.inner.load(key)
    }

    fn swap<'a>(&'a self, key: &'a str, version: u64, bytes: &'a [u8]) -> StoreFuture<'a, bool> {
        self.inner.swap(key, version, bytes)
    }
}

#[tokio::test(start_paused = true)]
async fn no_store_no_handler() {
    let stand = Stand::on(Breaking::new(1, 0, 1));
    let subscriber = stand.willing();
    // The claim fails, then a tracker, which gives the claim back.
    for _ in 0..2 {
        assert!(is_again(&take(&subscriber, &visit(1)).await));
        assert_eq!(stand.called().len(), 0);
    }
    assert_eq!(take(&subscriber, &visit(1)).await, Verdict::Acknowledge);
    assert_eq!(stand.hooks.count("failed Store"), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_done_is_remembered_with_patience() {
    let stand = Stand::on(Breaking::new(0, 2, 0));
    let subscriber = stand.willing();
    assert_eq!(take(&subscriber, &visit(1)).await, Verdict::Acknowledge);
    assert_eq!(stand.hooks.lines(), ["handled at 1"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_remembered_is_not_acknowledged() {
    let stand = Stand::on(Breaking::new(0, 3, 0));
    let subscriber = stand.willing();
    assert!(is_again(&take(&subscriber, &visit(1)).await));
    // Kept from others until the lease ends, then done once more: at least once.
    assert!(is_again(&take(&subscriber, &visit(1)).await));
    assert_eq!(stand.called().len(), 1);
    tokio::time::advance(Duration::from_secs(60) + LEASE_MARGIN).await;
    assert_eq!(take(&subscriber, &visit(1)).await, Verdict::Acknowledge);
    assert_eq!(stand.called().len(), 2);
}

#[tokio::test]
async fn a_member_that_stands_twice_makes_it_no_event() {
    let stand = Stand::new();
    let event = visit(1);
    // A member twice: two readers could read two events.
    let twice = event
        .replace(r#""type":"visit.secured""#, r#""type":"visit.secured","type":"visit.secured""#);
    assert_ne!(event, twice);
    let verdict = take(&stand.willing(), &twice).await;
    assert_eq!(dead(&verdict), Some(Why::NotAnEvent));
    assert_eq!(stand.called().len(), 0);
}
