//! The commonest integration mistakes, one test each: where each is caught, how it shows, and
//! which are not caught. `docs/integration-mistakes.md` names every test here.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod authority;
mod building;
mod creation;
mod handling;
mod publishing;
mod receipt;
mod sending;
mod stand;
mod table;
mod uncaught;
mod world;
