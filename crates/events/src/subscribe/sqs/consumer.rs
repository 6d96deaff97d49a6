//! Receiving, running handlers, and doing what their verdicts say.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use super::dead_letters::DeadLetterQueue;
use super::queue::Queue;
use super::{Settings, SetupError, acknowledge, visibility};
use crate::aws::Connection;
use crate::bus::backoff;
use crate::subscribe::dead_letters::put_aside;
use crate::subscribe::outage::Outage;
use crate::subscribe::subscriber::Subscriber;
use crate::subscribe::verdict::Verdict;

/// The most messages of one call; SQS's own limit.
const MOST_PER_CALL: usize = 10;
/// How long a shutdown waits for messages to be given back, and again for the last deletions.
const RELEASE_TIME: Duration = Duration::from_secs(10);

/// Consumes one queue with a [`Subscriber`].
///
/// In memory are at most [`Settings::at_once`] messages, each within the queue's own limit of
/// size. For a standard queue, whose redrive policy ends what is left again and again; its
/// retention should be shorter than the store's.
#[derive(Clone)]
pub struct Consumer {
    queue: Queue,
    dead_letters: DeadLetterQueue,
    settings: Settings,
}

/// What every message's task has.
#[derive(Clone)]
struct Work {
    consumer: Consumer,
    subscriber: Subscriber,
    settled: mpsc::Sender<String>,
    stopped: watch::Receiver<bool>,
}

impl Consumer {
    /// Prepares the clients. Nothing is sent, and no credentials are fetched.
    pub async fn new(
        connection: Connection,
        queue_url: &str,
        dead_letter_queue_url: &str,
        settings: Settings,
    ) -> Result<Self, SetupError> {
        settings.check()?;
        if queue_url == dead_letter_queue_url {
            return Err(SetupError::SameQueue);
        }
        let dead_letters = DeadLetterQueue::new(connection.clone(), dead_letter_queue_url).await?;
        let queue = Queue::new(connection, queue_url, settings.wait).await?;
        Ok(Self { queue, dead_letters, settings })
    }

    /// Consumes until `shutdown` ends.
    ///
    /// Then nothing more is received, the handlers that run have [`Settings::shutdown`] to end,
    /// the others are dropped and their messages given back at once. A message that is on its way
    /// in at that moment comes again after [`Settings::visibility`]. Dropping this future instead
    /// drops the handlers; their events come again after their leases.
    pub async fn run(&self, subscriber: Subscriber, shutdown: impl Future<Output = ()>) {
        let Settings { at_once, .. } = self.settings;
        let room = Arc::new(Semaphore::new(at_once));
        let (stop, stopped) = watch::channel(false);
        let (settled, receipts) = mpsc::channel(at_once);
        let mut deleting = JoinSet::new();
        deleting.spawn(acknowledge::run(self.queue.clone(), receipts, subscriber.clone()));
        let work = Work { consumer: self.clone(), subscriber, settled, stopped };
        let mut tasks = JoinSet::new();

        let mut shutdown = pin!(shutdown);
        tokio::select! {
            biased;
            () = &mut shutdown => {}
            () = work.receive(&room, &mut tasks) => {}
        }
        if timeout(self.settings.shutdown, all(&mut tasks)).await.is_err() {
            // Every task holds a receiver; without any there is nobody to stop.
            let _ = stop.send(true);
            if timeout(RELEASE_TIME, all(&mut tasks)).await.is_err() {
                tracing::warn!(left = tasks.len(), "messages come again after their visibility");
            }
        }
        tasks.shutdown().await;
        drop(work);
        if timeout(RELEASE_TIME, all(&mut deleting)).await.is_err() {
            tracing::warn!("some handled messages come again as duplicates");
        }
    }
}

async fn all(tasks: &mut JoinSet<()>) {
    while tasks.join_next().await.is_some() {}
}

impl Work {
    /// Receives as long as it is polled; never ends.
    async fn receive(&self, room: &Arc<Semaphore>, tasks: &mut JoinSet<()>) {
        let Settings { wait, visibility, .. } = self.consumer.settings;
        let (mut failures, mut since) = (0_u32, Instant::now());
        let outage = Outage::of("ReceiveMessage");
        loop {
            // The semaphore is never closed.
            let Ok(mut permits) = Arc::clone(room).acquire_owned().await else { return };
            let more = room.available_permits().min(MOST_PER_CALL - 1);
            if let Ok(more) = u32::try_from(more)
                && let Ok(others) = Arc::clone(room).try_acquire_many_owned(more)
            {
                permits.merge(others);
            }
            while tasks.try_join_next().is_some() {}
            let most = i32::try_from(permits.num_permits()).unwrap_or(1);
            match self.consumer.queue.receive(most, wait, visibility).await {
                Ok(messages) => {
                    failures = 0;
                    outage.worked();
                    for message in messages {
                        // More than were asked for are left to their visibility.
                        let Some(permit) = permits.split(1) else { break };
                        tasks.spawn(self.clone().settle(message, permit));
                    }
                }
                Err(code) => {
                    self.subscriber.hooks().queue_failed("ReceiveMessage", &code);
                    outage.failed(&code);
                    if failures == 0 {
                        since = Instant::now();
                    }
                    failures = failures.saturating_add(1);
                    drop(permits);
                    sleep(backoff::delay(failures, since.elapsed(), fastrand::f64())).await;
                }
            }
        }
    }

    async fn settle(self, message: Message, _room: OwnedSemaphorePermit) {
        let Self { consumer, subscriber, settled, mut stopped } = self;
        let Some(receipt) = message.receipt_handle else { return };
        let counts = message.attributes.unwrap_or_default();
        let count = counts.get(&MessageSystemAttributeName::ApproximateReceiveCount);
        let attempt = count.and_then(|count| count.parse().ok()).unwrap_or(1);
        let body = message.body.unwrap_or_default();
        let stop = async {
            // Without a sender the consumer is gone, which is a reason to stop too.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        let work = async {
            match subscriber.take_until(body.as_bytes(), attempt, stop).await {
                Verdict::Acknowledge => None,
                Verdict::Again { after } => Some(after),
                Verdict::DeadLetter(reason) => {
                    let sent = put_aside(&subscriber, &consumer.dead_letters, &body, &reason).await;
                    sent.err().map(|_| subscriber.again_after(attempt))
                }
            }
        };
        let Consumer { queue, settings, .. } = &consumer;
        let hooks = subscriber.hooks();
        match visibility::held(queue, &receipt, settings.visibility, hooks, work).await {
            // The receiver outlives every task.
            None => settled.send(receipt).await.unwrap_or_default(),
            Some(after) => queue.hide_or_tell(&receipt, after, hooks).await,
        }
    }
}
