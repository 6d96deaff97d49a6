//! The record that outlives its events: digests of accesses and decisions, ranges of them that are
//! closed under one root, and what tells whether they are still what was closed.
//!
//! A digest is salted, and the salt lies with the event: who erases the event erases the salt, and
//! nobody can try out afterwards what the event may have said.

mod digest;
mod examine;
mod statement;

pub use digest::{Hash, SALT_BYTES, Salt, chain, leaf, merkle};
pub use examine::{Broken, Found, Neighbour, Payload, Tally, events_are_right, examine};
pub use statement::{Closable, Dropped, MAX_EVENTS, MAX_RUNS, MAX_SPAN, Run, Statement};
