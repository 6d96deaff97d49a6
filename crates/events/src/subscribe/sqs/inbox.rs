//! A queue whose reader keeps its own books: a gateway, which deletes a request only once the
//! outcome is durable in its journal.

use std::time::Duration;

use super::queue::Queue;
use super::{MAX_WAIT, SetupError};
use crate::aws::Connection;
use crate::subscribe::delivery::Delivery;

/// SQS's own limit of one call.
const MOST_AT_ONCE: usize = 10;

/// A queue with deliveries of a bus.
#[derive(Clone)]
pub struct Inbox {
    queue: Queue,
}

/// A message in hand: hidden from others, and not deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What deletes it, or gives it back.
    pub receipt: Receipt,
    /// How often it was received, this time included, as far as the queue knows.
    pub received: u32,
    /// What it says; `None` if it is no delivery of a bus, whose bytes nobody reads.
    pub delivered: Option<Delivered>,
}

/// What a bus delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Who published it, as the bus says.
    pub source: String,
    /// The event's type, as the bus says.
    pub detail_type: String,
    /// The event's very text.
    pub detail: String,
}

/// The handle of a message that was received.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Receipt(String);

impl Inbox {
    /// A queue by its address. Nothing is sent.
    ///
    /// # Errors
    /// The address or the connection cannot be used.
    pub async fn new(connection: Connection, url: &str) -> Result<Self, SetupError> {
        Ok(Self { queue: Queue::new(connection, url, MAX_WAIT).await? })
    }

    /// Waits up to 20 s for messages, at most ten; each is hidden from others for `hidden`.
    ///
    /// # Errors
    /// The code of what went wrong; nothing was received then.
    pub async fn receive(&self, hidden: Duration) -> Result<Vec<Letter>, String> {
        let most = i32::try_from(MOST_AT_ONCE).unwrap_or(i32::MAX);
        let messages = self.queue.receive(most, MAX_WAIT, hidden).await?;
        let letter = |message: aws_sdk_sqs::types::Message| {
            use aws_sdk_sqs::types::MessageSystemAttributeName::ApproximateReceiveCount;
            let count = message.attributes().and_then(|all| all.get(&ApproximateReceiveCount));
            let received = count.and_then(|text| text.parse().ok()).unwrap_or(1);
            let delivered = Delivery::parse(message.body().unwrap_or_default().as_bytes()).ok();
            Some(Letter {
                receipt: Receipt(message.receipt_handle()?.to_owned()),
                received,
                delivered: delivered.map(|delivery| Delivered {
                    detail: delivery.detail.to_owned(),
                    source: delivery.source,
                    detail_type: delivery.detail_type,
                }),
            })
        };
        Ok(messages.into_iter().filter_map(letter).collect())
    }

    /// Tries whether messages may be received: one call that waits for none and hides none. Of a
    /// message that is there the count of its receptions grows.
    ///
    /// # Errors
    /// The code of what went wrong.
    pub async fn probe(&self) -> Result<(), String> {
        self.queue.receive(1, Duration::ZERO, Duration::ZERO).await.map(drop)
    }

    /// Deletes messages; those that are still there, with the code of the first.
    ///
    /// # Errors
    /// They come again, and are known then.
    pub async fn delete(&self, receipts: Vec<Receipt>) -> Result<(), (Vec<Receipt>, String)> {
        let mut left = Vec::new();
        let mut first = None;
        for some in receipts.chunks(MOST_AT_ONCE) {
            let some = some.iter().map(|receipt| receipt.0.clone()).collect();
            if let Err((failed, code)) = self.queue.delete(some).await {
                left.extend(failed.into_iter().map(Receipt));
                first.get_or_insert(code);
            }
        }
        match first {
            None => Ok(()),
            Some(code) => Err((left, code)),
        }
    }

    /// Gives a message back at once, for another try.
    ///
    /// # Errors
    /// The code; it comes again when it is no longer hidden.
    pub async fn give_back(&self, receipt: &Receipt) -> Result<(), String> {
        self.queue.hide(&receipt.0, Duration::ZERO).await
    }
}
