//! Commands under way: what their vendors and their doors' sensors say of them, what follows, and
//! what a restart leaves of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use doorward_events::types as schema;
use doorward_translators::{LockState, Position};
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::story::Cause;
use crate::domain::access::strangers::Sum;
use crate::domain::access::{GrantKey, RequestKey, Trust};
use crate::domain::ids::{EndpointId, EntryId, VendorId};
use crate::domain::operation::command::{CommandStep, Progress, UseRestored};
use crate::domain::operation::door::DoorInput;
use crate::domain::operation::visit::VisitStep;
use crate::domain::operation::{At, Command, CommandReason, CommandState, Gap, Restart, Seen};
use crate::gateway::state::{Effects, Gateway, Now};
use crate::link::{CommandProgress, CommandRefusal, CommandTold};

/// The ledger is looked through this often.
const EXPIRY: Duration = Duration::from_secs(60);

/// A command with all that its story needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flight {
    pub command: Command,
    pub cause: Cause,
    pub request: RequestKey,
    pub grant: GrantKey,
    /// Its use is settled: spent, or given back.
    pub settled: bool,
}

pub(super) fn at(now: Now) -> At {
    At { monotonic: now.monotonic, wall: now.wall }
}

impl Gateway {
    /// A vendor's process says how a command goes on. It may speak only of its own endpoints'.
    pub(in crate::gateway) fn command_told(
        &mut self,
        now: Now,
        vendor: &VendorId,
        told: &CommandTold,
        effects: &mut Effects,
    ) {
        let Some(flight) = self.guard.flights.get_mut(&told.id) else { return };
        if flight.command.order().endpoint.vendor() != vendor.as_str() {
            tracing::error!(%vendor, id = %told.id, "a vendor speaks of another's command");
            return;
        }
        let progress = match told.state {
            CommandProgress::Dispatched => Progress::Dispatched,
            CommandProgress::Acknowledged => Progress::Acknowledged,
            CommandProgress::Rejected { reason: CommandRefusal::DeviceException } => {
                Progress::RefusedByDevice
            }
            CommandProgress::Rejected { reason } => Progress::NotSent(not_sent(reason)),
            CommandProgress::Indeterminate => {
                Progress::Indeterminate(CommandReason::ConnectionLost)
            }
        };
        let step = flight.command.progress(at(now), progress);
        self.follow(now, told.id, step, effects);
    }

    /// A command did not leave the core.
    pub(in crate::gateway) fn not_sent(
        &mut self,
        now: Now,
        id: Uuid,
        late: bool,
        effects: &mut Effects,
    ) {
        let reason = if late { CommandReason::TooLate } else { CommandReason::VendorUnavailable };
        let Some(flight) = self.guard.flights.get_mut(&id) else { return };
        let step = flight.command.progress(at(now), Progress::NotSent(reason));
        self.follow(now, id, step, effects);
    }

    /// A vendor's process is gone: nobody will say what became of what it was given. What it was
    /// not given yet has surely not left.
    pub(in crate::gateway) fn vendor_lost(
        &mut self,
        now: Now,
        vendor: &VendorId,
        effects: &mut Effects,
    ) {
        let of = |flight: &Flight| flight.command.order().endpoint.vendor() == vendor.as_str();
        let leaving = self.guard.leaving.clone();
        self.each_flight(now, effects, of, |command, at| {
            if leaving.contains(&command.order().id) {
                command.progress(at, Progress::NotSent(CommandReason::VendorUnavailable))
            } else {
                command.vendor_gone(at)
            }
        });
    }

    /// A lock of an entry said where its bolt is.
    pub(in crate::gateway) fn lock_seen(
        &mut self,
        now: Now,
        entry: &EntryId,
        seen: &Seen<LockState>,
        effects: &mut Effects,
    ) {
        let of = |flight: &Flight| flight.command.order().entry == *entry;
        self.each_flight(now, effects, of, |command, _| command.lock_seen(seen));
        self.visit(now, entry, effects, |visit, _| visit.lock_seen(seen));
        self.door_input(now, entry, DoorInput::Lock(seen), effects);
    }

    /// A sensor of an entry said where its leaf is.
    pub(in crate::gateway) fn position_seen(
        &mut self,
        now: Now,
        entry: &EntryId,
        seen: &Seen<Position>,
        effects: &mut Effects,
    ) {
        let of = |flight: &Flight| flight.command.order().entry == *entry;
        self.each_flight(now, effects, of, |command, _| command.position_seen(seen));
        self.visit(now, entry, effects, |visit, _| visit.position_seen(seen));
        self.door_input(now, entry, DoorInput::Position(seen), effects);
    }

    /// Time has passed.
    pub(in crate::gateway) fn tick_access(&mut self, now: Now, effects: &mut Effects) {
        let of = |flight: &Flight| {
            flight.command.next_deadline().is_some_and(|due| due <= now.monotonic)
        };
        self.each_flight(now, effects, of, Command::tick);
        self.tick_visits(now, effects);
        if self.guard.next_expiry <= now.monotonic {
            self.look_at_clock(now);
            let stored = self.guard.stored_floor;
            if stored.is_none_or(|floor| self.guard.clock.worth_storing(floor)) {
                self.store_clock(effects);
            }
            self.expire_grants(now, effects);
        }
        self.tell_strangers(now, effects);
        self.tick_machines(now, effects);
    }

    /// What nobody known sent is told together.
    fn tell_strangers(&mut self, now: Now, effects: &mut Effects) {
        for Sum { channel, reason, count, since } in self.guard.strangers.due(now.monotonic) {
            let ago = SignedDuration::try_from(now.monotonic.saturating_sub(since));
            let since = ago.ok().and_then(|ago| now.wall.checked_sub(ago).ok());
            let data = schema::SecurityAuthenticationFailed {
                channel: channel.as_str().into(),
                reason: reason.as_str().into(),
                count: i64::try_from(count).unwrap_or(i64::MAX),
                since: since.unwrap_or(now.wall).to_string(),
            };
            tracing::warn!(%reason, count, "requests that were not believed");
            effects.event(None, self.composer.tell(now, now.wall, None, None, &data));
        }
    }

    /// When [`Gateway::tick_access`] is wanted.
    pub(in crate::gateway) fn access_deadline(&self) -> Option<Duration> {
        let flights = self.guard.flights.values().filter_map(|f| f.command.next_deadline());
        let machines = self.guard.machines.values().filter_map(|m| m.door.next_deadline());
        let visits = self.guard.visits.values().filter_map(|v| v.visit.next_deadline());
        let strangers = self.guard.strangers.next_deadline();
        let others = strangers.into_iter().chain([self.guard.next_expiry]);
        flights.chain(machines).chain(visits).chain(others).min()
    }

    /// The gateway has started again: what was under way has an end now.
    pub(in crate::gateway) fn restart_access(&mut self, now: Now, effects: &mut Effects) {
        let known = self.guard.clock.read(now.monotonic).trust != Trust::None;
        let gap = if known { Gap::Known } else { Gap::Unknown };
        let restart = Restart { at: at(now), gap };
        self.each_flight(now, effects, |_| true, |command, _| command.restart(&restart));
        // A use whose command is not known any more stays taken.
        let flying: BTreeSet<RequestKey> =
            self.guard.flights.values().map(|flight| flight.request.clone()).collect();
        let lost: Vec<RequestKey> =
            self.guard.ledger.pending().map(|(key, _)| key.clone()).collect();
        for key in lost.into_iter().filter(|key| !flying.contains(key)) {
            if let Some(changes) = self.guard.ledger.spend(&key) {
                self.guard.changed(changes);
            }
        }
        self.restart_visits(now, &restart, effects);
        self.expire_grants(now, effects);
        self.restart_machines(now, &restart, effects);
    }

    /// Lets each of these commands take a step, and follows what comes of it.
    fn each_flight(
        &mut self,
        now: Now,
        effects: &mut Effects,
        of: impl Fn(&Flight) -> bool,
        mut step: impl FnMut(&mut Command, At) -> CommandStep,
    ) {
        let flights = self.guard.flights.iter();
        let ids: Vec<Uuid> = flights.filter(|(_, f)| of(f)).map(|(id, _)| *id).collect();
        for id in ids {
            let Some(flight) = self.guard.flights.get_mut(&id) else { continue };
            let before = flight.command.clone();
            let step = step(&mut flight.command, at(now));
            if flight.command != before {
                self.guard.touch_flight(id);
            }
            self.follow(now, id, step, effects);
        }
    }

    /// Whether a command that was to leave still may: it has not ended since. It is said once, and
    /// whoever asks lets it leave.
    pub fn may_leave(&mut self, id: Uuid) -> bool {
        let flight = self.guard.flights.get(&id);
        let may = flight.is_some_and(|flight| flight.command.state() == CommandState::Dispatched);
        self.guard.leaving.remove(&id) && may
    }

    /// What a step of a command leads to.
    pub(super) fn follow(&mut self, now: Now, id: Uuid, step: CommandStep, effects: &mut Effects) {
        let Some(flight) = self.guard.flights.get_mut(&id) else { return };
        if let Some(changed) = step.changed {
            let (cause, command) = (flight.cause.clone(), flight.command.clone());
            let event = self.composer.command_changed(now, &cause, &command, changed);
            effects.event(None, event);
            self.guard.touch_flight(id);
            let order = command.order();
            self.weigh_command(now, &order.endpoint, changed.state, changed.reason, effects);
            let entry = command.order().entry.clone();
            self.visit(now, &entry, effects, |visit, at| {
                if visit.visitor().command_id == id {
                    visit.command(at, &changed)
                } else {
                    VisitStep::default()
                }
            });
        }
        if let Some(why) = step.restored {
            self.give_back(now, id, why, effects);
        }
        let Some(flight) = self.guard.flights.get_mut(&id) else { return };
        let entry = flight.command.order().entry.clone();
        let for_good = matches!(
            flight.command.state(),
            CommandState::Confirmed | CommandState::ConfirmedAssumed | CommandState::Indeterminate
        );
        let forgettable = flight.command.is_forgettable();
        if (for_good || forgettable) && !std::mem::replace(&mut flight.settled, true) {
            let request = flight.request.clone();
            if let Some(changes) = self.guard.ledger.spend(&request) {
                self.guard.changed(changes);
            }
            self.guard.touch_flight(id);
            self.expire_grants(now, effects);
        }
        if forgettable {
            self.guard.flights.remove(&id);
            self.guard.touch_flight(id);
        }
        if step.unexpected_motion {
            self.door_input(now, &entry, DoorInput::MovedUnexpectedly, effects);
        }
        if step.read_state {
            self.read_entry(now, &entry, effects);
        }
    }

    fn give_back(&mut self, now: Now, id: Uuid, why: UseRestored, effects: &mut Effects) {
        let Some(flight) = self.guard.flights.get_mut(&id) else { return };
        flight.settled = true;
        let (request, cause) = (flight.request.clone(), flight.cause.clone());
        let entry = flight.command.order().entry.clone();
        match self.guard.ledger.give_back(&request, why) {
            Some((given, changes)) => {
                self.guard.changed(changes);
                let data = schema::GrantUseRestored {
                    grant_id: given.grant.grant_id.to_string(),
                    reason: why.as_str().into(),
                    request_id: Some(request.request_id.to_string()),
                    uses_left: i64::from(given.uses_left),
                };
                let event = self.composer.tell(now, now.wall, Some(&entry), Some(&cause), &data);
                effects.event(None, event);
            }
            None => {
                if let Some(changes) = self.guard.ledger.spend(&request) {
                    self.guard.changed(changes);
                }
            }
        }
        self.guard.touch_flight(id);
    }

    /// The devices of an entry are asked for their state; what each says next is its answer.
    pub(super) fn read_entry(&mut self, now: Now, entry: &EntryId, effects: &mut Effects) {
        let Some(entry) = self.entries.get(entry) else { return };
        let endpoints: BTreeSet<EndpointId> = entry.roles.values().cloned().collect();
        for endpoint in endpoints {
            let vendor = VendorId::new(endpoint.vendor());
            self.ask(now, &vendor, vec![endpoint], effects);
        }
    }

    /// Ends what time has ended, and tells of each grant once.
    fn expire_grants(&mut self, now: Now, effects: &mut Effects) {
        self.guard.next_expiry = now.monotonic + EXPIRY;
        let floor = self.guard.clock.floor().at;
        let entries: BTreeMap<GrantKey, EntryId> = self
            .guard
            .ledger
            .grants()
            .filter(|held| held.ended.is_none())
            // Only those that may end now.
            .filter(|held| {
                held.grant.end() < floor
                    || held.uses_left() == 0
                    || held.grant.journal_id != self.guard.ledger.journal_id()
            })
            .map(|held| (held.grant.key(), held.grant.entry.clone()))
            .collect();
        let (ended, changes) = self.guard.ledger.expire(floor);
        self.guard.changed(changes);
        for (key, reason) in ended {
            let data = schema::GrantRemoved {
                grant_id: key.grant_id.to_string(),
                reason: reason.as_str().into(),
            };
            let entry = entries.get(&key);
            effects.event(None, self.composer.tell(now, now.wall, entry, None, &data));
        }
    }
}

fn not_sent(reason: CommandRefusal) -> CommandReason {
    match reason {
        CommandRefusal::NotConnected => CommandReason::EndpointOffline,
        CommandRefusal::TooLate => CommandReason::TooLate,
        CommandRefusal::DeviceException => CommandReason::RefusedByDevice,
        CommandRefusal::NoSafeForm
        | CommandRefusal::UnknownDevice
        | CommandRefusal::Busy
        | CommandRefusal::RefusedByBroker => CommandReason::RefusedByVendor,
    }
}
