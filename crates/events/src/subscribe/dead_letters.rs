//! Where events go that can never succeed, so that nothing is lost and nothing waits behind them.

use std::future::Future;
use std::pin::Pin;

use super::hooks::{About, Fault};
use super::subscriber::Subscriber;
use super::verdict::Reason;

/// A message that is put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter<'a> {
    /// The message as it came, unchanged.
    pub body: &'a str,
    /// What is known of it: see [`Reason::attributes`].
    pub attributes: Vec<(&'static str, String)>,
}

impl<'a> Letter<'a> {
    /// The letter about this message, of this consumer.
    pub fn new(body: &'a str, reason: &Reason, consumer: &str) -> Self {
        Self { body, attributes: reason.attributes(consumer) }
    }
}

/// A letter could not be put aside; the original stays where it is. The service's error code, or
/// ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the dead letter was not taken: {0}")]
pub struct DeadLetterError(pub String);

/// The future of [`DeadLetters::send`].
pub type SendFuture<'a> = Pin<Box<dyn Future<Output = Result<(), DeadLetterError>> + Send + 'a>>;

/// A place for dead letters.
pub trait DeadLetters: Send + Sync {
    /// Keeps the letter durably. Ends within a bounded time. After an error it may be kept all
    /// the same: a letter may stand there twice.
    fn send<'a>(&'a self, letter: Letter<'a>) -> SendFuture<'a>;
}

/// Puts a message aside for a subscriber, and tells its hooks where that fails.
pub(super) async fn put_aside(
    subscriber: &Subscriber,
    dead_letters: &dyn DeadLetters,
    body: &str,
    reason: &Reason,
) -> Result<(), DeadLetterError> {
    let sent = dead_letters.send(Letter::new(body, reason, subscriber.consumer())).await;
    if sent.is_ok() {
        subscriber.letters().worked();
    }
    sent.inspect_err(|error| {
        subscriber.letters().failed(&error.0);
        let event_type = reason.event_type.as_deref().and_then(|name| name.parse().ok());
        let about = About { event_type, id: reason.event_id };
        subscriber.hooks().failed(about, &Fault::DeadLetters(error.0.clone()));
    })
}
