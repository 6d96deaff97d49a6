//! A queue in memory behind a rule of the bus in memory: deliveries as `EventBridge` writes them.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::bus::Outgoing;
use crate::types::EventType;

/// The most deliveries that wait in one queue. The bus accepts nothing more for it and answers
/// `Retry`.
pub const QUEUE_CAPACITY: usize = 10_000;

/// The region of every delivery.
const REGION: &str = "eu-central-1";

/// Which events a queue gets: all conditions hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rule {
    sources: Vec<String>,
    types: Vec<String>,
}

impl Rule {
    /// Every event.
    pub fn all() -> Self {
        Self::default()
    }

    /// Events whose `Source` begins with this, or with another one named so. As in
    /// `doorward.gateway/`.
    #[must_use]
    pub fn from_source(mut self, prefix: impl Into<String>) -> Self {
        self.sources.push(prefix.into());
        self
    }

    /// Events of these types and of those named before.
    #[must_use]
    pub fn of_types(mut self, types: impl IntoIterator<Item = EventType>) -> Self {
        self.types.extend(types.into_iter().map(|event_type| event_type.as_str().to_owned()));
        self
    }

    /// Whether an event matches.
    pub fn matches(&self, source: &str, detail_type: &str) -> bool {
        (self.sources.is_empty() || self.sources.iter().any(|prefix| source.starts_with(prefix)))
            && (self.types.is_empty() || self.types.iter().any(|name| name == detail_type))
    }
}

/// Deliveries that wait for a subscriber. Clones are the same queue; a delivery that is taken is
/// gone, unless it is given back. Once the last clone is dropped the bus forgets it.
#[derive(Debug, Clone)]
pub struct Queue {
    pub(super) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(super) struct Shared {
    rule: Rule,
    waiting: Mutex<VecDeque<Waiting>>,
    more: Notify,
}

#[derive(Debug)]
struct Waiting {
    from: Instant,
    text: String,
}

impl Queue {
    pub(super) fn new(rule: Rule) -> Self {
        let waiting = Mutex::new(VecDeque::new());
        Self { shared: Arc::new(Shared { rule, waiting, more: Notify::new() }) }
    }

    /// The next delivery, as soon as there is one.
    pub async fn next(&self) -> String {
        loop {
            let more = self.shared.more.notified();
            tokio::pin!(more);
            // From here on nothing that comes is missed.
            more.as_mut().enable();
            match self.shared.take(Instant::now()) {
                Ok(text) => return text,
                Err(Some(earliest)) => {
                    let _ = timeout_at(earliest, more).await;
                }
                Err(None) => more.await,
            }
        }
    }

    /// Up to `most` deliveries: at once if there are any, otherwise after waiting for the first one
    /// at most `wait`. Empty if none came.
    pub async fn receive(&self, most: usize, wait: Duration) -> Vec<String> {
        let mut taken = Vec::new();
        if most > 0
            && let Ok(first) = tokio::time::timeout(wait, self.next()).await
        {
            taken.push(first);
            taken.extend(std::iter::from_fn(|| self.try_next()).take(most - 1));
        }
        taken
    }

    /// The next delivery if there is one now.
    pub fn try_next(&self) -> Option<String> {
        self.shared.take(Instant::now()).ok()
    }

    /// Puts a delivery that was taken and not handled at the end of the queue, whatever its
    /// capacity.
    pub fn give_back(&self, delivery: String) {
        self.shared.put(Waiting { from: Instant::now(), text: delivery }, 0);
    }

    /// How many deliveries wait, those under way included.
    pub fn waiting(&self) -> usize {
        self.shared.waiting().len()
    }
}

impl Shared {
    /// Whether the queue gets this event.
    pub(super) fn wants(&self, entry: &Outgoing) -> bool {
        self.rule.matches(&entry.source, entry.detail_type)
    }

    /// How many more deliveries fit.
    pub(super) fn room(&self) -> usize {
        QUEUE_CAPACITY.saturating_sub(self.waiting().len())
    }

    /// Adds a delivery that comes after `delay` and overtakes up to `window` others.
    pub(super) fn deliver(&self, text: String, delay: Duration, window: usize, rng: &mut Rng) {
        let overtakes = if window == 0 { 0 } else { rng.usize(0..=window) };
        self.put(Waiting { from: Instant::now() + delay, text }, overtakes);
    }

    fn put(&self, delivery: Waiting, overtakes: usize) {
        {
            let mut waiting = self.waiting();
            let at = waiting.len().saturating_sub(overtakes);
            waiting.insert(at, delivery);
        }
        self.more.notify_waiters();
    }

    /// The first delivery that has arrived, or when the next one will; `None` if there is none.
    fn take(&self, now: Instant) -> Result<String, Option<Instant>> {
        let mut waiting = self.waiting();
        let arrived = waiting.iter().position(|delivery| delivery.from <= now);
        match arrived.and_then(|at| waiting.remove(at)) {
            Some(delivery) => Ok(delivery.text),
            None => Err(waiting.iter().map(|delivery| delivery.from).min()),
        }
    }

    fn waiting(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        // A panic elsewhere leaves the queue as good as it was.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the bus writes around an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Around {
    pub(super) id: Uuid,
    pub(super) account: String,
    pub(super) time: Timestamp,
}

/// A delivery, with the event's text as it was sent, JSON or not.
pub(super) fn delivery(entry: &Outgoing, around: &Around, replay: Option<&str>) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    let mut text = String::with_capacity(entry.detail.len() + 512);
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        r#"{{"version":"0","id":"{}","detail-type":{},"source":{},"account":{},"time":"{}","region":"{REGION}","resources":[],"#,
        around.id,
        quoted(entry.detail_type),
        quoted(&entry.source),
        quoted(&around.account),
        around.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
    );
    if let Some(name) = replay {
        let _ = write!(text, r#""replay-name":{},"#, quoted(name));
    }
    let _ = write!(text, r#""detail":{}}}"#, entry.detail);
    text
}
