//! The publisher's one task: takes what was sent, makes calls, and gives every event its fate.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::calls::{Answer, Calls};
use super::entry::Entry;
use super::fate::{Pending, Why};
use super::handshakes::Handshakes;
use super::queue::Queue;
use super::settings::Settings;
use super::throttle::{Throttle, is_throttling};
use super::waiting::{Waiting, Worth};
use crate::bus::{Bus, Outcome, backoff};

/// What an event is given up with when nothing was ever heard from the bus.
const NEVER_TRIED: (&str, &str) = ("NotTried", "it found no call");

/// Failed calls that lengthen the pause of new events; further ones only that of what waits.
const NEW_PATIENCE: u32 = 5;

pub(super) struct Task {
    bus: Arc<dyn Bus>,
    queue: Arc<Queue>,
    settings: Settings,
    waiting: Waiting,
    calls: Calls,
    throttle: Throttle,
    /// Calls that failed in a row.
    failing: u32,
    /// When the first of them did.
    failing_since: Option<Instant>,
    denied: bool,
    paused_until: Instant,
    /// This pause is as short as a new event makes it.
    hurried: bool,
    /// It takes nothing more; what stood aside has had its last chance.
    closing: bool,
    /// What the bus said of the last failure.
    trouble: Option<(String, String)>,
    /// The last member: it is dropped after every entry.
    _ended: Ended,
}

/// Whatever ends the task, nobody waits for it in vain.
struct Ended(Arc<Queue>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Task {
    pub(super) fn new(bus: Arc<dyn Bus>, queue: Arc<Queue>, settings: Settings) -> Self {
        let now = Instant::now();
        Self {
            bus,
            waiting: Waiting::default(),
            calls: Calls::default(),
            throttle: Throttle::new(settings.entries_per_second, now),
            failing: 0,
            failing_since: None,
            denied: false,
            paused_until: now,
            hurried: false,
            closing: false,
            trouble: None,
            _ended: Ended(Arc::clone(&queue)),
            queue,
            settings,
        }
    }

    /// Runs until the queue is closed and empty, or its deadline has come.
    pub(super) async fn run(mut self, handshakes: Handshakes, first: Pending) {
        let queue = Arc::clone(&self.queue);
        let mut handshakes = std::pin::pin!(handshakes.run(first));
        while let ControlFlow::Continue(wake) = self.turn() {
            tokio::select! {
                () = queue.changed() => {}
                answer = self.calls.next() => self.answered(answer),
                () = sleep_until(wake) => {}
                never = &mut handshakes => match never {},
            }
        }
        self.leave();
    }

    /// Does what can be done now, and says when something is due next if neither an answer nor a
    /// message comes before; or that it is over.
    fn turn(&mut self) -> ControlFlow<(), Option<Instant>> {
        let (ends_at, hurry_before) = self.queue.orders();
        let now = Instant::now();
        for entry in self.queue.collect() {
            self.waiting.add(entry);
            self.hurry(now);
        }
        if ends_at.is_some() && !self.closing {
            self.closing = true;
            self.paused_until = now;
            self.waiting.forgive();
        }
        self.waiting.wake(now);
        self.give_up(now);
        let idle = self.waiting.is_empty() && self.calls.is_empty();
        if ends_at.is_some_and(|at| idle || at <= now) {
            return ControlFlow::Break(());
        }
        let due = self.dispatch(hurry_before, now);
        let (calls, pace) = (self.calls.len(), self.throttle.pace());
        self.queue.record(|stats| {
            stats.calls = calls;
            stats.pace = pace;
        });
        let gives_up = self.waiting.oldest().map(|at| at + self.settings.give_up_after);
        let next = [due, self.waiting.next_awake(), gives_up, ends_at].into_iter().flatten().min();
        ControlFlow::Continue(next)
    }

    /// Makes the calls that can be made; when the next one can, if time alone makes it so.
    fn dispatch(&mut self, hurry_before: u64, now: Instant) -> Option<Instant> {
        let Settings { batch_entries, batch_bytes, linger, calls, .. } = self.settings;
        // After a failed call one goes ahead alone to see whether the bus is back.
        let most = if self.failing > 0 { 1 } else { calls };
        let worth = Worth { entries: batch_entries, bytes: batch_bytes, linger, hurry_before };
        while self.calls.len() < most {
            let at = self.waiting.worth_at(worth, now)?.max(self.paused_until);
            if at > now {
                return Some(at);
            }
            let allowed = match self.throttle.allows(self.waiting.ready(), batch_entries, now) {
                Ok(allowed) => allowed,
                Err(later) => return Some(later),
            };
            let batch = self.waiting.take(allowed, batch_bytes);
            if batch.is_empty() {
                return None;
            }
            self.throttle.took(batch.len(), now);
            self.calls.start(&self.bus, batch);
        }
        None
    }

    fn answered(&mut self, answer: Answer) {
        let now = Instant::now();
        let failed = answer.iter().all(|(_, outcome)| is_failure(outcome));
        let outage = self.outage(failed, now);
        let (mut denied, mut too_busy, mut retried) = (false, false, 0);
        let mut trouble = None;
        for (mut entry, outcome) in answer {
            denied |= matches!(outcome, Outcome::Denied { .. });
            match outcome {
                Outcome::Accepted { bus_id } => {
                    let accepted = entry.accepted(bus_id, now);
                    self.queue.settle(entry, Ok(accepted));
                }
                Outcome::Refused { code, message } => {
                    let refusal = entry.refusal(Why::Refused { code, message });
                    self.queue.settle(entry, Err(refusal));
                }
                Outcome::Retry { code, message } | Outcome::Denied { code, message } => {
                    retried += 1;
                    too_busy |= is_throttling(&code);
                    self.queue.hooks().retried(entry.event_type, &code);
                    trouble = Some((code.clone(), message.clone()));
                    entry.trouble = Some((code, message));
                    // It stands aside for a while, so that the next call tries others.
                    let wait = backoff::delay(entry.attempts, outage, fastrand::f64());
                    self.waiting.put_aside(entry, now + wait);
                }
            }
        }
        self.went(failed, denied, outage, trouble.as_ref(), now);
        if too_busy && let Some(pace) = self.throttle.too_busy(now) {
            tracing::debug!(pace, "the bus is too busy; fewer entries leave");
            self.queue.hooks().throttled(pace);
        }
        let failing = self.failing;
        self.queue.record(|stats| {
            stats.retried += retried;
            stats.failing = failing;
            stats.denied = denied;
            stats.trouble = trouble.as_ref().map(|(code, message)| format!("{code}: {message}"));
        });
        if trouble.is_some() {
            self.trouble = trouble;
        }
    }

    /// How long the outage lasts that this answer belongs to. Of an answer in which the bus took
    /// something, the entries' own trouble alone counts.
    fn outage(&mut self, failed: bool, now: Instant) -> Duration {
        if failed {
            now.duration_since(*self.failing_since.get_or_insert(now))
        } else {
            self.failing_since = None;
            Duration::MAX
        }
    }

    /// A new event does not wait out a long pause: somebody waits for it, and the bus may be back.
    fn hurry(&mut self, now: Instant) {
        if self.failing > 0 && !self.hurried {
            self.hurried = true;
            let failures = self.failing.min(NEW_PATIENCE);
            let soon = now + backoff::delay(failures, Duration::MAX, fastrand::f64());
            self.paused_until = self.paused_until.min(soon);
        }
    }

    /// A call went well or failed: what follows for the next ones.
    fn went(
        &mut self,
        failed: bool,
        denied: bool,
        outage: Duration,
        trouble: Option<&(String, String)>,
        now: Instant,
    ) {
        let before = self.failing;
        if failed {
            self.failing = before.saturating_add(1);
            self.paused_until = now + backoff::delay(self.failing, outage, fastrand::f64());
            self.hurried = false;
        } else if before > 0 {
            self.failing = 0;
            self.paused_until = now;
            self.waiting.forgive();
        }
        let (code, message) = trouble.map_or(("", ""), |(code, message)| (code, message));
        if denied && !self.denied {
            tracing::error!(code, message, "the bus does not let us publish; events are kept");
        } else if failed && before == 0 {
            tracing::warn!(code, message, "the bus takes nothing; events are kept");
        } else if !failed && before > 0 {
            tracing::info!("the bus takes events again");
        }
        self.denied = denied;
    }

    /// Returns what has waited too long. What is under way is answered for by its call.
    fn give_up(&mut self, now: Instant) {
        while let Some(mut entry) = self.waiting.take_aged(self.settings.give_up_after, now) {
            let trouble = entry.trouble.take().or_else(|| self.trouble.clone());
            let (code, message) =
                trouble.unwrap_or_else(|| (NEVER_TRIED.0.to_owned(), NEVER_TRIED.1.to_owned()));
            let refusal = entry.refusal(Why::GaveUp {
                code,
                message,
                attempts: entry.attempts,
                after: now.duration_since(entry.queued_at),
            });
            self.queue.settle(entry, Err(refusal));
        }
    }

    /// Returns everything that is left.
    fn leave(&mut self) {
        let mut left: Vec<Entry> = self.waiting.take_all();
        left.extend(self.calls.abandon());
        left.extend(self.queue.collect());
        left.sort_by_key(|entry| entry.number);
        if !left.is_empty() {
            tracing::warn!(events = left.len(), "the publisher ends before its queue is empty");
        }
        for entry in left {
            let refusal = entry.refusal(Why::Closed { attempts: entry.attempts });
            self.queue.settle(entry, Err(refusal));
        }
    }
}

fn is_failure(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Retry { .. } | Outcome::Denied { .. })
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
