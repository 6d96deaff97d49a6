//! One delivery, from its bytes to a verdict. Queues and functions share this and nothing else
//! decides.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::builder::{Builder, Retry};
use super::context::{Context, Failure, Order};
use super::handlers::{Handler, Handlers, Panicked, Ready, Running};
use super::hooks::{About, Fault, Hooks};
use super::policies::{Older, Policies, Tests};
use super::screen::{Screened, Turned, reason, screen};
use super::store::{Claim, Store, StoreError, Token};
use super::track::Trackers;
use super::verdict::{Reason, Verdict, Why, of_rejected};
use crate::envelope::Envelope;
use crate::origin::GatewayOrigin;
use crate::read::read;
use crate::types::{EventType, GatewayHeartbeat};

/// How much longer than the longest handling time a claim lasts: for the store's own calls.
pub const LEASE_MARGIN: Duration = Duration::from_secs(30);
/// How often a store is asked to remember what a handler has done, before the event is left to
/// come again.
const DONE_TRIES: u32 = 3;
const DONE_PAUSE: Duration = Duration::from_millis(200);

/// A consumer of events. A clone is the same consumer.
///
/// It holds no event beyond its call: memory is bounded by how many calls run at once.
#[derive(Clone)]
pub struct Subscriber {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) consumer: Arc<str>,
    pub(super) policies: Policies,
    pub(super) handlers: Handlers,
    pub(super) store: Arc<dyn Store>,
    pub(super) hooks: Arc<dyn Hooks>,
    pub(super) trackers: Trackers,
    pub(super) handling_time: Duration,
    pub(super) retry: Retry,
}

/// An event that is this call's to handle.
struct Claimed<'a> {
    scope: &'a str,
    id: Uuid,
    token: Token,
}

/// How a handler ended.
enum Ended {
    Returned(Result<Result<(), Failure>, Panicked>),
    TookTooLong,
    Stopped,
}

impl Subscriber {
    /// Begins a subscriber. `consumer`: the name that its memory is kept under, and that its dead
    /// letters carry; stable for ever, 1 to 64 of `a-z 0-9 . _ -`.
    pub fn builder(
        consumer: impl Into<String>,
        policies: Policies,
        store: Arc<dyn Store>,
    ) -> Builder {
        Builder::new(consumer.into(), policies, store)
    }

    pub(super) fn new(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// The consumer's name.
    pub fn consumer(&self) -> &str {
        &self.inner.consumer
    }

    /// Who is told what happens.
    pub fn hooks(&self) -> &dyn Hooks {
        &*self.inner.hooks
    }

    /// The types that have a handler, for the rule of its queue.
    pub fn types(&self) -> impl Iterator<Item = EventType> + '_ {
        self.inner.handlers.types()
    }

    /// How long a handler may run; after that it is dropped.
    pub fn handling_time(&self) -> Duration {
        self.inner.handling_time
    }

    pub(super) fn again_after(&self, attempt: u32) -> Duration {
        self.inner.retry.after(attempt, fastrand::f64())
    }

    /// Takes one delivery: the whole JSON text that `EventBridge` sent. `attempt`: how often it was
    /// received, from 1.
    ///
    /// The event is handled when this answers [`Verdict::Acknowledge`], and not before. Dropping
    /// the future drops the handler and leaves the event claimed until its lease ends; see
    /// [`Subscriber::take_until`].
    pub async fn take(&self, delivery: &[u8], attempt: u32) -> Verdict {
        self.take_until(delivery, attempt, pending()).await
    }

    /// The same; when `stop` ends first, the handler is dropped, the event released, and the
    /// verdict is to come again at once.
    pub async fn take_until(
        &self,
        delivery: &[u8],
        attempt: u32,
        stop: impl Future<Output = ()> + Send,
    ) -> Verdict {
        let begun = Instant::now();
        let attempt = attempt.max(1);
        let Inner { policies, handlers, trackers, hooks, .. } = &*self.inner;
        let screened = match screen(delivery, *policies, handlers, trackers.gaps()) {
            Ok(screened) => screened,
            Err((about, turned)) => {
                hooks.received(about);
                return self.turn(about, turned, attempt);
            }
        };
        let about = screened.about();
        hooks.received(about);
        match self.look_into(&screened).await {
            Err(fault) => self.again(about, &fault, attempt),
            Ok(Err(turned)) => self.turn(about, turned, attempt),
            Ok(Ok(None)) => Verdict::Acknowledge,
            Ok(Ok(Some((handler, ready)))) => {
                self.handle(&screened, handler, ready, attempt, begun, stop).await
            }
        }
    }

    /// Tracks the delivery and validates the event; `None`: it was for the tracker alone.
    async fn look_into<'h>(
        &self,
        screened: &Screened<'_, 'h>,
    ) -> Result<Result<Option<(&'h Handler, Ready)>, Turned>, Fault> {
        let Screened { delivery, head, event_type, handler, version } = screened;
        let Inner { trackers, handlers, policies, .. } = &*self.inner;
        let dead = |(why, pointer): (Why, Option<String>)| {
            Turned::DeadLetter(reason(head, why, pointer.as_deref()))
        };
        if handler.is_some() {
            trackers.delivered(head, *event_type).await.map_err(Fault::Store)?;
        }
        if let Err(turned) = version {
            return Ok(Err(turned.clone()));
        }
        if *event_type == EventType::GatewayHeartbeat && trackers.gaps() {
            match read::<GatewayHeartbeat>(delivery.detail.as_bytes()) {
                Ok(beat) => trackers.heartbeat(head, &beat.data, handlers.types()).await,
                Err(rejected) => return Ok(Err(dead(of_rejected(&rejected)))),
            }
            .map_err(Fault::Store)?;
        }
        let Some(handler) = handler else { return Ok(Ok(None)) };
        let ready = match handler.read(delivery.detail) {
            Ok(ready) => ready,
            Err(rejected) => return Ok(Err(dead(of_rejected(&rejected)))),
        };
        if ready.envelope.test && policies.tests == Tests::Skip {
            return Ok(Err(Turned::Ignore(Why::Test)));
        }
        Ok(Ok(Some((handler, ready))))
    }

    async fn handle(
        &self,
        screened: &Screened<'_, '_>,
        handler: &Handler,
        ready: Ready,
        attempt: u32,
        begun: Instant,
        stop: impl Future<Output = ()> + Send,
    ) -> Verdict {
        let (about, inner, id) = (screened.about(), &*self.inner, ready.envelope.id);
        let (consumer, source) = (&inner.consumer, &screened.head.source);
        let replay = screened.delivery.replay.as_deref();
        // With the source, so that no publisher can take another's ids.
        let scope = format!("{consumer}/from/{source}");
        // A replay remembers on its own what it has brought again.
        let replayed =
            replay.map(|name| format!("{consumer}/replay/{}/{name}/{source}", name.len()));
        let claimed = match self.claim(handler, id, &scope, replayed.as_deref()).await {
            Ok(Ok(claimed)) => claimed,
            Ok(Err(None)) => {
                inner.hooks.duplicate(about);
                return Verdict::Acknowledge;
            }
            Ok(Err(Some(left))) => {
                inner.hooks.failed(about, &Fault::Busy);
                // The whole lease at once: a queue that counts receptions gives up otherwise.
                return Verdict::Again { after: left.max(Duration::from_secs(1)) };
            }
            Err(error) => return self.again(about, &Fault::Store(error), attempt),
        };
        let Ready { envelope, origin, call } = ready;
        let context = match self.context(&envelope, origin.as_ref(), attempt, replay).await {
            Ok(context) => context,
            Err(error) => {
                self.release(&claimed).await;
                return self.again(about, &Fault::Store(error), attempt);
            }
        };
        if matches!(context.order, Order::Older { .. })
            && inner.policies.older_than_seen == Older::Skip
        {
            return match self.done(&claimed).await {
                Ok(()) => self.turn(about, Turned::Ignore(Why::OlderThanSeen), attempt),
                Err(error) => self.again(about, &Fault::Store(error), attempt),
            };
        }
        let ended = tokio::select! {
            biased;
            returned = Running::new(call, context) => Ended::Returned(returned),
            () = stop => Ended::Stopped,
            () = tokio::time::sleep(inner.handling_time) => Ended::TookTooLong,
        };
        let fault = match ended {
            Ended::Returned(Ok(Ok(()))) => {
                return match self.done(&claimed).await {
                    Ok(()) => {
                        inner.hooks.handled(about, begun.elapsed(), attempt);
                        Verdict::Acknowledge
                    }
                    // The lease keeps others away; after it the handler runs once more.
                    Err(error) => self.again(about, &Fault::Store(error), attempt),
                };
            }
            Ended::Returned(Ok(Err(Failure::Never(_)))) => {
                self.release(&claimed).await;
                let reason = reason(&screened.head, Why::RefusedByHandler, None);
                return self.turn(about, Turned::DeadLetter(reason), attempt);
            }
            Ended::Returned(Ok(Err(failure))) => Fault::Handler(failure.text()),
            Ended::Returned(Err(Panicked)) => Fault::Panicked,
            Ended::TookTooLong => Fault::TookTooLong,
            Ended::Stopped => Fault::Stopped,
        };
        self.release(&claimed).await;
        self.again(about, &fault, attempt)
    }

    /// The claim; or `None`, it is done; or how long it is somebody else's.
    async fn claim<'a>(
        &'a self,
        handler: &Handler,
        id: Uuid,
        mut scope: &'a str,
        replayed: Option<&'a str>,
    ) -> Result<Result<Claimed<'a>, Option<Duration>>, StoreError> {
        let Inner { store, handling_time, .. } = &*self.inner;
        let lease = *handling_time + LEASE_MARGIN;
        let mut claim = store.claim(scope, id, lease).await?;
        if let (Claim::Done, Some(replayed), true) = (claim, replayed, handler.repeatable) {
            scope = replayed;
            claim = store.claim(scope, id, lease).await?;
        }
        Ok(match claim {
            Claim::New(token) => Ok(Claimed { scope, id, token }),
            Claim::Done => Err(None),
            Claim::Busy { left } => Err(Some(left)),
        })
    }

    async fn context(
        &self,
        envelope: &Envelope,
        origin: Option<&GatewayOrigin>,
        attempt: u32,
        replay: Option<&str>,
    ) -> Result<Context, StoreError> {
        let trackers = &self.inner.trackers;
        let forked = trackers.forked(envelope, origin).await?;
        let order = trackers.order(envelope, origin).await?;
        Ok(Context { attempt, replay: replay.map(str::to_owned), order, forked })
    }

    async fn done(&self, claimed: &Claimed<'_>) -> Result<(), StoreError> {
        let mut tries = 1;
        loop {
            match self.inner.store.done(claimed.scope, claimed.id).await {
                Err(_) if tries < DONE_TRIES => tokio::time::sleep(DONE_PAUSE * tries).await,
                answer => return answer,
            }
            tries += 1;
        }
    }

    /// A claim that cannot be released ends with its lease.
    async fn release(&self, claimed: &Claimed<'_>) {
        let Claimed { scope, id, token } = claimed;
        if let Err(error) = self.inner.store.release(scope, *id, *token).await {
            tracing::warn!(%id, %error, "a claim stays until its lease ends");
        }
    }

    fn again(&self, about: About, fault: &Fault, attempt: u32) -> Verdict {
        self.inner.hooks.failed(about, fault);
        let after =
            if *fault == Fault::Stopped { Duration::ZERO } else { self.again_after(attempt) };
        Verdict::Again { after }
    }

    fn turn(&self, about: About, turned: Turned, attempt: u32) -> Verdict {
        match turned {
            Turned::Ignore(why) => {
                self.inner.hooks.ignored(about, why);
                Verdict::Acknowledge
            }
            Turned::Again(why) => self.again(about, &Fault::Policy(why), attempt),
            Turned::DeadLetter(reason) => self.dead(about, reason),
        }
    }

    fn dead(&self, about: About, reason: Reason) -> Verdict {
        self.inner.hooks.dead_lettered(about, &reason);
        Verdict::DeadLetter(reason)
    }
}
