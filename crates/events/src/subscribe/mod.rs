//! Receiving: from a message to a handler, once, with what is missing or out of order told.
//!
//! A [`Subscriber`] takes deliveries of `EventBridge` and answers each with a [`Verdict`]. It
//! knows no queue: `sqs` runs it on a queue, [`lambda`] in a function, and both do what the
//! verdict says.
//!
//! ```
//! use std::sync::Arc;
//!
//! use doorward_events::subscribe::store::Memory;
//! use doorward_events::subscribe::{Context, Failure, Policies, Subscriber, Verdict};
//! use doorward_events::types::DeliveryCompleted;
//! use doorward_events::Received;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Arc::new(Memory::new(10_000));
//! let subscriber = Subscriber::builder("billing", Policies::strict(), store)
//!     .on(|event: Received<DeliveryCompleted>, context: Context| async move {
//!         println!("{} is there, attempt {}", event.data.delivery_id, context.attempt);
//!         Ok::<(), Failure>(())
//!     })
//!     .build()?;
//!
//! // What is no event never reaches a handler.
//! let verdict = subscriber.take(b"{}", 1).await;
//! assert!(matches!(verdict, Verdict::DeadLetter(_)));
//! # Ok(())
//! # }
//! ```
//!
//! **Once.** An event is claimed by its id in a [`Store`](store::Store) before its handler runs
//! and marked as done only after the handler returned `Ok`. Ended between the two, the handler
//! runs again: its side effects happen at least once, each id is handled once as long as the store
//! remembers it. While somebody else has the claim, the message is left and never acknowledged.
//! Ids count per consumer and publisher, so that no publisher can use up another's.
//!
//! **Doubt.** What cannot be read, does not come from whom it says, or has no policy that lets it
//! through, is handed to no handler.
//!
//! **Logs.** Beside the [`Hooks`], `tracing` gets a warning at each dead letter, gap and fork, and at
//! the first failure of a row of calls of the queue, the dead letters or the store; information when
//! they work again. Neither the value of a field of `data` nor a body stands in it.
//!
//! **Bounds.** A delivery is at most [`MAX_DELIVERY_BYTES`], an event
//! [`MAX_EVENT_BYTES`](crate::MAX_EVENT_BYTES); trackers keep [`MOST_RANGES`] ranges a type and
//! journal and a few journals an entry, in the store and not in memory.

mod builder;
mod context;
mod dead_letters;
mod delivery;
#[cfg(feature = "aws")]
mod fault_code;
mod handlers;
mod hooks;
pub mod lambda;
mod outage;
mod policies;
mod screen;
#[cfg(feature = "sqs")]
pub mod sqs;
pub mod store;
mod subscriber;
mod track;
mod verdict;

pub use builder::{BuildError, Builder, HANDLING_TIME, MAX_CONSUMER, MAX_HANDLING_TIME, Retry};
pub use context::{Behind, Context, Failure, MAX_WHY, Order};
pub use dead_letters::{DeadLetterError, DeadLetters, Letter, SendFuture};
pub use delivery::MAX_DELIVERY_BYTES;
pub use hooks::{About, Fault, Fork, Gap, GapEnd, Hooks, Silent};
pub use policies::{Accounts, Aside, Newer, Older, Policies, Tests, Unread};
pub use subscriber::{LEASE_MARGIN, Subscriber};
pub use track::{FORK_MEMORY, MOST_RANGES, Tracking};
pub use verdict::{MAX_ATTRIBUTE, Reason, Verdict, Why};
