//! The crate from outside: the contract of its types, and publishing.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod cloudevents;
mod contract;
mod publish;
mod samples;
