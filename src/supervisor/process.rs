//! One vendor's process: its lives, one after the other.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::breaker::Breaker;
use super::handle::Vendor;
use super::spawn::{Cause, cause_of, reap, spawn};
use super::talk::{End, talk};
use crate::domain::ids::VendorId;
use crate::link::{VendorFrame, VendorSetup};

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

/// Keeps one vendor's process running until `events` is closed.
pub async fn supervise(setup: VendorSetup, events: mpsc::Sender<Event>) {
    let vendor = setup.vendor.clone();
    let mut breaker = Breaker::default();
    let mut isolated_at: Option<Instant> = None;
    let mut life = 0;
    loop {
        life += 1;
        let begun = Instant::now();
        let cause = match one_life(&setup, life, &events, &mut breaker, &mut isolated_at).await {
            Ok(cause) => cause,
            Err(Closed) => return,
        };
        if events.is_closed() {
            return;
        }
        tracing::warn!(%vendor, cause = cause.word, detail = cause.detail, "the vendor's process ended");
        let verdict = breaker.failed(begun.elapsed(), fastrand::f64());
        if verdict.recovered {
            let isolated_for = isolated_at.take().map(|at| at.elapsed()).unwrap_or_default();
            let recovered = Event::Recovered { vendor: vendor.clone(), isolated_for };
            if events.send(recovered).await.is_err() {
                return;
            }
        }
        let ended = Event::Ended { vendor: vendor.clone(), life, cause: cause.clone() };
        if events.send(ended).await.is_err() {
            return;
        }
        if verdict.isolate {
            isolated_at = Some(Instant::now());
            tracing::error!(%vendor, "isolated; it is tried again slowly");
            let restarts = breaker.failures();
            let isolated = Event::Isolated { vendor: vendor.clone(), cause, restarts };
            if events.send(isolated).await.is_err() {
                return;
            }
        }
        tokio::select! {
            () = tokio::time::sleep(verdict.wait) => {}
            () = events.closed() => return,
        }
    }
}

/// The core has ended.
pub(super) struct Closed;

async fn one_life(
    setup: &VendorSetup,
    life: u64,
    events: &mpsc::Sender<Event>,
    breaker: &mut Breaker,
    isolated_at: &mut Option<Instant>,
) -> Result<Cause, Closed> {
    let (mut child, sockets) = match spawn(setup) {
        Ok(spawned) => spawned,
        Err(error) => return Ok(Cause { word: "spawn_failed", detail: error.to_string() }),
    };
    let end = talk(setup, life, sockets, events, breaker, isolated_at).await;
    match end {
        Err(Closed) => {
            // The link is closed by now, which is the order to end.
            reap(&mut child).await;
            Err(Closed)
        }
        Ok(End::LinkClosed) => {
            let status = reap(&mut child).await;
            Ok(cause_of(status))
        }
        Ok(End::Fault(cause)) => {
            let _ = child.kill().await;
            Ok(cause)
        }
    }
}

pub(super) async fn tell(events: &mpsc::Sender<Event>, event: Event) -> Result<(), Closed> {
    events.send(event).await.map_err(|_| Closed)
}
