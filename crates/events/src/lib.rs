//! The client library of the door event platform: typed events, the one validation that every
//! publisher passes, the buses that events leave on, and what subscribers receive them with.
//!
//! The schemas under `schemas/` are the contract. They are compiled into this crate twice: as
//! Rust types, so that writing an event is ordinary code, and as validators, which stay the
//! authority. [`Envelope::seal`] is the only way to make a [`Draft`], and a draft is valid.
#![warn(missing_docs)]

#[cfg(feature = "aws")]
pub mod aws;
pub mod bus;
mod cloudevents;
mod draft;
mod envelope;
mod handshake;
#[cfg(doctest)]
mod mistakes;
mod origin;
#[cfg(feature = "publish")]
pub mod publish;
mod publishers;
mod read;
#[cfg(feature = "sign")]
pub mod statement;
#[cfg(feature = "subscribe")]
pub mod subscribe;
#[cfg(feature = "testkit")]
pub mod testkit;
mod text;
pub mod types;
mod validate;

pub use bus::{
    Bus, MAX_BATCH_BYTES, MAX_BATCH_ENTRIES, Outcome, Outgoing, PutFuture, batches, entry_size,
};
pub use cloudevents::{
    CLOUD_EVENT_MEDIA_TYPE, MAX_CLOUD_EVENT_BYTES, from_cloud_event, to_cloud_event,
};
pub use draft::Draft;
pub use envelope::{Envelope, PublisherId, TraceContext};
pub use handshake::Handshake;
pub use origin::{ClockInterval, ClockTrust, GatewayOrigin};
pub use publishers::{RegisteredKey, RegisteredPublisher};
pub use read::{Received, read};
pub use text::bounded_text;
pub use types::{
    Audience, Authority, Direction, EventData, EventType, Statement, UnknownEventType,
};
pub use validate::{FieldError, Form, Invalid, MAX_DEPTH, MAX_EVENT_BYTES, Rejected, validate};

/// The version of this library, as handshakes carry it.
pub const LIBRARY_VERSION: &str = env!("CARGO_PKG_VERSION");
