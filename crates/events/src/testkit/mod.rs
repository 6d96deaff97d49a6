//! What a service tests itself with: events valid and invalid, a bus that fails on demand, and
//! recorded events.

mod bus;

pub use bus::Memory;
