//! Where events leave: the contract that every bus keeps, and the size rule of a batch.

pub mod backoff;
#[cfg(feature = "eventbridge")]
pub mod eventbridge;
pub mod standalone;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use uuid::Uuid;

/// The most entries of one call.
pub const MAX_BATCH_ENTRIES: usize = 10;
/// The most bytes of one call, counted by [`entry_size`]. The bus's own limit is 1 MB; this is
/// the smaller reading of it.
pub const MAX_BATCH_BYTES: usize = 1_000_000;

/// One event on its way out.
/// Its `Debug` form shows the text's length only, since an event may hold personal data.
#[derive(Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// The event's own id; the bus gives it another.
    pub id: Uuid,
    /// `publisher name/instance`.
    pub source: Arc<str>,
    /// The event type's name.
    pub detail_type: &'static str,
    /// The exact text of the event.
    pub detail: Arc<str>,
    /// An X-Ray header. It does not reach targets, therefore the event carries its trace too.
    pub trace_header: Option<String>,
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("id", &self.id)
            .field("source", &self.source)
            .field("detail_type", &self.detail_type)
            .field("detail_bytes", &self.detail.len())
            .field("trace_header", &self.trace_header)
            .finish()
    }
}

/// What became of one entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The bus has it, under this id of its own.
    Accepted {
        /// `None` where the bus gives no ids.
        bus_id: Option<String>,
    },
    /// Try again later: the bus was busy, broken or not reached.
    Retry {
        /// The bus's error code, or ours: `Timeout`, `Transport`.
        code: String,
        /// What the bus says about it, bounded.
        message: String,
    },
    /// Credentials, permission or the bus itself are missing: the entry is kept and a person is
    /// needed.
    Denied {
        /// The bus's error code.
        code: String,
        /// What the bus says about it, bounded.
        message: String,
    },
    /// This entry will never be taken.
    Refused {
        /// The bus's error code.
        code: String,
        /// What the bus says about it, bounded.
        message: String,
    },
}

/// The future of [`Bus::put`].
pub type PutFuture<'a> = Pin<Box<dyn Future<Output = Vec<Outcome>> + Send + 'a>>;

/// A bus that takes events.
pub trait Bus: Send + Sync {
    /// Sends a batch within [`MAX_BATCH_ENTRIES`] and [`MAX_BATCH_BYTES`].
    ///
    /// Always one outcome per entry, in order; what fails the whole call is the outcome of every
    /// entry. Never retries by itself and always ends within a bounded time. An entry whose
    /// outcome is `Retry` may have arrived all the same: consumers deduplicate by id.
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a>;

    /// The bus's name in logs and metrics.
    fn name(&self) -> &'static str;
}

/// The size of an entry by `PutEvents`' rule: the UTF-8 bytes of `Source`, `DetailType`, `Detail`
/// and `Resources`, and 14 for `Time`; the last two are never set here.
pub fn entry_size(entry: &Outgoing) -> usize {
    entry.source.len() + entry.detail_type.len() + entry.detail.len()
}

/// Cuts `entries` into batches within the limits, in order. An entry over the limit stands alone.
pub fn batches(entries: &[Outgoing]) -> impl Iterator<Item = &[Outgoing]> {
    let mut rest = entries;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |entry: &&Outgoing| {
            bytes += entry_size(entry);
            bytes <= MAX_BATCH_BYTES
        };
        let count = rest.iter().take(MAX_BATCH_ENTRIES).take_while(fits).count().max(1);
        let (batch, later) = rest.split_at_checked(count)?;
        rest = later;
        Some(batch)
    })
}
