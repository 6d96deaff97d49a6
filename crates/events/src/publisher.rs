//! Publishing for services that keep no journal of their own, and the handshake that shows that
//! what is sent arrives.

use std::sync::Arc;
use std::time::Duration;

use crate::bus::{Bus, Outcome, Outgoing, batches};
use crate::draft::Draft;
use crate::envelope::{Envelope, PublisherId};
use crate::origin::GatewayOrigin;
use crate::types::PublisherHandshakeSent;
use crate::validate::Invalid;

/// Sends any number of events in batches within the bus's limits.
pub struct Publisher {
    bus: Arc<dyn Bus>,
    source: Arc<str>,
}

impl Publisher {
    /// Publishes on `bus` as `id`.
    pub fn new(bus: Arc<dyn Bus>, id: &PublisherId) -> Self {
        Self { bus, source: id.source().into() }
    }

    /// The event as it goes out; `origin` of a gateway's events.
    pub fn outgoing(&self, draft: &Draft, origin: Option<&GatewayOrigin>) -> Outgoing {
        let detail = origin.map_or_else(|| draft.finish(), |origin| draft.stamp(origin));
        Outgoing {
            id: draft.id(),
            source: Arc::clone(&self.source),
            detail_type: draft.event_type().as_str(),
            detail: detail.into(),
            trace_header: draft.trace_header(),
        }
    }

    /// Sends batch after batch, each once. One outcome per entry, in order.
    pub async fn publish(&self, entries: &[Outgoing]) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(entries.len());
        for batch in batches(entries) {
            outcomes.extend(self.bus.put(batch).await);
        }
        outcomes
    }
}

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
