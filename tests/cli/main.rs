//! The real binary as a person or a script uses it, with a real gateway and no broker.

#![expect(clippy::disallowed_methods, reason = "a test waits on its own thread")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod adopt;
mod audit;
mod check;
mod corpus;
mod damage;
mod diagnose;
mod documented;
mod erase;
mod events;
mod exported;
mod gateway;
mod hostile;
mod identity;
mod journal;
mod lifecycle;
mod link_frames;
mod planted;
#[path = "../real/support/sink.rs"]
#[allow(dead_code, reason = "it can do more than is asked of it here")]
mod sink;
mod trust;
mod words;

use doorward_emulator::{free_port, wait_for};
