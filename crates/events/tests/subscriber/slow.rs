//! A store that takes its time: a handler never outlives the lease of its event.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use doorward_events::Received;
use doorward_events::subscribe::store::{Claim, Document, Memory, Store, StoreFuture, Token};
use doorward_events::subscribe::{Context, LEASE_MARGIN, Policies, Subscriber, Verdict};
use doorward_events::types::VisitSecured;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::samples::{id, visit};
use crate::stand::{Stand, is_again, take};

const HANDLING_TIME: Duration = Duration::from_secs(20);

/// Claims and the trackers' calls take so long; the lease begins before the claim is answered.
struct Slow {
    inner: Memory,
    claims: Duration,
    trackers: Duration,
}

impl Slow {
    fn late<'a, T: Send + 'a>(time: Duration, call: StoreFuture<'a, T>) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let answer = call.await;
            sleep(time).await;
            answer
        })
    }
}

impl Store for Slow {
    fn claim<'a>(&'a self, scope: &'a str, id: Uuid, lease: Duration) -> StoreFuture<'a, Claim> {
        Self::late(self.claims, self.inner.claim(scope, id, lease))
    }
    fn done<'a>(&'a self, scope: &'a str, id: Uuid) -> StoreFuture<'a, ()> {
        self.inner.done(scope, id)
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
        Self::late(self.trackers, self.inner.claim_once(key, value, ttl))
    }
    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Document>> {
        self.inner.load(key)
    }
    fn swap<'a>(&'a self, key: &'a str, version: u64, bytes: &'a [u8]) -> StoreFuture<'a, bool> {
        self.inner.swap(key, version, bytes)
    }
}

fn stand(claims: u64, trackers: u64) -> Stand {
    let (claims, trackers) = (Duration::from_secs(claims), Duration::from_secs(trackers));
    Stand::on(Arc::new(Slow { inner: Memory::new(100), claims, trackers }))
}

/// Its handler never ends.
fn endless(stand: &Stand) -> Subscriber {
    let calls = Arc::clone(&stand.calls);
    stand
        .builder(Policies::strict())
        .handling_time(HANDLING_TIME)
        .on(move |event: Received<VisitSecured>, context: Context| {
            calls.lock().unwrap().push((event.envelope.id, context));
            pending()
        })
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_handlers_time_counts_from_the_claim() {
    let stand = stand(3, 5);
    let begun = Instant::now();
    assert!(is_again(&take(&endless(&stand), &visit(1)).await));
    // Not 28 s: the lease began with the claim.
    assert_eq!(begun.elapsed(), HANDLING_TIME);
    assert_eq!(stand.called(), [id(1)]);
    assert_eq!(stand.hooks.lines(), ["failed TookTooLong"]);
}

#[tokio::test(start_paused = true)]
async fn trackers_without_end_are_not_waited_for() {
    let stand = stand(0, 3600);
    let begun = Instant::now();
    assert!(is_again(&take(&endless(&stand), &visit(1)).await));
    assert_eq!(begun.elapsed(), LEASE_MARGIN / 2);
    assert!(stand.called().is_empty());
    assert_eq!(stand.hooks.lines(), [r#"failed Store(Failed("Timeout"))"#]);
    // It was released: another process with a store at its best gets it.
    let quick = Stand::on(Arc::clone(&stand.store));
    let subscriber = quick
        .builder(Policies::strict())
        .tracking(doorward_events::subscribe::Tracking::NONE)
        .on(quick.secured(|_| Ok(())))
        .build()
        .unwrap();
    assert_eq!(take(&subscriber, &visit(1)).await, Verdict::Acknowledge);
}

#[tokio::test(start_paused = true)]
async fn no_handler_begins_after_its_time() {
    let stand = stand(21, 1);
    let begun = Instant::now();
    assert!(is_again(&take(&endless(&stand), &visit(1)).await));
    assert_eq!(begun.elapsed().as_secs(), 21);
    assert!(stand.called().is_empty());
}
