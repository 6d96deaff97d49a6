//! What a service tests itself with: events valid and invalid, a bus that fails on demand, and
//! recorded events.

mod bus;
mod corpus;
mod examples;
mod faults;
pub mod generate;
mod queue;

pub use bus::{MOST_RECORDED, Memory, QueueFull};
pub use corpus::{Made, Sample, corpus};
pub use faults::{Chaos, Fault};
pub use queue::{QUEUE_CAPACITY, Queue, Rule};
