//! Dead letters in an SQS queue.

use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::MessageAttributeValue;

use super::SetupError;
use super::queue::{check_url, code};
use crate::aws::Connection;
use crate::subscribe::dead_letters::{DeadLetterError, DeadLetters, Letter, SendFuture};

/// A queue for dead letters. A clone is the same.
#[derive(Clone)]
pub struct DeadLetterQueue {
    client: Client,
    url: Arc<str>,
}

impl DeadLetterQueue {
    /// Prepares the client. Nothing is sent.
    pub async fn new(connection: Connection, url: &str) -> Result<Self, SetupError> {
        check_url(url)?;
        Ok(Self { client: Client::new(&connection.load().await?), url: url.into() })
    }

    async fn put(&self, letter: Letter<'_>) -> Result<(), DeadLetterError> {
        let mut request =
            self.client.send_message().queue_url(&*self.url).message_body(letter.body);
        for (name, text) in letter.attributes {
            let value = MessageAttributeValue::builder().data_type("String").string_value(text);
            let value = value.build().map_err(|_| DeadLetterError("Attribute".to_owned()))?;
            request = request.message_attributes(name, value);
        }
        request.send().await.map(|_| ()).map_err(|error| DeadLetterError(code(&error)))
    }
}

impl DeadLetters for DeadLetterQueue {
    fn send<'a>(&'a self, letter: Letter<'a>) -> SendFuture<'a> {
        Box::pin(self.put(letter))
    }
}
