//! The downlink: takes what the cloud asks of this gateway out of its queue, and deletes it once
//! the outcome is durable. It understands nothing of what it carries.
//!
//! A message that is not settled comes again when it is no longer hidden; whoever carries it out
//! knows it by its own id then.

use std::time::Duration;

use doorward_events::bus::backoff;
use doorward_events::subscribe::sqs::{Inbox, Letter, Receipt};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::Cloud;
use crate::config::DownlinkConfig;

/// For how long a message in hand is hidden: longer than a request lives (60 s) would only delay
/// the next try after a crash, and by then it is too late for any.
const HIDDEN: Duration = Duration::from_secs(30);
/// Messages that wait for the gateway's loop; no more are received.
const WAITING: usize = 16;
/// Settled messages that wait for their deletion.
const SETTLED: usize = 1024;
/// How often a deletion is tried. A message that stays comes again, and is known.
const TRIES: u32 = 4;
/// Messages deleted in one turn.
const AT_ONCE: usize = 10;

/// A message, and when it was received.
#[derive(Debug)]
pub struct Came {
    pub letter: Letter,
    pub at: Instant,
}

/// A running downlink.
pub struct Downlink {
    /// What came.
    pub letters: mpsc::Receiver<Came>,
    /// Asks whether what receives comes round. Nobody answers once it has ended.
    pub turns: mpsc::Sender<oneshot::Sender<()>>,
    settled: mpsc::Sender<Receipt>,
}

impl Downlink {
    /// Begins to take messages. `None`: no queue is configured, or its settings cannot be used, and
    /// nothing is asked of this gateway over the bus.
    pub async fn start(cloud: Option<&Cloud>, downlink: Option<&DownlinkConfig>) -> Option<Self> {
        let (Some(downlink), Some(cloud)) = (downlink, cloud) else { return None };
        let inbox = match Inbox::new(cloud.connection(), &downlink.queue_url).await {
            Ok(inbox) => inbox,
            Err(error) => {
                tracing::error!(%error, "the downlink's settings cannot be used: no requests come");
                return None;
            }
        };
        let (to_gateway, letters) = mpsc::channel(WAITING);
        let (settled, to_delete) = mpsc::channel(SETTLED);
        let (turns, mut asked) = mpsc::channel(1);
        let receiving = receive(inbox.clone(), to_gateway);
        tokio::spawn(async move { coming_round(receiving, &mut asked).await });
        tokio::spawn(delete(inbox, to_delete));
        Some(Self { letters, turns, settled })
    }

    /// The outcome of this message is durable: it may go. Where too many wait already it comes
    /// again instead, and is known then.
    pub fn settle(&self, receipt: Receipt) {
        if self.settled.try_send(receipt).is_err() {
            tracing::warn!("a settled request is not deleted now; it comes again");
        }
    }
}

/// Goes on with it, and answers whoever asks meanwhile: waiting for a message is no hanging.
async fn coming_round(
    work: impl Future<Output = ()>,
    asked: &mut mpsc::Receiver<oneshot::Sender<()>>,
) {
    tokio::pin!(work);
    loop {
        tokio::select! {
            () = &mut work => return,
            Some(reply) = asked.recv() => drop(reply.send(())),
        }
    }
}

async fn receive(inbox: Inbox, to: mpsc::Sender<Came>) {
    let mut failures = 0;
    let mut worked = Instant::now();
    loop {
        // Nothing is received that nobody has room for.
        let Ok(room) = to.reserve().await else { return };
        match inbox.receive(HIDDEN).await {
            Ok(letters) => {
                if failures > 0 {
                    tracing::info!("the downlink works again");
                }
                failures = 0;
                worked = Instant::now();
                drop(room);
                let at = Instant::now();
                for letter in letters {
                    if to.send(Came { letter, at }).await.is_err() {
                        return;
                    }
                }
            }
            Err(code) => {
                failures += 1;
                if failures == 1 {
                    tracing::error!(code, "the downlink's queue cannot be read");
                }
                drop(room);
                let pause = backoff::delay(failures, worked.elapsed(), fastrand::f64());
                tokio::time::sleep(pause).await;
            }
        }
    }
}

async fn delete(inbox: Inbox, mut settled: mpsc::Receiver<Receipt>) {
    loop {
        let mut receipts = Vec::with_capacity(AT_ONCE);
        if settled.recv_many(&mut receipts, AT_ONCE).await == 0 {
            return;
        }
        for attempt in 1..=TRIES {
            let Err((left, code)) = inbox.delete(receipts).await else { break };
            if left.is_empty() {
                break;
            }
            if attempt == TRIES {
                tracing::warn!(code, requests = left.len(), "settled requests were not deleted");
                break;
            }
            receipts = left;
            let pause = backoff::delay(attempt, Duration::from_secs(10), fastrand::f64());
            tokio::time::sleep(pause).await;
        }
    }
}
