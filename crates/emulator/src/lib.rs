//! The cloud on this machine, for tests and for developing against.
//!
//! - [`Moto`]: `EventBridge`, SQS and `DynamoDB` as others wrote them, in a process of its own.
//! - [`Proxy`]: stands in front of any of these and misbehaves by a script: lost answers, cut and
//!   half-open connections, throttling, partial failures.
//! - [`Authority`] signs certificates that last seconds, and [`Iot`] exchanges such for keys, as
//!   AWS IoT's credentials provider does.
//! - [`Kms`]: signs as AWS KMS does with an Ed25519 key, which moto cannot.
//! - [`Schemas`]: holds schemas as `EventBridge`'s registries do, which moto does not.
//!
//! It needs Python with the packages of `scripts/requirements.txt`; see [`python`]. Everything
//! listens on 127.0.0.1 only, checks no signature and holds no secret of anybody.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "test equipment: what does not work fails the test by panicking"
)]

mod authority;
mod aws;
mod http;
mod iot;
mod kms;
mod moto;
mod peer;
mod proxy;
mod queue;
mod schemas;

pub use authority::Authority;
pub use aws::{ACCOUNT, REGION, call};
pub use iot::{Asked, Iot, Mood, ROLE_ALIAS, THING};
pub use kms::Kms;
pub use moto::Moto;
pub use peer::{free_port, python, wait_for};
pub use proxy::{Fault, MOST_CONNECTIONS, Proxy};
pub use queue::Queue;
pub use schemas::Schemas;
