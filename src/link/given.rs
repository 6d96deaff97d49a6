//! The commands that a process was given and has not ended: it may speak of these and of no others,
//! and of each in order. The supervisor asks; a breach ends the process.

use std::collections::HashMap;

use rustix::time::{ClockId, clock_gettime};
use uuid::Uuid;

use super::Violation;
use super::frames::{CommandProgress, CommandTold};

/// Most commands that one process has been given and has not ended. More than a house has doors
/// that open at one time; at the bound none is given, so nobody waits behind a process that is mute.
pub const MAX_GIVEN: usize = 64;

/// The open commands of one life of a process.
#[derive(Debug, Default)]
pub struct Given {
    /// Whether each was told as dispatched.
    open: HashMap<Uuid, bool>,
}

impl Given {
    /// Notes a command that is about to be written. False: it must not be, since [`MAX_GIVEN`] are
    /// open, or this one is.
    pub fn give(&mut self, id: Uuid) -> bool {
        if self.open.len() >= MAX_GIVEN || self.open.contains_key(&id) {
            return false;
        }
        self.open.insert(id, false);
        true
    }

    /// Whether nobody waits for the process.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// It was not written after all.
    pub fn take_back(&mut self, id: Uuid) {
        self.open.remove(&id);
    }

    /// Checks what the process tells of a command.
    ///
    /// # Errors
    /// No such command is open, it is dispatched a second time, or it is answered from a wire that
    /// it was never written to.
    pub fn told(&mut self, told: &CommandTold) -> Result<(), Violation> {
        let Some(dispatched) = self.open.get_mut(&told.id) else {
            return Err(Violation::NoSuchCommand(told.id));
        };
        let breach = |what| Err(Violation::CommandOrder(told.id, what));
        match (told.state, *dispatched) {
            (CommandProgress::Dispatched, true) => return breach("a second dispatched"),
            (CommandProgress::Acknowledged, false) => return breach("acknowledged"),
            (CommandProgress::Indeterminate, false) => return breach("indeterminate"),
            (CommandProgress::Dispatched, false) => *dispatched = true,
            (CommandProgress::Acknowledged | CommandProgress::Indeterminate, true)
            | (CommandProgress::Rejected { .. }, _) => {}
        }
        if told.state.is_end() {
            self.open.remove(&told.id);
        }
        Ok(())
    }
}

/// Milliseconds since the machine started, suspension included (`CLOCK_BOOTTIME` of
/// `clock_gettime(2)`): the same for all its processes, and set by nobody.
pub fn since_boot_ms() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanos = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1000).saturating_add(nanos / 1_000_000)
}

#[cfg(test)]
mod tests;
