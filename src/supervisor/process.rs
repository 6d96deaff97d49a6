//! One vendor's process: its lives, one after the other, and what the core orders of them.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::breaker::Breaker;
use super::handle::Vendor;
use super::intake::Weight;
use super::spawn::{Cause, cause_of, reap, spawn};
use super::talk::{End, Life, talk};
use super::{precedence, share};
use crate::domain::ids::VendorId;
use crate::domain::rate::Limits;
use crate::link::{VendorFrame, VendorSetup};

/// Instructions that may wait. Each waits for the end of a process at most.
const INSTRUCTIONS: usize = 8;

/// Counts lives of all vendors: no two have one number, also where a vendor's file went and came.
static LIVES: AtomicU64 = AtomicU64::new(1);

/// What the supervisor tells the core.
#[derive(Debug)]
pub enum Event {
    /// A process said hello. Its signals count from 1 again.
    Started {
        vendor: VendorId,
        link: Vendor,
    },
    Frame {
        vendor: VendorId,
        life: u64,
        frame: VendorFrame,
        /// Held until the frame is handled.
        weight: Weight,
    },
    Ended {
        vendor: VendorId,
        life: u64,
        cause: Cause,
    },
    /// It ended too often; it is tried slowly from now on.
    Isolated {
        vendor: VendorId,
        cause: Cause,
        restarts: u32,
    },
    /// It runs well again after having been isolated.
    Recovered {
        vendor: VendorId,
        isolated_for: Duration,
    },
}

/// What the core orders. Who orders it tells of it: only the end of a process is told here.
#[derive(Debug)]
pub enum Instruction {
    /// Its process ends, and one begins at once, with a clean record. None is begun of one that is
    /// isolated by order.
    Restart(Cause),
    /// Its process ends, and none begins until it is released.
    Isolate(Cause),
    /// As `Restart`, also of one that is isolated by order.
    Release(Cause),
    /// As `Restart`, with this setup and these limits from now on.
    Setup(Box<VendorSetup>, Limits),
}

/// The supervision of one vendor. Its process ends when this is dropped.
#[derive(Debug)]
pub struct Supervision {
    instructions: mpsc::Sender<Instruction>,
}

impl Supervision {
    /// Keeps the vendor's process running until `events`, its line of the intake, is closed or this
    /// is dropped. `limits`: how fast it is read. `isolated`: none is begun until it is released.
    pub fn start(
        setup: VendorSetup,
        limits: Limits,
        isolated: bool,
        events: mpsc::Sender<Event>,
    ) -> Self {
        let (instructions, told) = mpsc::channel(INSTRUCTIONS);
        tokio::spawn(supervise(setup, limits, isolated, told, events));
        Self { instructions }
    }

    /// Orders something. False: too many orders wait, and this one was not taken.
    pub fn instruct(&self, instruction: Instruction) -> bool {
        self.instructions.try_send(instruction).is_ok()
    }
}

/// How it went so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    breaker: Breaker,
    isolated_at: Option<Instant>,
    /// Whether any of its processes ever had its connection.
    was_connected: bool,
}

impl Record {
    /// Its connection is there; whether it was before.
    pub fn comes_back(&mut self) -> bool {
        std::mem::replace(&mut self.was_connected, true)
    }

    /// It runs well; for how long it was isolated until now, if it was.
    pub fn recovered(&mut self) -> Option<Duration> {
        let recovered = self.breaker.recovered();
        let since = self.isolated_at.take();
        recovered.then(|| since.map(|at| at.elapsed()).unwrap_or_default())
    }
}

async fn supervise(
    mut setup: VendorSetup,
    mut limits: Limits,
    mut isolated: bool,
    mut told: mpsc::Receiver<Instruction>,
    events: mpsc::Sender<Event>,
) {
    let vendor = setup.vendor.clone();
    let mut record = Record::default();
    loop {
        if isolated {
            match told.recv().await {
                None => return,
                Some(Instruction::Release(_)) => {
                    isolated = false;
                    record = Record::default();
                }
                Some(Instruction::Setup(new, of)) => (setup, limits) = (*new, of),
                Some(Instruction::Restart(_) | Instruction::Isolate(_)) => {}
            }
            continue;
        }
        let life = LIVES.fetch_add(1, Relaxed);
        let begun = Instant::now();
        let ended = match one_life(&setup, limits, life, &events, &mut record, &mut told).await {
            Ok(ended) => ended,
            Err(Closed) => return,
        };
        let instruction = match ended {
            Ended::Failed(cause) => {
                let ran = begun.elapsed();
                let Ok(wait) = failed(&vendor, life, cause, ran, &mut record, &events).await else {
                    return;
                };
                tokio::select! {
                    () = tokio::time::sleep(wait) => continue,
                    () = events.closed() => return,
                    instruction = told.recv() => match instruction {
                        Some(instruction) => instruction,
                        None => return,
                    },
                }
            }
            Ended::Ordered(instruction) => {
                let cause = match &instruction {
                    Instruction::Restart(cause)
                    | Instruction::Isolate(cause)
                    | Instruction::Release(cause) => cause.clone(),
                    Instruction::Setup(..) => {
                        Cause { word: "configuration", detail: "its file has changed".to_owned() }
                    }
                };
                tracing::info!(%vendor, cause = cause.word, detail = cause.detail, "its process was ended");
                let ended = Event::Ended { vendor: vendor.clone(), life, cause };
                if tell(&events, ended).await.is_err() {
                    return;
                }
                instruction
            }
        };
        // What its process did before counts no more; who isolates it does so for another reason.
        if !matches!(instruction, Instruction::Isolate(_))
            && let Some(isolated_for) = record.recovered()
        {
            let recovered = Event::Recovered { vendor: vendor.clone(), isolated_for };
            if tell(&events, recovered).await.is_err() {
                return;
            }
        }
        record = Record { was_connected: record.was_connected, ..Record::default() };
        match instruction {
            Instruction::Restart(_) | Instruction::Release(_) => {}
            Instruction::Isolate(_) => isolated = true,
            Instruction::Setup(new, of) => (setup, limits) = (*new, of),
        }
    }
}

/// A process has ended by itself or for a fault. Says how long to wait before the next.
async fn failed(
    vendor: &VendorId,
    life: u64,
    cause: Cause,
    ran: Duration,
    record: &mut Record,
    events: &mpsc::Sender<Event>,
) -> Result<Duration, Closed> {
    tracing::warn!(%vendor, cause = cause.word, detail = cause.detail, "the vendor's process ended");
    let verdict = record.breaker.failed(ran, fastrand::f64());
    if verdict.recovered {
        let isolated_for = record.isolated_at.take().map(|at| at.elapsed()).unwrap_or_default();
        tell(events, Event::Recovered { vendor: vendor.clone(), isolated_for }).await?;
    }
    tell(events, Event::Ended { vendor: vendor.clone(), life, cause: cause.clone() }).await?;
    if verdict.isolate {
        record.isolated_at = Some(Instant::now());
        tracing::error!(%vendor, "isolated; it is tried again slowly");
        let restarts = record.breaker.failures();
        tell(events, Event::Isolated { vendor: vendor.clone(), cause, restarts }).await?;
    }
    Ok(verdict.wait)
}

/// The core has ended.
#[derive(Debug)]
pub(super) struct Closed;

/// Why a life is over.
enum Ended {
    Failed(Cause),
    Ordered(Instruction),
}

async fn one_life(
    setup: &VendorSetup,
    limits: Limits,
    life: u64,
    events: &mpsc::Sender<Event>,
    record: &mut Record,
    told: &mut mpsc::Receiver<Instruction>,
) -> Result<Ended, Closed> {
    let begun = Instant::now();
    let (mut child, sockets) = match spawn(setup) {
        Ok(spawned) => spawned,
        Err(error) => {
            let cause = Cause { word: "spawn_failed", detail: error.to_string() };
            return Ok(Ended::Failed(cause));
        }
    };
    let (last, comes_last) = watch::channel(false);
    let pid = child.id();
    let life = Life { number: life, pid, begun, last };
    // The link is closed once one of these is through, which is the order to end.
    let end = tokio::select! {
        biased;
        end = talk(setup, limits, life, sockets, events, record) => end.map(Err),
        instruction = told.recv() => instruction.map(Ok).ok_or(Closed),
        cause = share::exceeded(pid) => Ok(Err(End::Fault(cause))),
        never = precedence::follow(&setup.vendor, pid, child.leaf(), comes_last) => match never {},
    };
    match end {
        Err(Closed) => {
            reap(&mut child).await;
            Err(Closed)
        }
        Ok(Err(End::LinkClosed)) => Ok(Ended::Failed(cause_of(reap(&mut child).await))),
        Ok(Err(End::Fault(cause))) => {
            let _ = child.kill().await;
            Ok(Ended::Failed(cause))
        }
        Ok(Ok(instruction)) => {
            let _ = child.kill().await;
            Ok(Ended::Ordered(instruction))
        }
    }
}

pub(super) async fn tell(events: &mpsc::Sender<Event>, event: Event) -> Result<(), Closed> {
    events.send(event).await.map_err(|_| Closed)
}
