//! A subscriber in a function: behind a queue, or the direct target of a rule.
//!
//! Of a batch from a queue, what is not settled is named in the answer
//! (`ReportBatchItemFailures` must be on), and the queue brings it again after its own visibility
//! time-out. A direct event that is not settled fails the invocation.
//!
//! FIFO queues are not served: messages of a group are handled at the same time, and after one that
//! must come again the later ones are settled all the same.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::dead_letters::{DeadLetters, put_aside};
use super::subscriber::Subscriber;
use super::verdict::Verdict;

/// The longest payload, in bytes: the platform's own limit.
pub const MAX_PAYLOAD_BYTES: usize = 6 * 1024 * 1024;
/// The most records of a payload: the platform's own limit.
pub const MAX_RECORDS: usize = 10_000;

/// How much longer than [`Settings::time`] an invocation takes at most: for what the store and the
/// dead letters still have to say. What has not ended then is not settled.
pub const ENDING: Duration = Duration::from_secs(1);

/// How one invocation runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Events handled at once; at least one is.
    pub at_once: usize,
    /// How long handlers may take: what is left of the invocation's time, less two or three
    /// seconds for [`ENDING`] and the answer. After it handlers are dropped and their events come
    /// again.
    pub time: Duration,
}

/// What the function answers: the messages that must come again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// Empty: everything is settled.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<ItemFailure>,
}

/// A message that must come again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemFailure {
    /// The message's id.
    #[serde(rename = "itemIdentifier")]
    pub message_id: String,
}

/// The invocation must fail as a whole; nothing of it may count as settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LambdaError {
    /// Too large, not UTF-8, or with records that cannot be told apart.
    #[error("the payload is neither a batch of a queue nor an event")]
    NotAPayload,
    /// A direct event that must come again, or a dead letter that could not be put aside.
    #[error("the event is not settled")]
    NotSettled,
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "Records")]
    records: Option<Vec<Record>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    message_id: String,
    body: Option<String>,
    event_source: Option<String>,
    attributes: Option<Attributes>,
}

#[derive(Deserialize)]
struct Attributes {
    #[serde(rename = "ApproximateReceiveCount")]
    receive_count: Option<String>,
}

/// One message to be settled.
struct Item {
    place: usize,
    body: String,
    attempt: u32,
}

/// Takes one invocation. Without `dead_letters`, or where they fail, what would be put aside is
/// not settled: the queue's own redrive, or the function's destination for failures, keeps it.
///
/// In memory: the payload, and `at_once` events.
pub async fn handle(
    subscriber: &Subscriber,
    payload: &[u8],
    dead_letters: Option<Arc<dyn DeadLetters>>,
    settings: Settings,
) -> Result<Answer, LambdaError> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(LambdaError::NotAPayload);
    }
    let payload = std::str::from_utf8(payload).map_err(|_| LambdaError::NotAPayload)?;
    let end = Instant::now() + settings.time;
    let records = match serde_json::from_str(payload) {
        Ok(Payload { records: Some(records) }) if records.len() <= MAX_RECORDS => records,
        Ok(Payload { records: Some(_) }) => return Err(LambdaError::NotAPayload),
        // A batch whose records cannot be named must fail as a whole.
        Err(error) if error.is_data() && has_records(payload) => {
            return Err(LambdaError::NotAPayload);
        }
        Ok(Payload { records: None }) | Err(_) => {
            let item = Item { place: 0, body: payload.to_owned(), attempt: 1 };
            let settled = settle(subscriber.clone(), dead_letters, item, end);
            let settled = matches!(timeout_at(end + ENDING, settled).await, Ok(Ok(_)));
            return if settled { Ok(Answer::default()) } else { Err(LambdaError::NotSettled) };
        }
    };
    let mut settled = vec![false; records.len()];
    let mut message_ids = Vec::with_capacity(records.len());
    let mut waiting = VecDeque::new();
    for (place, record) in records.into_iter().enumerate() {
        let Record { message_id, body, event_source, attributes } = record;
        message_ids.push(message_id);
        // What is no message of a queue is nobody's to settle here.
        if let (Some(body), Some("aws:sqs")) = (body, event_source.as_deref()) {
            let count = attributes.and_then(|attributes| attributes.receive_count);
            let attempt = count.and_then(|count| count.parse().ok()).unwrap_or(1);
            waiting.push_back(Item { place, body, attempt });
        }
    }
    let mut running = JoinSet::new();
    loop {
        while running.len() < settings.at_once.max(1)
            && let Some(item) = waiting.pop_front()
        {
            running.spawn(settle(subscriber.clone(), dead_letters.clone(), item, end));
        }
        match timeout_at(end + ENDING, running.join_next()).await {
            Ok(None) => break,
            Ok(Some(Ok(Ok(place)))) => {
                settled.get_mut(place).into_iter().for_each(|it| *it = true);
            }
            Ok(Some(_)) => {}
            Err(_) => {
                tracing::warn!(left = running.len(), "messages come again: out of time");
                break;
            }
        }
    }
    drop(running);
    let open = message_ids.into_iter().zip(settled).filter(|(_, settled)| !settled);
    Ok(Answer { failures: open.map(|(message_id, _)| ItemFailure { message_id }).collect() })
}

fn has_records(payload: &str) -> bool {
    let members = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(payload);
    members.is_ok_and(|members| members.contains_key("Records"))
}

/// The item's place, if it is settled.
async fn settle(
    subscriber: Subscriber,
    dead_letters: Option<Arc<dyn DeadLetters>>,
    item: Item,
    end: Instant,
) -> Result<usize, ()> {
    let Item { place, body, attempt } = item;
    if Instant::now() >= end {
        return Err(());
    }
    match subscriber.take_until(body.as_bytes(), attempt, sleep_until(end)).await {
        Verdict::Acknowledge => Ok(place),
        Verdict::Again { .. } => Err(()),
        Verdict::DeadLetter(reason) => {
            let dead_letters = dead_letters.ok_or(())?;
            let sent = put_aside(&subscriber, &*dead_letters, &body, &reason).await;
            sent.map(|()| place).map_err(|_| ())
        }
    }
}
