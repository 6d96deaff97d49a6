//! The subscriber from outside: what a delivery becomes, what its stores keep, and how it runs on
//! a real queue and in a function.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod build;
mod history;
mod lambda;
mod once;
mod partial;
mod poison;
mod policies;
mod queue;
mod queue_faults;
mod recorder;
mod samples;
mod slow;
mod stand;
mod stores;
mod stores_own;
mod tracking;
