//! Vendor processes: started, watched, restarted with backoff, isolated when that does not help.

mod breaker;
mod process;

pub use breaker::Breaker;
pub use process::{Event, Vendor, supervise};
