//! The gateway: signals in, durable events out.
//!
//! [`Gateway`] is a synchronous state machine: `step(now, input) → effects`. Sockets, disk and
//! processes are at its edges, in [`daemon`].

mod assumption;
mod availability;
mod compose;
pub mod daemon;
mod memory;
mod quarantine;
mod signal;
mod state;
mod view;
mod window;

pub use state::{Effects, Gateway, Identity, Input, Now, StartFacts, VendorChange};
