//! The talk with one vendor process over its link: hello, then frames in and orders out, until one
//! of the two ends it.

use std::io::ErrorKind::ConnectionReset;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::Instant;
use tokio_util::codec::{FramedRead, FramedWrite};

use super::breaker::STABLE;
use super::handle::{Vendor, given};
use super::intake::Budget;
use super::process::{Closed, Event, Record, tell};
use super::pulse::{Beat, Pulse};
use super::serial;
use super::spawn::{Cause, Sockets};
use super::throttle::{Load, Pauses, Throttle};
use crate::domain::rate::Limits;
use crate::link::{
    Connection, CoreFrame, FrameCodec, FrameError, Given, MAX_GIVEN, Order, PROTOCOL, VendorFrame,
    VendorSetup,
};

/// No frame for this long, and the process is taken for hung.
const HEARTBEAT_TIMEOUT: Duration = Duration::from_secs(3);
/// A second look after that, before it is judged.
const SECOND_LOOK: Duration = Duration::from_millis(700);
/// Longest description of a violation, in characters.
const MAX_DETAIL: usize = 256;
/// How long a process has to say hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

/// Which life of a vendor's process.
#[derive(Debug)]
pub(super) struct Life {
    /// No two of a core's have one, of whatever vendor.
    pub number: u64,
    pub pid: Option<u32>,
    /// When it was about to be started.
    pub begun: Instant,
    /// Whether its process computes after all others.
    pub last: watch::Sender<bool>,
}

/// How a talk ended.
pub(super) enum End {
    LinkClosed,
    Fault(Cause),
}

pub(super) async fn talk(
    setup: &VendorSetup,
    limits: Limits,
    life: Life,
    sockets: Sockets,
    events: &mpsc::Sender<Event>,
    record: &mut Record,
) -> Result<End, Closed> {
    let (read, write) = sockets.link.into_split();
    let mut frames = FramedRead::new(read, FrameCodec::<VendorFrame>::default());
    let mut writer = FramedWrite::new(write, FrameCodec::<VendorFrame>::default());
    let violation = |detail: String| {
        let detail = doorward_events::bounded_text(&detail, MAX_DETAIL);
        End::Fault(Cause { word: "protocol_violation", detail })
    };
    match tokio::time::timeout(HELLO_TIMEOUT, frames.next()).await {
        Ok(Some(Ok(VendorFrame::Hello { protocol: PROTOCOL, .. }))) => {}
        Ok(Some(Ok(_))) => return Ok(violation("its first frame is no hello".to_owned())),
        Ok(Some(Err(error))) => return Ok(violation(error.to_string())),
        Ok(None) => return Ok(End::LinkClosed),
        Err(_) => return Ok(hung("no hello")),
    }
    let hello = CoreFrame::Hello {
        protocol: PROTOCOL,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        setup: Box::new(setup.clone()),
    };
    if writer.send(&hello).await.is_err() {
        return Ok(End::LinkClosed);
    }
    let (acks, mut acked) = watch::channel(0);
    let (held, mut holding) = watch::channel(false);
    let (reads, mut to_read) = mpsc::channel(4);
    let (commands, mut ordered) = mpsc::channel(MAX_GIVEN);
    let open = Arc::new(Mutex::new(Given::default()));
    // Reading and writing are apart: a process that does not read must not keep us from
    // reading what it sends.
    let writing = async move {
        loop {
            let frame = tokio::select! {
                biased;
                order = ordered.recv() => match order {
                    Some(order) => CoreFrame::Command(order),
                    None => return,
                },
                changed = acked.changed() => match changed {
                    Ok(()) => CoreFrame::Ack { through: *acked.borrow_and_update() },
                    Err(_) => return,
                },
                devices = to_read.recv() => match devices {
                    Some(devices) => CoreFrame::Read { devices },
                    None => return,
                },
            };
            if writer.send(&frame).await.is_err() {
                return;
            }
        }
    };
    let port_lost = Notify::new();
    let lending = async {
        match (&setup.connection, sockets.port) {
            (Connection::Serial(line), Some(process)) => {
                serial::lend(&setup.vendor, line, process, &port_lost).await;
            }
            _ => std::future::pending().await,
        }
    };
    let reading = async {
        let vendor = &setup.vendor;
        let acknowledged = acks.subscribe();
        let mut order = Order::default();
        let pauses = Pauses::default();
        let mut throttle = Throttle::new(limits, pauses.clone());
        let budget = Budget::default();
        let given_to_it = Arc::clone(&open);
        let Life { number: life, pid, begun: spawned, last } = life;
        let link = Vendor {
            life,
            pid,
            begun: spawned,
            acks,
            held,
            last,
            reads,
            commands,
            given: given_to_it,
            pauses,
        };
        tell(events, Event::Started { vendor: vendor.clone(), link }).await?;
        let begun = Instant::now();
        let mut pulse = Pulse::default();
        loop {
            // Once nobody can let go any more, there is nothing to wait for.
            let _ = holding.wait_for(|held| !held).await;
            let mut next = tokio::time::timeout(HEARTBEAT_TIMEOUT, frames.next()).await;
            if next.is_err() {
                // If we were the ones who stood still, its frames are waiting by now.
                next = tokio::time::timeout(SECOND_LOOK, frames.next()).await;
            }
            match next {
                Ok(Some(Ok(mut frame))) => {
                    let through = *acknowledged.borrow();
                    if let Err(broken) = order.admit(&frame, through) {
                        return Ok(violation(broken.to_string()));
                    }
                    if let VendorFrame::Sandbox { layers } = &mut frame {
                        // Of this one the process knows nothing.
                        layers.retain(|layer| layer.name != sockets.cgroup.name);
                        layers.push(sockets.cgroup.clone());
                    }
                    if let VendorFrame::Command(told) = &frame
                        && let Err(broken) = given(&open).told(told)
                    {
                        return Ok(violation(broken.to_string()));
                    }
                    if let VendorFrame::Heartbeat { handled, waiting, unacknowledged } = frame {
                        let beat = Beat { handled, waiting, unacknowledged };
                        if let Some(cause) = pulse.beat(begun.elapsed(), beat) {
                            return Ok(End::Fault(cause));
                        }
                    }
                    if let VendorFrame::Connection { up, .. } = &frame {
                        if let Some(cause) = pulse.connection(begun.elapsed()) {
                            return Ok(End::Fault(cause));
                        }
                        if !up {
                            port_lost.notify_one();
                        } else if record.comes_back() {
                            throttle.comes_back();
                        }
                    }
                    if begun.elapsed() >= STABLE
                        && let Some(isolated_for) = record.recovered()
                    {
                        let recovered = Event::Recovered { vendor: vendor.clone(), isolated_for };
                        tell(events, recovered).await?;
                    }
                    // While we let it wait, its silence is not its own: nothing is timed here.
                    let bytes = frames.decoder().length();
                    let weight = budget.weigh(bytes, events).await?;
                    let vendor = vendor.clone();
                    let (counts, may_wait) = match &frame {
                        VendorFrame::Signal(signal) => (signal.weight(), given(&open).is_empty()),
                        _ => (1, false),
                    };
                    let pause = throttle.charge(&vendor, Load { bytes, counts, may_wait });
                    tell(events, Event::Frame { vendor, life, frame, weight }).await?;
                    if let Some(pause) = pause {
                        tokio::select! {
                            () = tokio::time::sleep(pause) => {}
                            () = events.closed() => return Err(Closed),
                        }
                    }
                }
                // It ended with something of ours unread: how, its status says.
                Ok(Some(Err(FrameError::Io(error)))) if error.kind() == ConnectionReset => {
                    return Ok(End::LinkClosed);
                }
                Ok(Some(Err(error))) => return Ok(violation(error.to_string())),
                Ok(None) => return Ok(End::LinkClosed),
                Err(_) => return Ok(hung("no frame")),
            }
        }
    };
    tokio::pin!(reading);
    tokio::select! {
        end = &mut reading => end,
        () = lending => Ok(End::LinkClosed),
        () = writing => reading.await,
    }
}

fn hung(what: &str) -> End {
    End::Fault(Cause { word: "missed_heartbeat", detail: format!("{what} in time") })
}

#[cfg(test)]
mod tests;
