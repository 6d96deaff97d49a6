//! Publishing: typed events into a bounded queue, out in batches, each answered for.
//!
//! For services, which keep no journal: what is in the queue when the process dies is lost, unless
//! the service itself can tell what it has not heard of. A gateway has a journal and its own
//! uplink over the same [`Bus`](crate::Bus).
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use doorward_events::PublisherId;
//! use doorward_events::publish::{Publisher, Settings};
//! use doorward_events::testkit::Memory;
//! use doorward_events::types::DeliveryScheduled;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let bus = Arc::new(Memory::new());
//! let id = PublisherId::new("acme.delivery", "blue-1");
//! let publisher =
//!     Publisher::start(bus.clone(), id, "acme", "1.4.0", Settings::default(), Arc::new(()))?;
//! publisher.ready().await?;
//!
//! let scheduled: DeliveryScheduled = serde_json::from_str(
//!     r#"{
//!         "delivery_id": "d-20261121-0042",
//!         "subject_ref": "s-7f3k9q2m",
//!         "window": {"not_before": "2026-11-21T09:00:00Z", "expires_at": "2026-11-21T12:00:00Z"},
//!         "parcels": 2
//!     }"#,
//! )?;
//! let envelope = publisher.envelope("acme").at_site("hq").about("front-door");
//! let accepted = publisher.publish(envelope, &scheduled).await?;
//! assert_eq!(accepted.attempts, 1);
//!
//! let closing = publisher.close(Duration::from_secs(10)).await;
//! assert!(closing.left.is_empty());
//! // The handshake and the delivery.
//! assert_eq!(bus.accepted().len(), 2);
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - Every event gets one [`Fate`]: [`Accepted`] by the bus, or a [`Refusal`] with the reason and
//!   the event's text. What is invalid is refused before anything leaves.
//! - An accepted event is on the bus at least once. After a lost answer it is sent again, with the
//!   same id and the same bytes: consumers deduplicate by id.
//! - Memory is bounded, by entries and by bytes ([`Settings::queue_entries`],
//!   [`Settings::queue_bytes`]). An event counts from the queue until its fate, wherever it is
//!   meanwhile.
//! - Order is not promised: buses keep none, calls go side by side, and what failed is overtaken.
//!
//! # Failures
//!
//! Each entry of a batch has its own [`Outcome`](crate::Outcome). `Retry` and `Denied` are kept and
//! tried again after [`backoff::delay`](crate::bus::backoff::delay); `Refused` never is. A call of
//! which every entry fails pauses all calls, and then one goes ahead alone until the bus takes
//! something. A pause grows to a minute; a new event shortens it to about three seconds, and
//! closing ends it. An event that was not taken within [`Settings::give_up_after`] is returned as
//! [`Why::GaveUp`]; also one that never got a call meanwhile, but not while it is under way.
//!
//! # Pace
//!
//! [`Settings::entries_per_second`] bounds what leaves. When the bus answers that it is too busy,
//! the pace is halved, at most once a second and never below one entry a second. It starts from
//! what was sent within the last second, if that is less than the setting. With each second
//! without such an answer it grows by a tenth of where it started, until it is back there; then
//! only the setting counts again.
//!
//! # Handshakes
//!
//! `publisher.handshake_sent` is the first event of every publisher and then comes again within
//! each [`Settings::handshake_interval`]: after a pause drawn from the whole interval at first and
//! from its last tenth later. It takes the same way as every other event and holds up none.

mod calls;
mod entry;
mod fate;
mod handshakes;
mod hooks;
mod publisher;
mod queue;
mod settings;
mod start;
mod stats;
mod task;
mod throttle;
mod waiting;

pub use fate::{Accepted, Fate, Pending, Refusal, Why};
pub use hooks::Hooks;
pub use publisher::Publisher;
pub use settings::{
    LARGEST_ENTRY_BYTES, MAX_CALLS, MAX_QUEUE_BYTES, MAX_QUEUE_ENTRIES, SettingError, Settings,
};
pub use start::StartError;
pub use stats::{Closing, Flushed, Stats};
