//! Vendor processes: started, watched, restarted with backoff, isolated when that does not help.

mod breaker;
mod handle;
mod process;
mod serial;
mod spawn;
mod talk;

pub use breaker::Breaker;
pub use handle::Vendor;
pub use process::{Event, supervise};
pub use serial::probe;
pub use spawn::Cause;
