//! Signed statements: what is issued is believed, and nothing else is.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod attacks;
mod form;
mod issuing;
mod keys;
mod kms;
mod lists;
mod scope;
mod world;
