//! The client library of the door event platform: typed events, the one validation that every
//! publisher passes, and the buses that events leave on.
//!
//! The schemas under `schemas/` are the contract. They are compiled into this crate twice: as
//! Rust types, so that writing an event is ordinary code, and as validators, which stay the
//! authority. [`Envelope::seal`] is the only way to make a [`Draft`], and a draft is valid.
#![warn(missing_docs)]

pub mod bus;
mod draft;
mod envelope;
mod origin;
mod publisher;
mod read;
mod text;
pub mod types;
mod validate;

pub use bus::{
    Bus, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outcome, Outgoing, PutFuture, batches, entry_size,
};
pub use draft::Draft;
pub use envelope::{Envelope, PublisherId, TraceContext};
pub use origin::{ClockInterval, ClockTrust, GatewayOrigin};
pub use publisher::{Handshake, Publisher};
pub use read::{Received, read};
pub use text::bounded_text;
pub use types::{Audience, EventData, EventType, UnknownEventType};
pub use validate::{FieldError, Form, Invalid, MAX_DEPTH, MAX_EVENT_BYTES, Rejected, validate};

/// The version of this library, as handshakes carry it.
pub const LIBRARY_VERSION: &str = env!("CARGO_PKG_VERSION");
