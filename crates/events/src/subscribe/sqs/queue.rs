//! The calls of one queue, with errors as codes.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};

use super::{MAX_VISIBILITY, SetupError};
use crate::aws::{Connection, is_address};
use crate::subscribe::fault_code::{bounded, fault_code};
use crate::subscribe::hooks::Hooks;

/// How much longer than its poll a receiving call may take.
const POLL_MARGIN: Duration = Duration::from_secs(5);

/// One queue. A clone is the same.
#[derive(Clone)]
pub(super) struct Queue {
    client: Client,
    /// The same with time-outs longer than a poll.
    polling: Client,
    url: Arc<str>,
}

impl Queue {
    /// Nothing is sent.
    pub(super) async fn new(
        connection: Connection,
        url: &str,
        wait: Duration,
    ) -> Result<Self, SetupError> {
        check_url(url)?;
        let mut patient = connection.clone();
        let longest = wait + POLL_MARGIN;
        patient.timeouts.attempt = patient.timeouts.attempt.max(longest);
        patient.timeouts.operation = patient.timeouts.operation.max(longest + POLL_MARGIN);
        Ok(Self {
            client: Client::new(&connection.load().await?),
            polling: Client::new(&patient.load().await?),
            url: url.into(),
        })
    }

    pub(super) async fn receive(
        &self,
        most: i32,
        wait: Duration,
        visibility: Duration,
    ) -> Result<Vec<Message>, String> {
        let request = self
            .polling
            .receive_message()
            .queue_url(&*self.url)
            .max_number_of_messages(most)
            .wait_time_seconds(seconds(wait))
            .visibility_timeout(seconds(visibility))
            .message_system_attribute_names(MessageSystemAttributeName::ApproximateReceiveCount);
        let answer = request.send().await.map_err(|error| code(&error))?;
        Ok(answer.messages.unwrap_or_default())
    }

    /// Hides a message for so long from now on; zero gives it back.
    pub(super) async fn hide(&self, receipt: &str, time: Duration) -> Result<(), String> {
        let request = self
            .client
            .change_message_visibility()
            .queue_url(&*self.url)
            .receipt_handle(receipt)
            .visibility_timeout(seconds(time));
        request.send().await.map(|_| ()).map_err(|error| code(&error))
    }

    /// The same, where a failure only means that the message comes at another time.
    pub(super) async fn hide_or_tell(&self, receipt: &str, time: Duration, hooks: &dyn Hooks) {
        if let Err(code) = self.hide(receipt, time).await {
            hooks.queue_failed("ChangeMessageVisibility", &code);
        }
    }

    /// Deletes at most ten messages; those that are still there, with the code of the first.
    pub(super) async fn delete(&self, receipts: Vec<String>) -> Result<(), (Vec<String>, String)> {
        let entry = |(at, receipt): (usize, &String)| {
            let entry = DeleteMessageBatchRequestEntry::builder();
            entry.id(at.to_string()).receipt_handle(receipt).build().ok()
        };
        let entries: Vec<_> = receipts.iter().enumerate().filter_map(entry).collect();
        let request = self.client.delete_message_batch().queue_url(&*self.url);
        match request.set_entries(Some(entries)).send().await {
            Err(error) => Err((receipts, code(&error))),
            Ok(answer) => {
                let Some(first) = answer.failed.first() else { return Ok(()) };
                let code = bounded(first.code());
                let failed = answer.failed.iter().filter_map(|failed| failed.id().parse().ok());
                let left = failed.filter_map(|at: usize| receipts.get(at).cloned());
                Err((left.collect(), code))
            }
        }
    }
}

pub(super) fn check_url(url: &str) -> Result<(), SetupError> {
    if is_address(url) { Ok(()) } else { Err(SetupError::QueueUrl) }
}

pub(super) fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    fault_code(error, ProvideErrorMetadata::code)
}

/// Whole seconds, begun ones counted, within SQS's limit.
fn seconds(time: Duration) -> i32 {
    let time = time.min(MAX_VISIBILITY);
    let begun = u64::from(time.subsec_nanos() > 0);
    i32::try_from(time.as_secs() + begun).unwrap_or(i32::MAX).min(43_200)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begun_seconds_count_and_the_limit_holds() {
        for (time, expected) in [
            (Duration::ZERO, 0),
            (Duration::from_millis(1), 1),
            (Duration::from_millis(1500), 2),
            (Duration::from_secs(2), 2),
            (Duration::MAX, 43_200),
        ] {
            assert_eq!(seconds(time), expected, "{time:?}");
        }
    }

    #[test]
    fn a_url_is_an_address() {
        assert_eq!(check_url("https://sqs.eu-central-1.amazonaws.com/1/q"), Ok(()));
        for bad in ["", "queue", "https://", "http://a b", "ftp://x"] {
            assert_eq!(check_url(bad), Err(SetupError::QueueUrl), "{bad}");
        }
    }
}
