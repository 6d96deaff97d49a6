//! Putting a subscriber together; what cannot work is found before the first delivery.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::context::{Context, Failure};
use super::handlers::{Handler, Handlers};
use super::hooks::{Hooks, Silent};
use super::policies::{Accounts, Policies};
use super::store::Store;
use super::subscriber::{Inner, Outages, Subscriber};
use super::track::{Trackers, Tracking};
use crate::read::Received;
use crate::types::{EventData, EventType};

/// The longest name of a consumer, in bytes.
pub const MAX_CONSUMER: usize = 64;
/// How long a handler may run, unless [`Builder::handling_time`] says otherwise.
pub const HANDLING_TIME: Duration = Duration::from_secs(60);
/// The most that [`Builder::handling_time`] takes: a queue hides a message for at most 12 h.
pub const MAX_HANDLING_TIME: Duration = Duration::from_hours(11);
const ACCOUNT_DIGITS: usize = 12;

/// How long to wait before an event is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Before the second attempt; it doubles with each further one. More than zero.
    pub first: Duration,
    /// The longest wait; not below `first`.
    pub most: Duration,
}

impl Retry {
    /// 2 s, doubled up to 15 min.
    pub const DEFAULT: Self =
        Self { first: Duration::from_secs(2), most: Duration::from_secs(15 * 60) };

    /// The wait after the attempt of this number, from 1; `jitter` in 0..1 takes up to half off.
    pub fn after(&self, attempt: u32, jitter: f64) -> Duration {
        let doublings = attempt.clamp(1, 32) - 1;
        let doubled = self.first.saturating_mul(2_u32.saturating_pow(doublings));
        doubled.min(self.most).mul_f64(1.0 - jitter.clamp(0.0, 1.0) / 2.0)
    }
}

/// A subscriber in the making.
pub struct Builder {
    consumer: String,
    policies: Policies,
    store: Arc<dyn Store>,
    handlers: Handlers,
    hooks: Arc<dyn Hooks>,
    tracking: Tracking,
    handling_time: Duration,
    retry: Retry,
    tenants: Option<Vec<Arc<str>>>,
    platform_accounts: Option<Vec<String>>,
}

impl Builder {
    pub(super) fn new(consumer: String, policies: Policies, store: Arc<dyn Store>) -> Self {
        Self {
            consumer,
            policies,
            store,
            handlers: Handlers::default(),
            hooks: Arc::new(Silent),
            tracking: Tracking::ALL,
            handling_time: HANDLING_TIME,
            retry: Retry::DEFAULT,
            tenants: None,
            platform_accounts: None,
        }
    }

    /// Handles the type whose data `D` is. One handler a type.
    ///
    /// The handler runs once for each id, as long as the store remembers it and the process does
    /// not end between the handler's `Ok` and the store's: what it does must bear being done again
    /// then. Where [`Failure::Again`] or a panic ends it, it runs again.
    #[must_use]
    pub fn on<D, H, F>(self, handler: H) -> Self
    where
        D: EventData + Send + 'static,
        H: Fn(Received<D>, Context) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.add::<D>(Handler::new(handler, false))
    }

    /// The same, and a replay hands it again what it has handled, once for each name of a replay:
    /// for handlers that rebuild what they keep.
    #[must_use]
    pub fn repeatable_on<D, H, F>(self, handler: H) -> Self
    where
        D: EventData + Send + 'static,
        H: Fn(Received<D>, Context) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.add::<D>(Handler::new(handler, true))
    }

    fn add<D: EventData>(mut self, handler: Handler) -> Self {
        self.handlers.add(D::TYPE, handler);
        self
    }

    /// Who is told what happens; nobody, unless set.
    #[must_use]
    pub fn hooks(self, hooks: Arc<dyn Hooks>) -> Self {
        Self { hooks, ..self }
    }

    /// What is tracked; [`Tracking::ALL`], unless set.
    #[must_use]
    pub fn tracking(self, tracking: Tracking) -> Self {
        Self { tracking, ..self }
    }

    /// How long a handler may run before it is dropped and the event left to come again; more
    /// than zero, at most [`MAX_HANDLING_TIME`]. [`HANDLING_TIME`], unless set. Counted from the
    /// claim: what the store takes before the handler begins counts too. After a crash, an event
    /// is held back for this long and [`LEASE_MARGIN`](super::LEASE_MARGIN), and so is a duplicate
    /// that comes while its event is being handled.
    #[must_use]
    pub fn handling_time(self, handling_time: Duration) -> Self {
        Self { handling_time, ..self }
    }

    /// How long to wait between attempts; [`Retry::DEFAULT`], unless set.
    #[must_use]
    pub fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    /// Whose events are handled; everybody's, unless set. An event of another tenant becomes a
    /// dead letter: the rule lets through what is not this service's.
    #[must_use]
    pub fn tenants<T: Into<Arc<str>>>(self, tenants: impl IntoIterator<Item = T>) -> Self {
        Self { tenants: Some(tenants.into_iter().map(Into::into).collect()), ..self }
    }

    /// The AWS accounts that the platform itself publishes from, 12 digits each: those of every
    /// publisher that `schemas/publishers.json` lists none for, as gateways. With them
    /// [`Accounts::Check`] lets nothing through whose account is not its publisher's; without them
    /// it leaves a gap, see there. For every subscriber in production.
    #[must_use]
    pub fn platform_accounts<A: Into<String>>(self, accounts: impl IntoIterator<Item = A>) -> Self {
        let accounts = accounts.into_iter().map(Into::into).collect();
        Self { platform_accounts: Some(accounts), ..self }
    }

    /// The subscriber.
    pub fn build(self) -> Result<Subscriber, BuildError> {
        let name = self.consumer.as_bytes();
        let form = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b);
        if name.is_empty() || name.len() > MAX_CONSUMER || !name.iter().all(form) {
            return Err(BuildError::Consumer);
        }
        if let Some(event_type) = self.handlers.twice() {
            return Err(BuildError::Twice(event_type));
        }
        if self.handlers.types().next().is_none() {
            return Err(BuildError::NoHandler);
        }
        if self.handling_time.is_zero() || self.handling_time > MAX_HANDLING_TIME {
            return Err(BuildError::HandlingTime);
        }
        if self.retry.first.is_zero() || self.retry.most < self.retry.first {
            return Err(BuildError::Retry);
        }
        if let Some(accounts) = &self.platform_accounts {
            let is_account = |text: &String| {
                text.len() == ACCOUNT_DIGITS && text.bytes().all(|b| b.is_ascii_digit())
            };
            if accounts.is_empty() || !accounts.iter().all(is_account) {
                return Err(BuildError::PlatformAccounts);
            }
            if self.policies.accounts == Accounts::Trust {
                return Err(BuildError::AccountsUnused);
            }
        }
        let consumer: Arc<str> = self.consumer.into();
        let Self {
            policies, store, handlers, hooks, tracking, handling_time, retry, tenants, ..
        } = self;
        let platform_accounts = self.platform_accounts;
        let (to_store, to_hooks) = (Arc::clone(&store), Arc::clone(&hooks));
        let trackers = Trackers::new(Arc::clone(&consumer), to_store, to_hooks, tracking);
        Ok(Subscriber::new(Inner {
            consumer,
            policies,
            handlers,
            store,
            hooks,
            trackers,
            handling_time,
            retry,
            tenants,
            platform_accounts,
            outages: Outages::new(),
        }))
    }
}

/// A subscriber that cannot work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// The name has another form.
    #[error("the consumer's name is not 1 to {MAX_CONSUMER} of a-z 0-9 . _ -")]
    Consumer,
    /// A second handler would never be called.
    #[error("two handlers for {0}")]
    Twice(EventType),
    /// It would handle nothing.
    #[error("no handler")]
    NoHandler,
    /// Zero would drop every handler; too long cannot be kept from others.
    #[error("the handling time is zero or longer than 11 h")]
    HandlingTime,
    /// Waits that do not grow from above zero.
    #[error("the first wait is zero or longer than the longest")]
    Retry,
    /// None, or one that is not 12 digits.
    #[error("the platform's accounts are none, or not 12 digits each")]
    PlatformAccounts,
    /// They would never be compared: the policies say [`Accounts::Trust`].
    #[error("the platform's accounts are given, and the policies do not compare accounts")]
    AccountsUnused,
}
