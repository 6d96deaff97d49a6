//! The commands over copies of this repository, changed in every way that must be noticed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where it is wrong"
)]

mod breaking;
#[path = "../copied/mod.rs"]
mod copied;
mod exceptions;
mod lint;
mod release;
mod size;
mod stand;
mod subscriptions;
