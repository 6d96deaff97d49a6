//! What vendor processes tell of the commands that they were given.

use super::daemon::Daemon;
use super::state::Input;
use crate::domain::ids::VendorId;
use crate::link::CommandTold;

impl Daemon {
    /// A command of `vendor`'s process in this `life` has gone on. The supervisor has checked that
    /// the process was given it.
    pub(super) fn command_told(&mut self, vendor: &VendorId, life: u64, told: CommandTold) {
        tracing::debug!(%vendor, life, id = %told.id, state = ?told.state, "a command");
        self.step(Input::Command { vendor: vendor.clone(), told });
    }
}
