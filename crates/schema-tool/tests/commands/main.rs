//! The commands over copies of this repository, changed in every way that must be noticed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it is wrong"
)]

mod breaking;
mod conformance;
#[path = "../copied/mod.rs"]
mod copied;
mod exceptions;
mod failures;
mod lint;
mod release;
mod several;
mod size;
mod stand;
mod subscriptions;
mod sunset;
