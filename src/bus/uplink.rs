//! The uplink: takes events from the journal to the bus and brings the answers back.

use std::sync::Arc;
use std::time::Duration;

use doorward_events::bus::backoff;
use doorward_events::{Bus, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outcome, Outgoing, entry_size};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::lanes::{Lanes, Taken, Which};
use crate::health::UplinkStatus;
use crate::journal::{Stored, WriterHandle, is_damage};

/// What the core tells the uplink.
#[derive(Debug)]
pub enum Told {
    /// Just committed, in the order of their slots.
    Committed(Vec<Stored>),
    /// The journal gave these slots up: ascending ranges.
    Dropped(Vec<(u64, u64)>),
    /// Answered when its loop comes round to it: it turns.
    Turn(oneshot::Sender<()>),
}

/// Calls under way at once.
const CALLS: usize = 8;
/// Of them, at most this many may carry backlog, so that a live event always finds one free.
const BACKLOG_CALLS: usize = 6;
/// Events read back from the journal at once.
const READ_EVENTS: usize = 256;
const READ_BYTES: usize = 1 << 20;
/// After a reading of the journal failed.
const READ_RETRY: Duration = Duration::from_secs(5);
/// Failed calls that lengthen the pause of live events; further ones only that of the backlog.
const LIVE_PATIENCE: u32 = 5;

/// What became of events.
#[derive(Debug)]
pub enum Report {
    Delivered(Vec<u64>),
    Refused {
        event: Stored,
        code: String,
        message: String,
    },
    /// The journal's file is broken: what waits cannot be read.
    Broken(String),
}

/// The running uplink's state.
pub struct Uplink {
    bus: Arc<dyn Bus>,
    source: Arc<str>,
    journal: WriterHandle,
    lanes: Lanes,
    reports: mpsc::UnboundedSender<Report>,
    status: watch::Sender<UplinkStatus>,
    started: Instant,
    paused_until: Duration,
    /// When the first of the calls that failed in a row did.
    failing_since: Option<Duration>,
    /// The journal could not be read; it is tried again then.
    read_again_at: Option<Duration>,
}

/// What was sent, what came back of each, and after how long.
type Answer = (Vec<Taken>, Vec<Outcome>, Duration);

impl Uplink {
    /// An uplink over everything in a journal whose last slot is `slot`.
    ///
    /// `reports` has no bound of its own: the core may be waiting for room in `told` just
    /// then, and this must go on to make it. What gathers there is at most what was under way.
    pub fn new(
        bus: Arc<dyn Bus>,
        source: Arc<str>,
        journal: WriterHandle,
        slot: u64,
        reports: mpsc::UnboundedSender<Report>,
    ) -> (Self, watch::Receiver<UplinkStatus>) {
        let (status, receiver) =
            watch::channel(UplinkStatus { bus: bus.name().to_owned(), ..UplinkStatus::default() });
        let uplink = Self {
            bus,
            source,
            journal,
            lanes: Lanes::new(slot),
            reports,
            status,
            started: Instant::now(),
            paused_until: Duration::ZERO,
            failing_since: None,
            read_again_at: None,
        };
        (uplink, receiver)
    }

    /// Runs until `told` is closed, on a thread of its own: to sign a call, to write and to read it
    /// costs a processor as much as some ten events, and no decision waits for that.
    ///
    /// # Errors
    /// There is no thread, or no descriptor, to be had.
    pub fn start(self, told: mpsc::Receiver<Told>) -> std::io::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let run = move || runtime.block_on(self.run(told));
        std::thread::Builder::new().name("uplink".to_owned()).spawn(run)?;
        Ok(())
    }

    async fn run(mut self, mut told: mpsc::Receiver<Told>) {
        let mut calls: FuturesUnordered<_> = FuturesUnordered::new();
        let mut backlog_calls = 0;
        loop {
            if self.read_back().await.is_err() {
                return;
            }
            let now = self.started.elapsed();
            // After a failed call one goes ahead alone to see whether the bus is back.
            let most = if self.status.borrow().failing > 0 { 1 } else { CALLS };
            while now >= self.paused_until && calls.len() < most {
                let source = &self.source;
                let batch = self.lanes.take(
                    now,
                    MAX_BATCH_ENTRIES,
                    MAX_BATCH_BYTES,
                    |event| outgoing_size(source, event),
                    backlog_calls < BACKLOG_CALLS,
                );
                if batch.is_empty() {
                    break;
                }
                backlog_calls += usize::from(carries_backlog(&batch));
                calls.push(call(Arc::clone(&self.bus), Arc::clone(&self.source), batch));
            }
            let wake = if now < self.paused_until {
                Some(self.paused_until)
            } else if calls.len() < most {
                self.lanes.next_ready()
            } else {
                // The next answer wakes us.
                None
            };
            let wake = [wake, self.read_again_at.filter(|at| *at > now)]
                .into_iter()
                .flatten()
                .min()
                .map(|at| self.started + at);
            tokio::select! {
                news = told.recv() => match news {
                    Some(Told::Committed(events)) => {
                        self.lanes.committed(events);
                        self.hurry();
                    }
                    Some(Told::Dropped(slots)) => self.lanes.forget(&slots),
                    Some(Told::Turn(reply)) => drop(reply.send(())),
                    None => return,
                },
                Some(answer) = calls.next(), if !calls.is_empty() => {
                    backlog_calls -= usize::from(carries_backlog(&answer.0));
                    if self.answered(answer).is_err() {
                        return;
                    }
                }
                () = sleep_until(wake), if wake.is_some() => {}
            }
        }
    }

    /// Live events do not wait out a long pause: the trouble may be another event's alone.
    fn hurry(&mut self) {
        let failing = self.status.borrow().failing;
        if failing > 0 {
            let soon = backoff::delay(failing.min(LIVE_PATIENCE), Duration::MAX, fastrand::f64());
            self.paused_until = self.paused_until.min(self.started.elapsed() + soon);
        }
    }

    async fn read_back(&mut self) -> Result<(), Closed> {
        if self.read_again_at.is_some_and(|at| self.started.elapsed() < at) {
            return Ok(());
        }
        self.read_again_at = None;
        while let Some((after, until)) = self.lanes.wants() {
            let read = self
                .journal
                .read(move |journal| journal.waiting_events(after, READ_EVENTS, READ_BYTES))
                .await
                .map_err(|_| Closed)?;
            match read {
                Ok(events) => self.lanes.read(after, until, events),
                Err(error) => {
                    tracing::error!(%error, "waiting events cannot be read from the journal");
                    if is_damage(&error) {
                        self.reports.send(Report::Broken(error.to_string())).map_err(|_| Closed)?;
                    }
                    self.read_again_at = Some(self.started.elapsed() + READ_RETRY);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn answered(&mut self, (batch, outcomes, took): Answer) -> Result<(), Closed> {
        let now = self.started.elapsed();
        let mut delivered = Vec::new();
        let mut refused = Vec::new();
        let mut retried: u64 = 0;
        let mut trouble = None;
        let mut denied = false;
        let call_failed = outcomes
            .iter()
            .all(|outcome| matches!(outcome, Outcome::Retry { .. } | Outcome::Denied { .. }));
        let outage = if call_failed {
            now.saturating_sub(*self.failing_since.get_or_insert(now))
        } else {
            self.failing_since = None;
            Duration::MAX
        };
        for (taken, outcome) in batch.into_iter().zip(outcomes) {
            let is_denial = matches!(outcome, Outcome::Denied { .. });
            match outcome {
                Outcome::Accepted { .. } => {
                    self.lanes.done(&taken);
                    delivered.push(taken.event.slot);
                }
                Outcome::Refused { code, message } => {
                    self.lanes.done(&taken);
                    refused.push(Report::Refused { event: taken.event, code, message });
                }
                Outcome::Retry { code, message } | Outcome::Denied { code, message } => {
                    retried += 1;
                    denied |= is_denial;
                    trouble = Some(format!("{code}: {message}"));
                    // It stands aside for a while, so that the next call tries others.
                    self.lanes.again(taken, |failures| {
                        now + backoff::delay(failures, outage, fastrand::f64())
                    });
                }
            }
        }
        let failing = if call_failed { self.status.borrow().failing.saturating_add(1) } else { 0 };
        if !call_failed && self.status.borrow().failing > 0 {
            self.lanes.forgive();
        }
        if call_failed {
            self.paused_until = now + backoff::delay(failing, outage, fastrand::f64());
        }
        self.status.send_modify(|status| {
            if denied && !status.denied {
                tracing::error!(trouble, "the bus does not let us publish; events are kept");
            } else if failing == 1 {
                tracing::warn!(trouble, "the bus takes nothing; events are kept");
            } else if failing == 0 && status.failing > 0 {
                tracing::info!("the bus takes events again");
            }
            status.calls += 1;
            status.call_time.add(took);
            status.accepted += delivered.len() as u64;
            status.refused += refused.len() as u64;
            status.retried += retried;
            status.failing = failing;
            status.denied = denied;
            status.trouble.clone_from(&trouble);
        });
        if !delivered.is_empty() {
            self.reports.send(Report::Delivered(delivered)).map_err(|_| Closed)?;
        }
        for report in refused {
            self.reports.send(report).map_err(|_| Closed)?;
        }
        Ok(())
    }
}

/// The core has ended.
struct Closed;

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

fn carries_backlog(batch: &[Taken]) -> bool {
    batch.iter().any(|taken| taken.which == Which::Backlog)
}

async fn call(bus: Arc<dyn Bus>, source: Arc<str>, batch: Vec<Taken>) -> Answer {
    let entries: Vec<Outgoing> =
        batch.iter().map(|taken| outgoing(&source, &taken.event)).collect();
    let begun = Instant::now();
    let mut outcomes = bus.put(&entries).await;
    let took = begun.elapsed();
    // One outcome an entry is the bus's contract; without one the entry is sent again.
    outcomes.resize_with(batch.len(), || Outcome::Retry {
        code: "NoAnswer".to_owned(),
        message: "the bus gave no answer for this entry".to_owned(),
    });
    (batch, outcomes, took)
}

fn outgoing(source: &Arc<str>, event: &Stored) -> Outgoing {
    Outgoing {
        id: event.id,
        source: Arc::clone(source),
        detail_type: event.kind.as_str(),
        detail: Arc::clone(&event.detail),
        trace_header: Some(trace_header(event)),
    }
}

/// The trace of an event that brought none with it is its `id`: both are 16 bytes, and who has
/// the event can find the trace.
fn trace_header(event: &Stored) -> String {
    let id = event.id.simple().to_string();
    let (epoch, unique) = id.split_at_checked(8).unwrap_or((&id, ""));
    format!("Root=1-{epoch}-{unique};Sampled=0")
}

fn outgoing_size(source: &Arc<str>, event: &Stored) -> usize {
    entry_size(&outgoing(source, event))
}
