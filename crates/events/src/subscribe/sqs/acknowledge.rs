//! Deleting what is settled, ten at a time.

use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};

use super::queue::Queue;
use crate::bus::backoff;
use crate::subscribe::outage::Outage;
use crate::subscribe::subscriber::Subscriber;

/// SQS's own limit.
const MOST_AT_ONCE: usize = 10;
/// How long the first of a batch waits for others.
const LINGER: Duration = Duration::from_millis(20);
/// How often a message is deleted in vain before it is left. It then comes again, and the store
/// knows it.
const TRIES: u32 = 4;

/// Runs until the last sender is gone and everything sent has been tried.
pub(super) async fn run(queue: Queue, mut settled: Receiver<String>, subscriber: Subscriber) {
    let outage = Outage::of("DeleteMessageBatch");
    loop {
        let mut batch = Vec::with_capacity(MOST_AT_ONCE);
        if settled.recv_many(&mut batch, MOST_AT_ONCE).await == 0 {
            return;
        }
        let others = async {
            while batch.len() < MOST_AT_ONCE
                && let Some(receipt) = settled.recv().await
            {
                batch.push(receipt);
            }
        };
        // Late ones go with the next batch.
        let _ = timeout(LINGER, others).await;
        delete(&queue, batch, &subscriber, &outage).await;
    }
}

async fn delete(queue: &Queue, mut batch: Vec<String>, subscriber: &Subscriber, outage: &Outage) {
    for attempt in 1..=TRIES {
        let Err((left, code)) = queue.delete(batch).await else {
            outage.worked();
            return;
        };
        subscriber.hooks().queue_failed("DeleteMessageBatch", &code);
        outage.failed(&code);
        if left.is_empty() || attempt == TRIES {
            return;
        }
        batch = left;
        sleep(backoff::delay(attempt, Duration::MAX, fastrand::f64())).await;
    }
}
