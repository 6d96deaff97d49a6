//! The real gateway and the real journal in virtual time. No sockets, no threads, no sleeping:
//! a message of the devices goes in, and what the journal holds afterwards is looked at.
//!
//! The behaviours are written as they stand on the wire; `history` makes up long histories with
//! crashes in them and compares with a model.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its parts too"
)]

mod behaviour;
mod broker;
mod history;
mod house;
mod oracle;
mod second_process;
mod told;
mod vocabulary;
mod wire;
