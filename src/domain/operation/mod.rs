//! What happens at an entry: commands and how they end, the door machine with its alarms, visits.
//!
//! Three machines that know nothing of each other. The gateway feeds each with what it needs, after
//! it has taken an observation into the entry's facts, and makes events of what they return. Each
//! is a value: its state is stored in the same transaction as the events that follow, and restored
//! at a start; [`Restart`] is then its first input, before any other. Times come in as [`At`]; each
//! machine says by `next_deadline` when it wants `tick` at the latest.
//!
//! | machine | one for each | lives |
//! |---|---|---|
//! | [`Command`] | act at a device | from the decision until [`Command::is_forgettable`] |
//! | [`Door`] | entry | always |
//! | [`Visit`] | use of a grant that opens or unlocks | until it has ended |

pub mod command;
pub mod door;
#[cfg(test)]
mod fixtures;
mod seen;
pub mod suspension;
mod time;
mod timers;
pub mod visit;

pub use command::{Command, CommandReason, CommandState};
pub use door::Door;
pub use seen::{Definite, Facts, Said, Seen, Sensors, observed};
pub use time::{At, CLOCK_DIFFERENCE, Gap, Restart, Timer};
pub use timers::{
    EXPLAINED_FOR, EXPLANATION_WAIT, LONGEST_TIMER_S, PRE_CLOSE_WARNING_FLOOR_S, Timers,
};
pub use visit::{Visit, VisitState};
