//! Vendors whose commands have no answer: what their ends say, and what is told of it.

use std::time::Duration;

use doorward_events::types::IsolationScope;

use super::state::{Effects, Gateway, Now};
use crate::domain::entry::Role;
use crate::domain::ids::{EndpointId, VendorId};
use crate::domain::operation::suspension::Turned;
use crate::domain::operation::{CommandReason, CommandState};

impl Gateway {
    /// A command to this device has ended so, or gone on so.
    pub(super) fn weigh_command(
        &mut self,
        now: Now,
        endpoint: &EndpointId,
        state: CommandState,
        reason: Option<CommandReason>,
        effects: &mut Effects,
    ) {
        let vendor = VendorId::new(endpoint.vendor());
        let acting = self.acting(&vendor);
        let Some(of) = self.vendors.get_mut(&vendor) else { return };
        let turned = match (state, reason) {
            (CommandState::Confirmed, _)
            | (CommandState::Rejected, Some(CommandReason::RefusedByDevice)) => {
                of.commands.answered(now.monotonic)
            }
            (CommandState::TimedOut, _)
            | (CommandState::Indeterminate, Some(CommandReason::ConnectionLost)) => {
                of.commands.unanswered(now.monotonic, endpoint, acting)
            }
            _ => None,
        };
        match turned {
            None => {}
            Some(Turned::Suspended(silent)) => {
                tracing::error!(%vendor, silent, "its commands have no answer; they are refused for now");
                let detail = format!("{silent} commands in a row had no answer");
                let scope = IsolationScope::Commands;
                let cause = "command_timeouts";
                let event =
                    self.composer.vendor_isolated(now, &vendor, scope, cause, &detail, None);
                effects.event(None, event);
            }
            Some(Turned::Resumed(suspended_for)) => {
                self.resumed(now, &vendor, suspended_for, effects);
            }
        }
    }

    /// Commands of this vendor are sent again, with a clean record.
    pub(super) fn forgive_commands(&mut self, now: Now, vendor: &VendorId, effects: &mut Effects) {
        let turned =
            self.vendors.get_mut(vendor).and_then(|of| of.commands.answered(now.monotonic));
        if let Some(Turned::Resumed(suspended_for)) = turned {
            self.resumed(now, vendor, suspended_for, effects);
        }
    }

    fn resumed(&mut self, now: Now, vendor: &VendorId, passed: Duration, effects: &mut Effects) {
        tracing::info!(%vendor, "its commands are sent again");
        let event = self.composer.vendor_recovered(now, vendor, IsolationScope::Commands, passed);
        effects.event(None, event);
    }

    /// How many of a vendor's devices may be commanded.
    fn acting(&self, vendor: &VendorId) -> usize {
        let acts = |roles: &Vec<(_, Role)>| {
            roles.iter().any(|(_, role)| matches!(role, Role::Lock | Role::Actuator))
        };
        let of_vendor = |endpoint: &EndpointId| endpoint.vendor() == vendor.as_str();
        self.bindings.iter().filter(|(id, roles)| of_vendor(id) && acts(roles)).count()
    }
}
