//! The edge of the state machine: its sockets, its disk, its processes, its clock.
//!
//! One loop. Whatever has arrived is stepped through, the effects gather in one batch, and while
//! a commit runs the next batch gathers. Nothing is acknowledged before its batch is durable.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use anyhow::Context as _;
use doorward_events::PublisherId;
use futures_util::future::{Either, pending};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::access::{Answering, Outbound};
use super::asking::Desk;
use super::attendance::Loops;
use super::audit::{Auditor, Closers};
use super::commits::{Broken, Commit};
use super::configured::Configured;
use super::fleet::Fleet;
use super::opening;
use super::pace::Pace;
use super::reload::{self, Reading};
use super::state::{Effects, Gateway, Identity, Input, Now, StartFacts};
use super::watching::Watching;
use crate::bus::{Cloud, Report, Told, Uplink};
use crate::config::Configuration;
use crate::domain::ids::VendorId;
use crate::health::{CredentialStatus, Durations, Figures, Status, UplinkStatus, VendorStatus};
use crate::journal::{Arrival, Batch, PreviousStop, Writer, WriterHandle};
use crate::link::Layer;
use crate::local::{Access, Request};
use crate::supervisor::{Intake, Vendor};

/// Inputs stepped through before a commit is considered.
const BURST: usize = 512;

/// The running gateway.
pub struct Daemon {
    pub(super) gateway: Gateway,
    pub(super) writer: Writer,
    pub(super) journal: WriterHandle,
    pub(super) instance: String,
    pub(super) start_facts: StartFacts,
    pub(super) started: Instant,
    pub(super) vendors: HashMap<VendorId, Vendor>,
    pub(super) fleet: Fleet,
    /// As it is gone by now.
    pub(super) configuration: Configuration,
    pub(super) watching: Watching,
    readings_in: mpsc::Sender<Reading>,
    readings: mpsc::Receiver<Reading>,
    pub(super) batch: Batch,
    pub(super) pace: Pace,
    /// When the commit under way was begun.
    pub(super) committing_since: Option<Instant>,
    pub(super) commit_time: Durations,
    pub(super) stall_told: bool,
    /// Vendors that are not read, since what waits of theirs fills their quota.
    pub(super) held: BTreeSet<VendorId>,
    pub(super) arrival: Arrival,
    pub(super) marks_since: Option<Instant>,
    pub(super) acks: HashMap<VendorId, (u64, u64)>,
    /// The layers of each running vendor's sandbox, as its process told them.
    pub(super) layers: HashMap<VendorId, Vec<Layer>>,
    /// Told once the batch in hand is durable.
    pub(super) answers: Vec<Answering>,
    /// Sent once the batch in hand is durable.
    pub(super) orders: Vec<Outbound>,
    pub(super) desk: Desk,
    pub(super) retry_at: Option<Instant>,
    pub(super) storage_failure: Option<String>,
    pub(super) wants_statistics: bool,
    pub(super) wants_checkpoint: Option<bool>,
    pub(super) auditor: Auditor,
    pub(super) closers: Closers,
    pub(super) supervisor: Intake,
    pub(super) reports: mpsc::UnboundedReceiver<Report>,
    pub(super) requests: mpsc::Receiver<Request>,
    pub(super) uplink: mpsc::Sender<Told>,
    pub(super) uplink_status: watch::Receiver<UplinkStatus>,
    /// `None`: no certificate is exchanged for keys.
    pub(super) credentials: Option<watch::Receiver<CredentialStatus>>,
    pub(super) committed: watch::Sender<u64>,
}

impl Daemon {
    /// Opens the journal and starts the vendors and the uplink.
    pub async fn start(config: Configuration) -> anyhow::Result<(Self, Access)> {
        let now = wall_clock();
        let mut random = fastrand::Rng::new();
        let (journal, restored) = opening::open_journal(&config, now, &mut random)?;
        let arrival = restored.arrival.clone();
        let unclean = restored.previous_stop == PreviousStop::Unclean;
        let evidence_key = opening::evidence_key(&restored.facts)?;
        let slot = restored.slot;
        let writer = Writer::spawn(journal)?;
        let handle = writer.handle();
        #[expect(clippy::disallowed_methods, reason = "`Uplink::new` says what bounds it")]
        let (reports_in, reports) = mpsc::unbounded_channel();
        if unclean {
            tokio::spawn(super::verification::run(handle.clone(), reports_in.clone()));
        }
        let cloud = Cloud::of(&config.gateway.bus);
        let bus = crate::bus::open(&config.gateway.bus, cloud.as_ref()).await;
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
        let desk = Desk::open(&config, &identity, &restored, cloud.as_ref(), now).await?;
        let (folder, tenant) = (&config.gateway.state_dir, &config.gateway.tenant);
        let auditor = Auditor::open(folder, tenant, &config.gateway.instance)?;
        let (uplink_in, uplink_committed) = mpsc::channel(64);
        let start_facts = StartFacts {
            bus: bus.name(),
            vendors: Configured::of(&config).vendors,
            audit_key: Some(auditor.key()),
        };
        let (uplink, uplink_status) = Uplink::new(bus, source, handle.clone(), slot, reports_in);
        uplink.start(uplink_committed).context("the uplink's thread")?;
        let Configured { entries, pinned, .. } = Configured::of(&config);
        let mut batch = Batch::default();
        batch.facts.insert(opening::EVIDENCE_KEY.to_owned(), evidence_key.clone().into_bytes());
        let belief = desk.belief();
        let mut gateway = Gateway::new(identity, entries, pinned, belief, restored, random.u64(..));
        let mut supervisor = Intake::default();
        let mut fleet = Fleet::new(evidence_key, config.drill);
        for vendor in &config.vendors {
            gateway.limit(vendor.id.clone(), vendor.limits);
            fleet.add(vendor, gateway.is_ordered_off(&vendor.id), supervisor.open());
        }
        let (readings_in, readings) = mpsc::channel(reload::READINGS);
        let (requests_in, requests) = mpsc::channel(16);
        let (committed, committed_watch) = watch::channel(slot);
        let daemon = Self {
            gateway,
            writer,
            journal: handle.clone(),
            instance: config.gateway.instance.clone(),
            start_facts,
            started: Instant::now(),
            vendors: HashMap::new(),
            fleet,
            watching: Watching::start(config.clone()),
            readings_in,
            readings,
            configuration: config,
            batch,
            pace: Pace::new(Instant::now()),
            committing_since: None,
            commit_time: Durations::default(),
            stall_told: false,
            held: BTreeSet::new(),
            arrival,
            marks_since: None,
            acks: HashMap::new(),
            layers: HashMap::new(),
            answers: Vec::new(),
            orders: Vec::new(),
            desk,
            retry_at: None,
            storage_failure: None,
            wants_statistics: false,
            wants_checkpoint: None,
            auditor,
            closers: Closers::default(),
            supervisor,
            reports,
            requests,
            uplink: uplink_in,
            uplink_status,
            credentials: cloud.and_then(|cloud| cloud.keeper).map(|keeper| keeper.status()),
            committed,
        };
        let access = Access {
            requests: requests_in,
            journal: handle,
            audit_key: Some(daemon.auditor.key()),
            operators: daemon.configuration.gateway.trust.operators.as_str().into(),
            committed: committed_watch,
        };
        Ok((daemon, access))
    }

    /// The ways to its loops, for who looks whether they turn.
    pub fn loops(&self, access: &Access) -> Loops {
        Loops {
            requests: access.requests.clone(),
            journal: self.journal.clone(),
            uplink: self.uplink.clone(),
            downlink: self.desk.downlink.as_ref().map(|downlink| downlink.turns.clone()),
        }
    }

    /// Runs until `stop` resolves, then commits what is in hand and closes the journal.
    ///
    /// # Errors
    /// [`super::commits::Broken`]: the file is closed, and starting again salvages it. Others: a
    /// part of the gateway has ended.
    pub async fn run(mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        let result = self.work(stop).await;
        if result.as_ref().is_err_and(anyhow::Error::is::<Broken>) {
            let noted = self.journal.act(|journal| journal.condemn()).await;
            if let Ok(Err(error)) = noted {
                tracing::error!(%error, "it cannot be noted that the journal is broken");
            }
        }
        // The vendors end with their links; what was not acknowledged comes again.
        self.supervisor.close();
        self.vendors.clear();
        let closed = self.writer.close().await;
        result.and(closed)
    }

    async fn work(&mut self, stop: impl Future<Output = ()>) -> anyhow::Result<()> {
        tokio::pin!(stop);
        let facts = self.start_facts.clone();
        self.step(Input::Start(facts));
        let mut commit = None;
        loop {
            // Not behind a commit that the disk may hold up.
            if commit.is_none() && std::mem::take(&mut self.wants_statistics) {
                self.statistics().await?;
            }
            if commit.is_none()
                && self.batch.closing.is_none()
                && let Some(whole) = self.wants_checkpoint.take()
            {
                self.checkpoint(whole).await?;
            }
            if commit.is_none() && self.commit_is_due() {
                commit = Some(Box::pin(self.commit()));
            }
            for (vendor, link) in &self.vendors {
                link.compute_last(self.gateway.is_flooded(vendor));
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
                        let Some(event) = self.supervisor.try_recv() else { break };
                        self.supervised(event);
                    }
                }
                Some(report) = self.reports.recv() => match report {
                    Report::Broken(words) => return Err(Broken(words).into()),
                    report => self.reported(report),
                },
                Some(request) = self.requests.recv() => self.asked(request).await,
                Some(letter) = self.desk.letter() => self.letter(letter),
                Some(reading) = self.readings.recv() => self.reload(reading),
                Some(found) = self.watching.found.recv() => self.looked(found),
                () = tokio::time::sleep_until(wake) => {
                    self.tell_of_stall();
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
        Ok(())
    }

    fn now(&self) -> Now {
        Now { monotonic: self.started.elapsed(), wall: wall_clock() }
    }

    pub(super) fn step(&mut self, input: Input) {
        self.gateway.system_clock(self.desk.system_clock());
        let effects = self.gateway.step(self.now(), input);
        self.take(effects);
    }

    fn take(&mut self, effects: Effects) {
        if !effects.batch.finished.is_empty() {
            self.marks_since.get_or_insert_with(Instant::now);
        }
        let beside = effects.batch.facts.len() + effects.batch.seen.len();
        if !effects.batch.events.is_empty() || !effects.batch.quarantine.is_empty() || beside > 0 {
            self.pace.joined(Instant::now(), effects.batch.events.len());
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
        for (vendor, order, cause) in effects.orders_of_vendors {
            self.instruct(&vendor, order, cause);
        }
        self.answers.extend(effects.answers);
        self.orders.extend(effects.orders);
        self.wants_statistics |= effects.wants_statistics;
        self.wants_checkpoint = effects.wants_checkpoint.or(self.wants_checkpoint);
    }

    fn reported(&mut self, report: Report) {
        match report {
            Report::Broken(_) => {}
            Report::Delivered(sequences) => self.step(Input::Delivered(sequences)),
            Report::Refused { event, code, message } => self.step(Input::Refused {
                slot: event.slot,
                event_type: event.kind.as_str(),
                code,
                message,
                detail: event.detail,
            }),
        }
    }

    async fn asked(&mut self, request: Request) {
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
                    storage_failure: self.storage_trouble(),
                    journal_arrival: (!matches!(self.arrival, Arrival::AsItWas))
                        .then(|| self.arrival.words()),
                    journal_lost: self.arrival.is_loss(),
                    clock: self.gateway.clock_trust(self.now()).to_owned(),
                    credentials: self.credentials.as_ref().map(|told| told.borrow().clone()),
                    throttled: self
                        .vendors
                        .iter()
                        .filter(|(_, link)| link.is_throttled())
                        .map(|(vendor, _)| vendor.to_string())
                        .collect(),
                    flooding: self.gateway.flooding(),
                    denied: self.gateway.denied(),
                    commit_time: self.commit_time.clone(),
                    held: self.held.iter().map(ToString::to_string).collect(),
                    vendors: self
                        .gateway
                        .vendors()
                        .into_iter()
                        .map(|(vendor, state)| VendorStatus { vendor, state: state.to_owned() })
                        .collect(),
                };
                let _ = reply.send(status);
            }
            Request::Erased { erased, uid } => self.step(Input::Erased { erased, uid }),
            Request::Ask { ask, uid, reply } => self.operator(ask, uid, reply).await,
            Request::Grants(reply) => drop(reply.send(self.gateway.grants())),
            Request::Visits(reply) => drop(reply.send(self.gateway.visits())),
            Request::Vendors(reply) => drop(reply.send(self.vendor_views())),
            Request::Reload { uid, reply } => {
                let folder = &self.configuration.folder;
                reload::read(folder, uid, reply, self.readings_in.clone());
            }
            Request::CloseRange(reply) => {
                self.closers.wait(reply);
                self.wants_checkpoint = Some(false);
            }
        }
    }

    /// Closes the next range of the journal, if there is one to be closed.
    async fn checkpoint(&mut self, whole: bool) -> anyhow::Result<()> {
        let signed = match self.journal.read(move |journal| journal.closable(whole)).await? {
            Ok(None) => {
                self.closers.answer(None);
                return Ok(());
            }
            Ok(Some(closable)) => self.auditor.sign(closable).await,
            Err(error) => Err(error.into()),
        };
        match signed {
            Ok(signed) => {
                self.closers.closes((signed.closable.first, signed.closable.last));
                self.step(Input::Checkpoint(Box::new(signed)));
            }
            Err(error) => {
                self.closers.failed();
                tracing::error!(%error, "no range of the journal can be closed");
            }
        }
        Ok(())
    }

    async fn statistics(&mut self) -> anyhow::Result<()> {
        let figures = self.journal.read(crate::journal::Journal::statistics).await?;
        match figures {
            Ok(journal) => {
                let uplink = self.uplink_status.borrow().clone();
                let commit_time = self.commit_time.clone();
                let figures = Figures { journal, uplink, commit_time };
                self.step(Input::Statistics(Box::new(figures)));
            }
            Err(error) => tracing::error!(%error, "no figures for a heartbeat"),
        }
        Ok(())
    }
}

/// The time of day in whole microseconds; finer digits would only be carried along.
fn wall_clock() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
