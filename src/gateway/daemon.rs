//! The edge of the state machine: its sockets, its disk, its processes, its clock.
//!
//! One loop. Whatever has arrived is stepped through, the effects gather in one batch, and while
//! a commit runs the next batch gathers. Nothing is acknowledged before its batch is durable.

use std::collections::HashMap;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use doorward_events::PublisherId;
use futures_util::future::{Either, pending};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::state::{Effects, Gateway, Identity, Input, Now, StartFacts, VendorChange};
use crate::bus::{Report, Uplink};
use crate::config::Configuration;
use crate::domain::ids::VendorId;
use crate::health::{Status, UplinkStatus, VendorStatus};
use crate::journal::{
    Batch, Bounds, CommitError, Committed, Failure, Journal, Stored, Writer, WriterHandle,
};
use crate::link::{VendorFrame, VendorSetup};
use crate::local::{Access, Request};
use crate::supervisor::{self, Vendor};

/// Frames of all vendors that wait for the loop, each within the link's bound.
const FRAMES: usize = 32;
/// Inputs stepped through before a commit is considered.
const BURST: usize = 512;
/// Marks of delivery wait this long for a batch to ride in.
const MARK_LINGER: Duration = Duration::from_millis(500);
/// So many of them are worth a commit of their own.
const MARKS: usize = 512;
/// A failed commit is tried again after this.
const COMMIT_RETRY: Duration = Duration::from_secs(1);

/// The running gateway.
pub struct Daemon {
    gateway: Gateway,
    writer: Writer,
    journal: WriterHandle,
    instance: String,
    start_facts: StartFacts,
    started: Instant,
    vendors: HashMap<VendorId, Vendor>,
    batch: Batch,
    marks_since: Option<Instant>,
    acks: HashMap<VendorId, (u64, u64)>,
    retry_at: Option<Instant>,
    storage_failure: Option<String>,
    wants_statistics: bool,
    supervisor: mpsc::Receiver<supervisor::Event>,
    reports: mpsc::UnboundedReceiver<Report>,
    requests: mpsc::Receiver<Request>,
    uplink: mpsc::Sender<Vec<Stored>>,
    uplink_status: watch::Receiver<UplinkStatus>,
    committed: watch::Sender<u64>,
}

type Commit = (Result<Committed, Failure>, Vec<(VendorId, u64, u64)>);

impl Daemon {
    /// Opens the journal and starts the vendors and the uplink.
    pub async fn start(config: Configuration) -> anyhow::Result<(Self, Access)> {
        let state_dir = &config.gateway.state_dir;
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(state_dir)
            .with_context(|| format!("the state folder {} cannot be made", state_dir.display()))?;
        let now = wall_clock();
        let mut random = fastrand::Rng::new();
        let (journal, restored) = open_journal(state_dir, &config, now, &mut random)?;
        let evidence_key = evidence_key(&restored.facts)?;
        let sequence = restored.sequence;
        let writer = Writer::spawn(journal)?;
        let handle = writer.handle();
        let bus = crate::bus::open(&config.gateway.bus).await?;
        let identity = Identity {
            publisher: PublisherId {
                name: "doorward.gateway".into(),
                instance: config.gateway.instance.as_str().into(),
            },
            tenant: config.gateway.tenant.as_str().into(),
            site: config.gateway.site.as_deref().map(Arc::from),
            test: config.gateway.test,
        };
        let source: Arc<str> = identity.publisher.source().into();
        #[expect(clippy::disallowed_methods, reason = "`Uplink::new` says what bounds it")]
        let (reports_in, reports) = mpsc::unbounded_channel();
        let (uplink_in, uplink_committed) = mpsc::channel(64);
        let start_facts = StartFacts {
            bus: bus.name(),
            vendors: config
                .vendors
                .iter()
                .map(|vendor| (vendor.id.clone(), true))
                .chain(config.disabled.iter().map(|id| (id.clone(), false)))
                .collect(),
        };
        let (uplink, uplink_status) =
            Uplink::new(bus, source, handle.clone(), sequence, reports_in);
        tokio::spawn(uplink.run(uplink_committed));
        let pinned = config
            .vendors
            .iter()
            .flat_map(|vendor| {
                vendor.endpoints.iter().map(|pinned| {
                    (pinned.endpoint.clone(), vendor.id.clone(), pinned.address.clone())
                })
            })
            .collect();
        let mut batch = Batch::default();
        batch.facts.insert(EVIDENCE_KEY.to_owned(), evidence_key.clone().into_bytes());
        let gateway = Gateway::new(identity, config.entries, pinned, restored, random.u64(..));
        let (supervisor_in, supervisor) = mpsc::channel(FRAMES);
        for vendor in config.vendors {
            let setup = VendorSetup {
                vendor: vendor.id,
                setup: vendor.setup,
                connection: vendor.connection,
                evidence_key: evidence_key.clone(),
            };
            tokio::spawn(supervisor::supervise(setup, supervisor_in.clone()));
        }
        let (requests_in, requests) = mpsc::channel(16);
        let (committed, committed_watch) = watch::channel(sequence);
        let daemon = Self {
            gateway,
            writer,
            journal: handle.clone(),
            instance: config.gateway.instance,
            start_facts,
            started: Instant::now(),
            vendors: HashMap::new(),
            batch,
            marks_since: None,
            acks: HashMap::new(),
            retry_at: None,
            storage_failure: None,
            wants_statistics: false,
            supervisor,
            reports,
            requests,
            uplink: uplink_in,
            uplink_status,
            committed,
        };
        let access = Access { requests: requests_in, journal: handle, committed: committed_watch };
        Ok((daemon, access))
    }

    /// Runs until `stop` resolves, then commits what is in hand and closes the journal.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        tokio::pin!(stop);
        let facts = self.start_facts.clone();
        self.step(Input::Start(facts));
        let mut commit = None;
        loop {
            if std::mem::take(&mut self.wants_statistics) {
                self.statistics().await?;
            }
            if commit.is_none() && self.commit_is_due() {
                commit = Some(Box::pin(self.commit()));
            }
            let wake = self.next_wake(commit.is_some());
            let committing = match &mut commit {
                Some(commit) => Either::Left(commit),
                None => Either::Right(pending::<anyhow::Result<Commit>>()),
            };
            tokio::select! {
                result = committing => {
                    commit = None;
                    self.committed(result?).await?;
                }
                Some(event) = self.supervisor.recv() => {
                    self.supervised(event);
                    for _ in 1..BURST {
                        let Ok(event) = self.supervisor.try_recv() else { break };
                        self.supervised(event);
                    }
                }
                Some(report) = self.reports.recv() => self.reported(report),
                Some(request) = self.requests.recv() => self.asked(request),
                () = tokio::time::sleep_until(wake) => {
                    if self.now().monotonic >= self.gateway.next_deadline() {
                        self.step(Input::Tick);
                    }
                }
                () = &mut stop => break,
            }
        }
        if let Some(commit) = commit {
            let result = commit.await?;
            self.committed(result).await?;
        }
        while let Ok(report) = self.reports.try_recv() {
            self.reported(report);
        }
        if !self.batch.is_empty() {
            let result = self.commit().await?;
            self.committed(result).await?;
        }
        // The vendors end with their links; what was not acknowledged comes again.
        self.supervisor.close();
        self.vendors.clear();
        self.writer.close().await
    }

    fn now(&self) -> Now {
        Now { monotonic: self.started.elapsed(), wall: wall_clock() }
    }

    fn step(&mut self, input: Input) {
        let effects = self.gateway.step(self.now(), input);
        self.take(effects);
    }

    fn take(&mut self, effects: Effects) {
        if !effects.batch.finished.is_empty() {
            self.marks_since.get_or_insert_with(Instant::now);
        }
        self.batch.append(effects.batch);
        for (vendor, through) in effects.acks {
            if let Some(link) = self.vendors.get(&vendor) {
                self.acks.insert(vendor, (link.life, through));
            }
        }
        for (vendor, devices) in effects.reads {
            if let Some(link) = self.vendors.get(&vendor) {
                link.read(devices);
            }
        }
        self.wants_statistics |= effects.wants_statistics;
    }

    fn supervised(&mut self, event: supervisor::Event) {
        match event {
            supervisor::Event::Started { vendor, link } => {
                self.vendors.insert(vendor.clone(), link);
                self.step(Input::Vendor { vendor, change: VendorChange::Running });
            }
            supervisor::Event::Frame { vendor, life, frame } => {
                if self.vendors.get(&vendor).is_none_or(|link| link.life != life) {
                    return;
                }
                match frame {
                    VendorFrame::Signal(signal) => self.step(Input::Signal { vendor, signal }),
                    VendorFrame::Connection { up, detail, .. } => {
                        if !up {
                            tracing::warn!(%vendor, detail, "the vendor lost its connection");
                        }
                        self.step(Input::Connection { vendor, up });
                    }
                    VendorFrame::Heartbeat { .. } | VendorFrame::Hello { .. } => {}
                }
            }
            supervisor::Event::Ended { vendor, life, .. } => {
                if self.vendors.get(&vendor).is_some_and(|link| link.life == life) {
                    self.vendors.remove(&vendor);
                    self.acks.remove(&vendor);
                }
                self.step(Input::Vendor { vendor, change: VendorChange::Down });
            }
            supervisor::Event::Isolated { vendor, cause, restarts } => {
                let change =
                    VendorChange::Isolated { cause: cause.word, detail: cause.detail, restarts };
                self.step(Input::Vendor { vendor, change });
            }
            supervisor::Event::Recovered { vendor, isolated_for } => {
                self.step(Input::Vendor {
                    vendor,
                    change: VendorChange::Recovered { isolated_for },
                });
            }
        }
    }

    fn reported(&mut self, report: Report) {
        match report {
            Report::Delivered(sequences) => self.step(Input::Delivered(sequences)),
            Report::Refused { event, code, message } => self.step(Input::Refused {
                sequence: event.sequence,
                event_type: event.kind.as_str(),
                code,
                message,
                detail: event.detail,
            }),
        }
    }

    fn asked(&mut self, request: Request) {
        match request {
            Request::Doors(reply) => {
                let _ = reply.send(self.gateway.doors());
            }
            Request::Status(reply) => {
                let status = Status {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    instance: self.instance.clone(),
                    uptime_s: self.started.elapsed().as_secs(),
                    uplink: self.uplink_status.borrow().clone(),
                    storage_failure: self.storage_failure.clone(),
                    vendors: self
                        .gateway
                        .vendors()
                        .into_iter()
                        .map(|(vendor, state)| VendorStatus { vendor, state: state.to_owned() })
                        .collect(),
                };
                let _ = reply.send(status);
            }
        }
    }

    async fn statistics(&mut self) -> anyhow::Result<()> {
        let figures = self.journal.read(crate::journal::Journal::statistics).await?;
        match figures {
            Ok(figures) => self.step(Input::Statistics {
                waiting: figures.waiting,
                quarantined: figures.quarantined,
                delivered_through: figures.delivered_through,
            }),
            Err(error) => tracing::error!(%error, "no figures for a heartbeat"),
        }
        Ok(())
    }

    /// Marks of delivery alone wait a little for events to ride with.
    fn commit_is_due(&mut self) -> bool {
        if let Some(at) = self.retry_at {
            return Instant::now() >= at;
        }
        if self.batch.is_empty() {
            self.acknowledge_all();
            return false;
        }
        let only_marks = !self.batch.finished.is_empty()
            && self.batch.events.is_empty()
            && self.batch.facts.is_empty()
            && self.batch.quarantine.is_empty();
        if only_marks {
            self.acknowledge_all();
        }
        !only_marks
            || self.batch.finished.len() >= MARKS
            || self.marks_since.is_some_and(|since| since.elapsed() >= MARK_LINGER)
    }

    fn next_wake(&self, committing: bool) -> Instant {
        let mut wake = self.started + self.gateway.next_deadline();
        if !committing {
            if let Some(at) = self.retry_at {
                wake = wake.min(at);
            } else if let Some(since) = self.marks_since {
                wake = wake.min(since + MARK_LINGER);
            }
        }
        wake
    }

    /// Signals that changed nothing need no commit: everything before them is durable.
    fn acknowledge_all(&mut self) {
        for (vendor, (life, through)) in self.acks.drain() {
            if let Some(link) = self.vendors.get(&vendor).filter(|link| link.life == life) {
                link.acknowledge(through);
            }
        }
    }

    fn commit(&mut self) -> impl Future<Output = anyhow::Result<Commit>> + use<> {
        let batch = Box::new(std::mem::take(&mut self.batch));
        self.marks_since = None;
        self.retry_at = None;
        let acks =
            self.acks.drain().map(|(vendor, (life, through))| (vendor, life, through)).collect();
        let journal = self.journal.clone();
        async move { Ok((journal.commit(batch).await?, acks)) }
    }

    async fn committed(&mut self, (result, acks): Commit) -> anyhow::Result<()> {
        match result {
            Ok(committed) => {
                if self.storage_failure.take().is_some() {
                    tracing::info!("the journal can be written again");
                }
                for (vendor, life, through) in acks {
                    if let Some(link) = self.vendors.get(&vendor).filter(|link| link.life == life) {
                        link.acknowledge(through);
                    }
                }
                self.committed.send_replace(committed.sequence);
                if !committed.events.is_empty() {
                    self.uplink.send(committed.events).await.context("the uplink has ended")?;
                }
            }
            Err(Failure { mut batch, error }) => {
                if self.storage_failure.is_none() {
                    tracing::error!(%error, "the journal cannot be written; nothing is acknowledged");
                }
                if let CommitError::Full { .. } = error {
                    // Events that leave make room: their marks must get in.
                    self.marks_only(&mut batch).await?;
                }
                self.storage_failure = Some(error.to_string());
                batch.append(std::mem::take(&mut self.batch));
                self.batch = *batch;
                for (vendor, life, through) in acks {
                    self.acks.entry(vendor).or_insert((life, through));
                }
                self.retry_at = Some(Instant::now() + COMMIT_RETRY);
            }
        }
        Ok(())
    }

    async fn marks_only(&mut self, batch: &mut Batch) -> anyhow::Result<()> {
        let mut finished = std::mem::take(&mut batch.finished);
        finished.append(&mut self.batch.finished);
        if finished.is_empty() {
            return Ok(());
        }
        // A refused event is marked only together with its row of quarantine: from then on that
        // is the only copy.
        let mut quarantine = std::mem::take(&mut batch.quarantine);
        quarantine.append(&mut self.batch.quarantine);
        let recorded_at = batch.recorded_at;
        let marks = Batch { recorded_at, quarantine, finished, ..Batch::default() };
        if let Err(failure) = self.journal.commit(Box::new(marks)).await? {
            batch.finished = failure.batch.finished;
            batch.quarantine = failure.batch.quarantine;
        }
        Ok(())
    }
}

/// The time of day in whole microseconds; finer digits would only be carried along.
fn wall_clock() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

/// The fact that holds the key of [`crate::link::Evidence::keyed_digest`].
const EVIDENCE_KEY: &str = "gateway/evidence_key";

fn evidence_key(facts: &[(String, Vec<u8>)]) -> anyhow::Result<String> {
    if let Some((_, key)) = facts.iter().find(|(name, _)| name == EVIDENCE_KEY) {
        return Ok(String::from_utf8_lossy(key).into_owned());
    }
    let mut key = [0u8; 32];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut key)
        .map_err(|_| anyhow::anyhow!("the system gives no random bytes"))?;
    Ok(key.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn open_journal(
    state_dir: &Path,
    config: &Configuration,
    now: Timestamp,
    random: &mut fastrand::Rng,
) -> anyhow::Result<(Journal, crate::journal::Restored)> {
    let path = state_dir.join("journal.db");
    // Who may not read the journal may not read its log either: SQLite gives it the same mode.
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("the journal {} cannot be made", path.display()))?;
    let bounds = Bounds {
        max_bytes: config.gateway.journal.max_mib << 20,
        history_events: config.gateway.journal.history_events,
        ..Bounds::default()
    };
    let mut bytes = [0; 10];
    random.fill(&mut bytes);
    let millis = u64::try_from(now.as_millisecond()).unwrap_or_default();
    let new_id = uuid::Builder::from_unix_timestamp_millis(millis, &bytes).into_uuid();
    Journal::open(&path, bounds, new_id)
        .with_context(|| format!("the journal {} cannot be opened", path.display()))
}
