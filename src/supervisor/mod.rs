//! Vendor processes: started, watched, restarted with backoff, isolated when that does not help.

mod breaker;
mod cgroup;
mod examine;
mod handle;
mod intake;
mod log;
mod precedence;
mod process;
mod program;
mod pulse;
mod serial;
mod share;
// For comparison alone, vendors as tasks of this process.
#[cfg_attr(feature = "one-process", path = "within.rs")]
mod spawn;
mod talk;
mod throttle;

pub use cgroup::own_cgroup;
pub use examine::{finds, layers};
pub use handle::Vendor;
pub use intake::{Intake, Weight};
pub use process::{Event, Instruction, Supervision};
pub use program::program;
pub use serial::probe;
pub use spawn::Cause;
#[cfg(feature = "one-process")]
pub use spawn::{Runner, run_with};
