//! One delivery, from its bytes to a verdict. Queues and functions share this and nothing else
//! decides.

use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout_at};
use uuid::Uuid;

use super::builder::{Builder, Retry};
use super::context::{Context, Failure, Order};
use super::handlers::{Handler, Handlers, Panicked, Ready, Running};
use super::hooks::{About, Fault, Hooks};
use super::outage::Outage;
use super::policies::{Older, Policies, Tests};
use super::screen::{Screened, Turned, reason, screen};
use super::store::{Claim, Store, StoreError, Token};
use super::track::{Trackers, Trust};
use super::verdict::{Reason, Verdict, Why, of_rejected};
use crate::envelope::Envelope;
use crate::origin::GatewayOrigin;
use crate::read::read;
use crate::types::{EventType, GatewayHeartbeat};

/// How much longer than the longest handling time a claim lasts: for the store's own calls. What
/// the trackers know is waited for at most half of it, then the event is left to come again.
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
    /// Whose events are handled; `None`: everybody's.
    pub(super) tenants: Option<Vec<Arc<str>>>,
    /// The platform's own accounts; `None`: not known.
    pub(super) platform_accounts: Option<Vec<String>>,
    pub(super) outages: Outages,
}

/// What a subscriber's calls are told as.
pub(super) struct Outages {
    store: Outage,
    letters: Outage,
}

impl Outages {
    pub(super) fn new() -> Self {
        Self { store: Outage::of("Store"), letters: Outage::of("DeadLetter") }
    }
}

/// An event that is this call's to handle.
struct Claimed<'a> {
    scope: &'a str,
    /// The replay that must not bring it again either.
    also: Option<&'a str>,
    id: Uuid,
    token: Token,
    /// When the handler must have ended: its lease lasts [`LEASE_MARGIN`] longer.
    deadline: Instant,
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

    pub(super) fn letters(&self) -> &Outage {
        &self.inner.outages.letters
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
        let Inner { policies, handlers, trackers, hooks, platform_accounts, .. } = &*self.inner;
        let platform = platform_accounts.as_deref();
        let screened = match screen(delivery, *policies, platform, handlers, trackers.gaps()) {
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

    /// Validates the event and tracks the delivery; `None`: it was for the tracker alone.
    async fn look_into<'h>(
        &self,
        screened: &Screened<'_, 'h>,
    ) -> Result<Result<Option<(&'h Handler, Ready)>, Turned>, Fault> {
        let Screened { delivery, head, event_type, handler, version } = screened;
        let Inner { trackers, handlers, policies, .. } = &*self.inner;
        let dead = |(why, pointer): (Why, Option<String>)| {
            Turned::DeadLetter(reason(head, why, pointer.as_deref()))
        };
        if let Err(turned) = version {
            // Nothing but its head was read.
            trackers.delivered(head, *event_type, Trust::Head).await.map_err(Fault::Store)?;
            return Ok(Err(turned.clone()));
        }
        // What its schema refuses moves no tracker: it is told as missing, and closed if a later
        // build can read it.
        let ready = match handler.map(|handler| (handler, handler.read(delivery.detail))) {
            Some((_, Err(rejected))) => return Ok(Err(dead(of_rejected(&rejected)))),
            Some((handler, Ok(ready))) => {
                trackers.delivered(head, *event_type, Trust::Event).await.map_err(Fault::Store)?;
                Some((handler, ready))
            }
            None => None,
        };
        if *event_type == EventType::GatewayHeartbeat && trackers.gaps() {
            match read::<GatewayHeartbeat>(delivery.detail.as_bytes()) {
                Ok(beat) => trackers.heartbeat(head, &beat.data, handlers.types()).await,
                Err(rejected) => return Ok(Err(dead(of_rejected(&rejected)))),
            }
            .map_err(Fault::Store)?;
        }
        let Some((handler, ready)) = ready else { return Ok(Ok(None)) };
        let tenants = self.inner.tenants.as_ref();
        if tenants.is_some_and(|tenants| !tenants.contains(&ready.envelope.tenant_id)) {
            return Ok(Err(dead((Why::WrongTenant, Some("/tenant_id".to_owned())))));
        }
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
        let context = self.context(&envelope, origin.as_ref(), attempt, replay);
        let latest = claimed.deadline.min(Instant::now() + LEASE_MARGIN / 2);
        let late = |_| Err(StoreError::Failed("Timeout".to_owned()));
        let context = match timeout_at(latest, context).await.unwrap_or_else(late) {
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
            () = sleep_until(claimed.deadline) => Ended::TookTooLong,
        };
        let fault = match ended {
            Ended::Returned(Ok(Ok(()))) => {
                return match self.done(&claimed).await {
                    Ok(()) => {
                        inner.outages.store.worked();
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
        let mut also = replayed.filter(|_| handler.repeatable);
        // Before the store begins the lease: it never ends earlier than is counted here.
        let mut begun = Instant::now();
        let mut claim = store.claim(scope, id, lease).await?;
        if claim == Claim::Done
            && let Some(replayed) = also.take()
        {
            scope = replayed;
            begun = Instant::now();
            claim = store.claim(scope, id, lease).await?;
        }
        let deadline = begun + *handling_time;
        Ok(match claim {
            Claim::New(token) => Ok(Claimed { scope, also, id, token, deadline }),
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

    /// The replay first: between the two, the claim still keeps the event from everybody.
    async fn done(&self, claimed: &Claimed<'_>) -> Result<(), StoreError> {
        if let Some(replay) = claimed.also {
            self.done_in(replay, claimed.id).await?;
        }
        self.done_in(claimed.scope, claimed.id).await
    }

    async fn done_in(&self, scope: &str, id: Uuid) -> Result<(), StoreError> {
        let mut tries = 1;
        loop {
            match self.inner.store.done(scope, id).await {
                Err(_) if tries < DONE_TRIES => tokio::time::sleep(DONE_PAUSE * tries).await,
                answer => return answer,
            }
            tries += 1;
        }
    }

    /// A claim that cannot be released ends with its lease.
    async fn release(&self, claimed: &Claimed<'_>) {
        let Claimed { scope, id, token, .. } = claimed;
        if let Err(error) = self.inner.store.release(scope, *id, *token).await {
            tracing::warn!(%id, %error, "a claim stays until its lease ends");
        }
    }

    fn again(&self, about: About, fault: &Fault, attempt: u32) -> Verdict {
        self.inner.hooks.failed(about, fault);
        if let Fault::Store(error) = fault {
            self.inner.outages.store.failed(error);
        }
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
        let Reason { why, event_type, event_id, .. } = &reason;
        tracing::warn!(reason = %why, event_type, id = ?event_id, "a dead letter");
        self.inner.hooks.dead_lettered(about, &reason);
        Verdict::DeadLetter(reason)
    }
}
