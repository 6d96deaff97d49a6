//! Where a subscriber remembers what it has handled, and what its trackers know.
//!
//! **A store forgets.** Every store keeps ids, values and documents only within its retention, a
//! time or a number. An event that comes again after its id is forgotten is handled again, as if it
//! had never come: keep ids longer than the queue's retention, its dead letters' and any archive
//! that is replayed. After a document is forgotten, its tracker begins anew: an old event of that
//! entry may be told as the newest, and gaps from before are neither told nor closed.

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
mod memory;
#[cfg(feature = "sqlite")]
pub mod sqlite;

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use uuid::Uuid;

pub use memory::Memory;

/// The longest key, in bytes: a subscriber never makes a longer one.
pub const MAX_KEY_BYTES: usize = 1024;
/// The longest document, in bytes: a subscriber never makes a longer one.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// Whether an event may be handled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// It is the caller's until the lease ends.
    New(Token),
    /// It was handled.
    Done,
    /// Somebody else has it.
    Busy {
        /// Until that lease ends.
        left: Duration,
    },
}

/// Which of the claims of an event is meant: of two who claimed one after the other, the first
/// cannot release the second's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token(pub Uuid);

impl Token {
    fn draw() -> Self {
        Self(Uuid::now_v7())
    }
}

/// A small text that many may write by turns, each only over the version that it has read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The text.
    pub bytes: Vec<u8>,
    /// From 1; it grows with every swap.
    pub version: u64,
}

/// The store could not be asked. What it was asked may have been done all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Every place is taken by a claim that is not done.
    #[error("no room for another claim")]
    Full,
    /// The service or the database failed, with this code. It never holds a key or a value.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// The future of a [`Store`]'s call.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Where a subscriber remembers. One store may serve many consumers and many processes.
///
/// Every call is atomic and, once answered, durable as far as the store is. A call ends within a
/// bounded time. Leases are measured by the caller's clock, except in [`Memory`]: processes that
/// share a store must agree on the time to well below their lease.
pub trait Store: Send + Sync {
    /// Takes the event for `lease`, unless it is done or somebody else has it.
    ///
    /// `scope`: whose memory: the consumer, the publisher, and the replay if it is one.
    fn claim<'a>(&'a self, scope: &'a str, id: Uuid, lease: Duration) -> StoreFuture<'a, Claim>;

    /// Remembers that the event was handled, whoever has claimed it by now.
    fn done<'a>(&'a self, scope: &'a str, id: Uuid) -> StoreFuture<'a, ()>;

    /// Gives the event back, if the claim is still this one and the event is not done.
    fn release<'a>(&'a self, scope: &'a str, id: Uuid, token: Token) -> StoreFuture<'a, ()>;

    /// Keeps `value` under `key` for `ttl`, unless something is there already, which is answered.
    fn claim_once<'a>(
        &'a self,
        key: &'a str,
        value: &'a str,
        ttl: Duration,
    ) -> StoreFuture<'a, Option<String>>;

    /// The document under this key.
    fn load<'a>(&'a self, key: &'a str) -> StoreFuture<'a, Option<Document>>;

    /// Writes the document, if `version` is still the one there; 0: if there is none. False: it
    /// is not, and nothing was written.
    fn swap<'a>(&'a self, key: &'a str, version: u64, bytes: &'a [u8]) -> StoreFuture<'a, bool>;
}
