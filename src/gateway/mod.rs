//! The gateway: signals in, durable events out.
//!
//! [`Gateway`] is a synchronous state machine: `step(now, input) → effects`. Sockets, disk and
//! processes are at its edges, in [`daemon`].

pub mod access;
mod asking;
mod assumption;
pub mod attendance;
mod audit;
mod availability;
mod command_frames;
pub mod commits;
mod compose;
mod configured;
pub mod confine;
pub mod daemon;
mod expiry;
mod fleet;
mod flood;
mod flooding;
pub(crate) mod keys;
mod memory;
pub(crate) mod opening;
mod orders;
mod own_story;
mod pace;
mod quarantine;
mod reload;
mod signal;
mod state;
mod suspension;
mod verification;
mod view;
mod watching;
mod window;

pub use configured::Configured;
pub use state::{Effects, Gateway, Identity, Input, Now, StartFacts, VendorChange};
