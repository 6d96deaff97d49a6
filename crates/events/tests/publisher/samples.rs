//! Events, a bus that shows its calls, and hooks that remember: what the tests start from.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorward_events::publish::{Accepted, Fate, Hooks, Publisher, Refusal, Settings};
use doorward_events::types::{DeliveryScheduled, GrantIssued};
use doorward_events::{Bus, EventType, Outcome, Outgoing, PublisherId, PutFuture};
use tokio::time::Instant;
use uuid::Uuid;

pub const DAY: Duration = Duration::from_secs(86_400);

pub fn id() -> PublisherId {
    PublisherId::new("acme.delivery", "blue-1")
}

/// Settings under which handshakes stay out of a test's way.
pub fn settings() -> Settings {
    Settings { handshake_interval: DAY, ..Settings::default() }
}

/// A publisher whose jitter is the same in every run, as long as one thread has it all.
pub fn start(bus: Arc<dyn Bus>, settings: Settings) -> Publisher {
    start_with(bus, settings, Arc::new(()))
}

pub fn start_with(bus: Arc<dyn Bus>, settings: Settings, hooks: Arc<dyn Hooks>) -> Publisher {
    fastrand::seed(7);
    Publisher::start(bus, id(), "acme", "1.4.0", settings, hooks).unwrap()
}

/// The same, once its first handshake is through.
pub async fn ready(bus: Arc<dyn Bus>, settings: Settings) -> Publisher {
    let publisher = start(bus, settings);
    publisher.ready().await.unwrap();
    publisher
}

pub fn scheduled(number: usize) -> DeliveryScheduled {
    serde_json::from_value(serde_json::json!({
        "delivery_id": format!("d-{number}"),
        "subject_ref": "s-7f3k9q2m",
        "window": {"not_before": "2026-11-21T09:00:00Z", "expires_at": "2026-11-21T12:00:00Z"},
        "parcels": 2,
    }))
    .unwrap()
}

/// An event of more than 8,000 bytes.
pub fn grant() -> GrantIssued {
    serde_json::from_value(serde_json::json!({
        "gateway": "gw-1",
        "journal_id": "6f0d3a5e-8f5e-4d0e-9a51-0d9f6f3b2c11",
        "grant_id": "0191c7a0-0000-7000-8000-00000000a001",
        "expires_at": "2026-11-21T12:00:00Z",
        "signed": format!("a.b.{}", "c".repeat(8_000)),
    }))
    .unwrap()
}

pub fn accepted() -> Outcome {
    Outcome::Accepted { bus_id: None }
}

pub fn retry(code: &str) -> Outcome {
    Outcome::Retry { code: code.to_owned(), message: "later".to_owned() }
}

pub fn denied() -> Outcome {
    Outcome::Denied { code: "AccessDenied".to_owned(), message: "no".to_owned() }
}

pub fn refused() -> Outcome {
    Outcome::Refused { code: "MalformedDetail".to_owned(), message: "never".to_owned() }
}

/// One call of a [`Desk`], handshakes left out.
#[derive(Debug, Clone)]
pub struct Call {
    pub at: Instant,
    pub batch: Vec<Outgoing>,
}

type Answers = Box<dyn FnMut(&Call, &Outgoing) -> Outcome + Send>;

/// A bus that takes handshakes at once and asks the test about everything else.
pub struct Desk {
    answers: Mutex<Answers>,
    latency: Duration,
    calls: Mutex<Vec<Call>>,
    under_way: Mutex<(usize, usize)>,
}

impl Desk {
    pub fn new(
        latency: Duration,
        answers: impl FnMut(&Call, &Outgoing) -> Outcome + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self {
            answers: Mutex::new(Box::new(answers)),
            latency,
            calls: Mutex::new(Vec::new()),
            under_way: Mutex::new((0, 0)),
        })
    }

    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// How many entries each call had.
    pub fn sizes(&self) -> Vec<usize> {
        self.calls().iter().map(|call| call.batch.len()).collect()
    }

    /// The most calls that were under way at once.
    pub fn most_under_way(&self) -> usize {
        self.under_way.lock().unwrap().1
    }

    async fn take(&self, batch: &[Outgoing]) -> Vec<Outcome> {
        let own = batch.iter().filter(|event| event.detail_type != "publisher.handshake_sent");
        let call = Call { at: Instant::now(), batch: own.cloned().collect() };
        if call.batch.is_empty() {
            return vec![accepted(); batch.len()];
        }
        self.calls.lock().unwrap().push(call.clone());
        {
            let mut under_way = self.under_way.lock().unwrap();
            under_way.0 += 1;
            under_way.1 = under_way.1.max(under_way.0);
        }
        tokio::time::sleep(self.latency).await;
        self.under_way.lock().unwrap().0 -= 1;
        let mut answers = self.answers.lock().unwrap();
        let answer = |event: &Outgoing| match event.detail_type {
            "publisher.handshake_sent" => accepted(),
            _ => answers(&call, event),
        };
        batch.iter().map(answer).collect()
    }
}

impl Bus for Desk {
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a> {
        Box::pin(self.take(batch))
    }

    fn name(&self) -> &'static str {
        "desk"
    }
}

/// What hooks were told.
#[derive(Debug, Clone, PartialEq)]
pub enum Told {
    Queued(EventType),
    Accepted(Uuid, u32),
    Retried(String),
    Refused(Uuid),
    Throttled(f64),
    Depth(usize, usize),
    Handshake(bool),
}

#[derive(Debug, Default)]
pub struct Notes(Mutex<Vec<Told>>);

impl Notes {
    pub fn all(&self) -> Vec<Told> {
        self.0.lock().unwrap().clone()
    }

    fn note(&self, told: Told) {
        self.0.lock().unwrap().push(told);
    }
}

impl Hooks for Notes {
    fn queued(&self, event_type: EventType, bytes: usize) {
        assert!(bytes > 100);
        self.note(Told::Queued(event_type));
    }
    fn accepted(&self, accepted: &Accepted) {
        self.note(Told::Accepted(accepted.event_id, accepted.attempts));
    }
    fn retried(&self, _: EventType, code: &str) {
        self.note(Told::Retried(code.to_owned()));
    }
    fn refused(&self, refusal: &Refusal) {
        self.note(Told::Refused(refusal.event_id));
    }
    fn throttled(&self, entries_per_second: f64) {
        self.note(Told::Throttled(entries_per_second));
    }
    fn depth(&self, entries: usize, bytes: usize) {
        self.note(Told::Depth(entries, bytes));
    }
    fn handshake(&self, fate: &Fate) {
        self.note(Told::Handshake(fate.is_ok()));
    }
}
