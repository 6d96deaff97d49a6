//! Batches and their commits: when one is due, what is acknowledged after it, and what happens
//! when the disk does not take it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::access::{Answering, Outbound};
use super::daemon::Daemon;
use super::state::Input;
use crate::bus::Told;
use crate::domain::ids::VendorId;
use crate::journal::{Batch, CommitError, Committed, Failure};

/// Marks of delivery wait this long for a batch to ride in.
const MARK_LINGER: Duration = Duration::from_secs(2);
/// So many of them are worth a commit of their own.
const MARKS: usize = 512;
/// A commit that takes longer is told as trouble.
const STALLED: Duration = Duration::from_secs(5);
/// A failed commit is tried again after this.
const COMMIT_RETRY: Duration = Duration::from_secs(1);

/// The journal's file is broken: it must be opened anew, which salvages it.
#[derive(Debug, thiserror::Error)]
#[error("the journal is broken: {0}")]
pub struct Broken(pub(super) String);

/// The outcome of a commit, with what may be done after it.
pub(super) type Commit = (Result<Committed, Failure>, Promised);

/// What may be done once a batch is durable.
pub(super) struct Promised {
    /// Acknowledged: vendor, life, through.
    acks: Vec<(VendorId, u64, u64)>,
    answers: Vec<Answering>,
    orders: Vec<Outbound>,
}

impl Daemon {
    /// Marks of delivery alone wait a little for events to ride with; so does what may linger.
    pub(super) fn commit_is_due(&mut self) -> bool {
        if let Some(at) = self.retry_at {
            return Instant::now() >= at;
        }
        if self.batch.is_empty() {
            self.acknowledge_all();
            // What they say was durable before.
            for answer in std::mem::take(&mut self.answers) {
                self.desk.answer(answer);
            }
            return false;
        }
        if self.only_marks() {
            self.acknowledge_all();
        }
        self.batch.finished.len() >= MARKS || self.due().is_some_and(|at| Instant::now() >= at)
    }

    fn only_marks(&self) -> bool {
        !self.batch.finished.is_empty()
            && self.batch.events.is_empty()
            && self.batch.facts.is_empty()
            && self.batch.quarantine.is_empty()
    }

    /// When the batch in hand is to be committed.
    fn due(&self) -> Option<Instant> {
        let marks = self.marks_since.map(|since| since + MARK_LINGER);
        if self.batch.is_empty() || self.only_marks() {
            return marks;
        }
        self.pace.due(&self.batch).into_iter().chain(marks).min()
    }

    /// When something is to be done at the latest.
    pub(super) fn next_wake(&self, committing: bool) -> Instant {
        let wake = self.started + self.gateway.next_deadline();
        if committing {
            let stalled = self.committing_since.filter(|_| !self.stall_told);
            return stalled.map_or(wake, |since| wake.min(since + STALLED));
        }
        self.retry_at.or_else(|| self.due()).map_or(wake, |at| wake.min(at))
    }

    /// Says once that a commit does not come back.
    pub(super) fn tell_of_stall(&mut self) {
        let stalled = self.committing_since.is_some_and(|since| since.elapsed() >= STALLED);
        if stalled && !self.stall_told {
            self.stall_told = true;
            tracing::error!(
                "the disk has not answered for {} s; nothing is acknowledged",
                STALLED.as_secs()
            );
        }
    }

    /// What is wrong with the disk, if anything.
    pub(super) fn storage_trouble(&self) -> Option<String> {
        let stalled = self.committing_since.map(|since| since.elapsed());
        match stalled.filter(|stalled| *stalled >= STALLED) {
            Some(stalled) => Some(format!("the disk has not answered for {} s", stalled.as_secs())),
            None => self.storage_failure.clone(),
        }
    }

    /// Vendors whose quota is full are not read until there is room; the broker keeps what comes.
    fn hold(&mut self, crowded: BTreeSet<VendorId>) {
        if crowded == self.held {
            return;
        }
        for vendor in crowded.symmetric_difference(&self.held) {
            let held = crowded.contains(vendor);
            if held {
                tracing::error!(%vendor, "its waiting events fill its quota; no more are taken in");
            } else {
                tracing::info!(%vendor, "there is room again");
            }
            if let Some(link) = self.vendors.get(vendor) {
                link.hold(held);
            }
        }
        self.held = crowded;
    }

    /// Signals that changed nothing need no commit: everything before them is durable.
    fn acknowledge_all(&mut self) {
        for (vendor, (life, through)) in self.acks.drain() {
            if let Some(link) = self.vendors.get(&vendor).filter(|link| link.life == life) {
                link.acknowledge(through);
            }
        }
    }

    /// Takes the batch in hand to the journal.
    pub(super) fn commit(&mut self) -> impl Future<Output = anyhow::Result<Commit>> + use<> {
        let mut batch = Box::new(std::mem::take(&mut self.batch));
        self.gateway.complete(&mut batch);
        self.marks_since = None;
        self.retry_at = None;
        self.pace.taken();
        self.committing_since = Some(Instant::now());
        let acks =
            self.acks.drain().map(|(vendor, (life, through))| (vendor, life, through)).collect();
        let answers = std::mem::take(&mut self.answers);
        let orders = std::mem::take(&mut self.orders);
        let promised = Promised { acks, answers, orders };
        let journal = self.journal.clone();
        async move { Ok((journal.commit(batch).await?, promised)) }
    }

    /// The journal's answer to a commit.
    pub(super) async fn committed(&mut self, (result, promised): Commit) -> anyhow::Result<()> {
        let Promised { acks, answers, orders } = promised;
        if let Some(since) = self.committing_since.take() {
            self.commit_time.add(since.elapsed());
        }
        if std::mem::take(&mut self.stall_told) {
            tracing::info!("the disk answers again");
        }
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
                for order in orders {
                    self.dispatch(order);
                }
                for answer in answers {
                    self.desk.answer(answer);
                }
                self.committed.send_replace(committed.slot);
                self.closers.closed();
                self.hold(committed.crowded);
                if !committed.dropped.is_empty() {
                    self.tell(Told::Dropped(committed.dropped)).await?;
                }
                if !committed.events.is_empty() {
                    self.tell(Told::Committed(committed.events)).await?;
                }
                for gap in committed.gaps {
                    self.step(Input::Dropped(gap));
                }
            }
            Err(Failure { mut batch, error }) => {
                if self.storage_failure.is_none() {
                    tracing::error!(%error, "the journal cannot be written; nothing is acknowledged");
                }
                if error.is_damage() {
                    return Err(Broken(error.to_string()).into());
                }
                if let CommitError::Full { .. } = error {
                    // Events that leave make room: their marks must get in.
                    self.marks_only(&mut batch).await?;
                }
                self.storage_failure = Some(error.to_string());
                batch.withdraw_checkpoint();
                self.closers.failed();
                batch.append(std::mem::take(&mut self.batch));
                self.batch = *batch;
                for (vendor, life, through) in acks {
                    self.acks.entry(vendor).or_insert((life, through));
                }
                self.answers.splice(0..0, answers);
                self.orders.splice(0..0, orders);
                self.retry_at = Some(Instant::now() + COMMIT_RETRY);
            }
        }
        Ok(())
    }

    async fn tell(&self, told: Told) -> anyhow::Result<()> {
        self.uplink.send(told).await.context("the uplink has ended")
    }

    async fn marks_only(&mut self, batch: &mut Batch) -> anyhow::Result<()> {
        let mut finished = std::mem::take(&mut batch.finished);
        finished.append(&mut self.batch.finished);
        if finished.is_empty() {
            return Ok(());
        }
        // A refused event is marked only together with its row of quarantine: from then on that
        // is the only copy.
        let mut refused = std::mem::take(&mut batch.refused);
        refused.append(&mut self.batch.refused);
        let mut quarantine = std::mem::take(&mut batch.quarantine);
        quarantine.append(&mut self.batch.quarantine);
        let recorded_at = batch.recorded_at;
        let marks = Batch { recorded_at, quarantine, finished, refused, ..Batch::default() };
        if let Err(failure) = self.journal.commit(Box::new(marks)).await? {
            batch.finished = failure.batch.finished;
            batch.refused = failure.batch.refused;
            batch.quarantine = failure.batch.quarantine;
        }
        Ok(())
    }
}
