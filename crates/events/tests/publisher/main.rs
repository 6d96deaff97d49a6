//! The publisher from outside: in paused time against buses in memory, and against moto through a
//! proxy that misbehaves.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod batching;
mod ending;
mod failing;
mod faults;
mod handshaking;
mod pace;
mod property;
mod samples;
mod sending;
mod starting;
