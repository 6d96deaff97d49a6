//! The event with which a publisher shows that what it sends arrives.

use std::time::Duration;

use crate::draft::Draft;
use crate::envelope::Envelope;
use crate::types::PublisherHandshakeSent;
use crate::validate::Invalid;

/// A publisher's sign of life. It proves the whole way, where an accepted call does not: a wrong
/// bus name may still answer success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handshake {
    /// The publisher's own version, at most 128 characters.
    pub publisher_version: String,
    /// Until the next one: whole seconds, 1 to 86,400.
    pub interval: Duration,
}

impl Handshake {
    /// The event `publisher.handshake_sent`.
    pub fn draft(&self, envelope: Envelope) -> Result<Draft, Invalid> {
        envelope.seal(&PublisherHandshakeSent {
            publisher_version: self.publisher_version.clone(),
            library_version: crate::LIBRARY_VERSION.to_owned(),
            interval_s: i64::try_from(self.interval.as_secs()).unwrap_or(i64::MAX),
        })
    }
}
