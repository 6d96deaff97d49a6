//! Vendor processes: started, watched, restarted with backoff, isolated when that does not help.

mod breaker;
mod process;
mod serial;

pub use breaker::Breaker;
pub use process::{Event, Vendor, supervise};
pub use serial::probe;
