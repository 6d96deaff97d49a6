//! The real binary as a person or a script uses it, with a real gateway and no broker.

#![expect(clippy::disallowed_methods, reason = "a test waits on its own thread")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests and their helpers fail by panicking"
)]

mod check;
mod corpus;
mod events;
mod gateway;
mod hostile;
mod lifecycle;
mod link_frames;
mod words;
