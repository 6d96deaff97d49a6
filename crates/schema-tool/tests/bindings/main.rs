//! The bindings against each other: one contract, three languages, the same answers.
//!
//! Everything runs as its users run it: packages made by the tool's own binary, compiled by the
//! real `tsc --strict` and checked by the real `mypy --strict`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests fail by panicking"
)]

mod case;
mod clients;
mod cloudevents;
mod command;
mod conformance;
#[path = "../copied/mod.rs"]
mod copied;
mod kit;
mod packages;
mod rust;
mod statements;
mod table;
