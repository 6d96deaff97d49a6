//! One command: an act at one device, from the decision to its end, and what comes after the end.
//!
//! `accepted → dispatched → acknowledged → confirmed`; the other ends are `rejected`, `timed_out`,
//! `expired`, `cancelled`, `indeterminate` and `confirmed_assumed`. An end is final: what comes
//! later is a [`Late`] fact beside it.
//!
//! **Durability.** [`Command::dispatch`] is called, and what it returns is committed, *before* the
//! command leaves for the vendor process; where acceptance and dispatch follow each other at once
//! they are one commit. So a command that a restart finds `accepted` has surely not left, and one
//! that it finds further has perhaps been carried out: it is `indeterminate`, its device's state is
//! read, and nothing is sent again.
//!
//! **What confirms.** Only the endpoint bound to the role, only what it says itself now
//! ([`Seen::counts`]), and only if that is newer than the dispatch ([`Seen::is_newer_than`]).
//!
//! | act | role | values |
//! |---|---|---|
//! | unlock | lock | unlocked, unlatched |
//! | lock | lock | locked |
//! | open | position | opening, open |
//! | close | position | closed |
//! | stop | position | `stopped_partial`, open, closed |
//!
//! An entry without that role confirms nothing: `confirmed_assumed` once `confirm_s` has passed
//! since the acknowledgement, `indeterminate` if there was none. So does one whose endpoint only
//! infers what it says, as that of a strike's relay, if it says the right thing and no more.
//!
//! **A use is given back** where the command ended before dispatch; where the device refused it and
//! nothing that it or a sensor said since differs from before; and where it timed out and then,
//! within `confirm_s`, each sensor of the entry says anew what it said before the dispatch. That is
//! at most once for a command, and never where it is `indeterminate`.

mod flight;
mod interface;
mod words;

use std::time::Duration;

use doorward_translators::{Act, LockState, Position};
use serde::{Deserialize, Serialize};

pub use flight::{Admission, admission, in_flight, may_repeat};
pub use interface::{Changed, CommandStep, Late, Order, Progress};
pub use words::{CommandReason, CommandState, UseRestored};

use super::seen::{Definite, Facts, Said, Seen, Sensors};
use super::time::{At, Gap, Restart, Timer, earliest, is_over};
use super::timers::Timers;
use crate::domain::entry::Role;
use crate::domain::ids::EndpointId;

/// How long after its end a command still explains motion. After that it may be forgotten.
pub const LATE_FOR: Duration = Duration::from_secs(300);

/// Most late facts of one command. Further ones are not kept.
pub const MAX_LATE: usize = 8;

/// What the sensors said before the dispatch, and whether they said it again after a time-out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Watch<V> {
    before: Option<V>,
    /// What the sensor last said that counts.
    last: Option<V>,
    /// The same as before was said anew after the time-out.
    again: bool,
}

/// A command and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Command {
    order: Order,
    sensors: Sensors,
    /// `confirm_s`, with the travel of the leaf where it moves it.
    confirm: Duration,
    state: CommandState,
    reason: Option<CommandReason>,
    /// Until when it may be dispatched.
    deadline: Timer,
    /// Since when an observation may confirm it.
    dispatched: Option<At>,
    /// Until when it must be confirmed.
    confirmation: Option<Timer>,
    ended: Option<At>,
    /// How long a time-out may still turn out to have changed nothing.
    evidence: Option<Timer>,
    /// How long it still explains motion.
    late_until: Option<Timer>,
    position: Watch<Position>,
    lock: Watch<LockState>,
    /// Something was said since the dispatch that differs from what was known before it.
    moved: bool,
    /// The role's endpoint inferred that it was done.
    assumed: bool,
    late: Vec<Late>,
}

impl Command {
    /// A command that was decided. It may be dispatched for `lifetime` from now: what is left of
    /// the request's deadline.
    pub fn accept(
        order: Order,
        sensors: Sensors,
        lifetime: Duration,
        timers: &Timers,
        at: At,
    ) -> Self {
        let travel = match order.act {
            Act::Open | Act::Close => timers.travel_max(),
            Act::Stop | Act::Lock | Act::Unlock => Duration::ZERO,
        };
        Self {
            order,
            sensors,
            confirm: timers.confirm() + travel,
            state: CommandState::Accepted,
            reason: None,
            deadline: Timer::new(at, lifetime),
            dispatched: None,
            confirmation: None,
            ended: None,
            evidence: None,
            late_until: None,
            position: Watch::default(),
            lock: Watch::default(),
            moved: false,
            assumed: false,
            late: Vec::new(),
        }
    }

    pub const fn order(&self) -> &Order {
        &self.order
    }

    pub const fn state(&self) -> CommandState {
        self.state
    }

    /// Why it ended, of ends other than `confirmed`.
    pub const fn reason(&self) -> Option<CommandReason> {
        self.reason
    }

    /// What became known after its end, at most [`MAX_LATE`].
    pub fn late(&self) -> &[Late] {
        &self.late
    }

    /// Until when it may be dispatched, monotonic.
    pub fn deadline(&self) -> Duration {
        self.deadline.due()
    }

    /// When [`Self::tick`] is wanted.
    pub fn next_deadline(&self) -> Option<Duration> {
        match self.state {
            CommandState::Accepted => Some(self.deadline.due()),
            _ => earliest([&self.confirmation, &self.evidence, &self.late_until]),
        }
    }

    /// Whether it has ended so long ago that nothing can follow from it.
    pub const fn is_forgettable(&self) -> bool {
        self.state.is_terminal() && self.late_until.is_none()
    }

    /// The command is about to leave, the door showing `facts`; only if this step says `dispatched`
    /// may it leave, once the step is durable.
    pub fn dispatch(&mut self, at: At, facts: &Facts<'_>) -> CommandStep {
        if self.state != CommandState::Accepted {
            return CommandStep::default();
        }
        if self.deadline.is_over(at) {
            return self.end(at, CommandState::Expired, Some(CommandReason::TooLate));
        }
        self.dispatched = Some(at);
        self.confirmation = Some(Timer::new(at, self.confirm));
        self.position.begin(facts.position());
        self.lock.begin(facts.lock());
        self.change(CommandState::Dispatched, None)
    }

    /// The vendor's side says how far it is.
    pub fn progress(&mut self, at: At, progress: Progress) -> CommandStep {
        if self.state.is_terminal() {
            match progress {
                Progress::Acknowledged => self.note(Late::Acknowledged(at)),
                Progress::RefusedByDevice => self.note(Late::Refused(at)),
                _ => {}
            }
            return CommandStep::default();
        }
        // Nothing is known to have left that was not dispatched: a vendor that speaks of it errs.
        if self.state == CommandState::Accepted && !matches!(progress, Progress::NotSent(_)) {
            return CommandStep::default();
        }
        match (progress, self.state) {
            (Progress::Dispatched, CommandState::Dispatched) => {
                self.dispatched = Some(at);
                CommandStep::default()
            }
            (Progress::Acknowledged, CommandState::Dispatched) => {
                self.confirmation = Some(Timer::new(at, self.confirm));
                self.change(CommandState::Acknowledged, None)
            }
            (Progress::RefusedByDevice, _) => {
                self.end(at, CommandState::Rejected, Some(CommandReason::RefusedByDevice))
            }
            // Said to have been received, so it was sent.
            (Progress::NotSent(reason), CommandState::Acknowledged)
            | (Progress::Indeterminate(reason), _) => {
                self.end(at, CommandState::Indeterminate, Some(reason))
            }
            (Progress::NotSent(reason), _) => self.end(at, CommandState::Rejected, Some(reason)),
            (Progress::Dispatched | Progress::Acknowledged, _) => CommandStep::default(),
        }
    }

    /// The vendor process ended, or its connection went. What was acknowledged goes on.
    pub fn vendor_gone(&mut self, at: At) -> CommandStep {
        match self.state {
            CommandState::Accepted => {
                self.end(at, CommandState::Cancelled, Some(CommandReason::VendorUnavailable))
            }
            CommandState::Dispatched => {
                self.end(at, CommandState::Indeterminate, Some(CommandReason::ConnectionLost))
            }
            _ => CommandStep::default(),
        }
    }

    /// Takes it back for `reason`. One that has left cannot be taken back: nobody knows what comes
    /// of it. After its end it no longer explains motion: something else does now.
    pub fn cancel(&mut self, at: At, reason: CommandReason) -> CommandStep {
        match self.state {
            CommandState::Accepted => self.end(at, CommandState::Cancelled, Some(reason)),
            CommandState::Dispatched | CommandState::Acknowledged => {
                self.end(at, CommandState::Indeterminate, Some(reason))
            }
            _ => {
                self.late_until = None;
                self.evidence = None;
                CommandStep::default()
            }
        }
    }

    /// A position was said. Told of every one of the entry.
    pub fn position_seen(&mut self, seen: &Seen<Position>) -> CommandStep {
        if self.sensors.position.as_ref() != Some(&seen.endpoint) {
            return CommandStep::default();
        }
        let does = self.confirms_position(seen.value);
        let motion = self.position.take(seen, self.newer_than_end(seen));
        self.seen(seen, does, motion)
    }

    /// A lock's state was said. Told of every one of the entry.
    pub fn lock_seen(&mut self, seen: &Seen<LockState>) -> CommandStep {
        if self.sensors.lock.as_ref() != Some(&seen.endpoint) {
            return CommandStep::default();
        }
        let does = self.confirms_lock(seen.value);
        let motion = self.lock.take(seen, self.newer_than_end(seen));
        self.seen(seen, does, motion)
    }

    /// Time has passed.
    pub fn tick(&mut self, at: At) -> CommandStep {
        if is_over(self.evidence.as_ref(), at) {
            self.evidence = None;
        }
        if is_over(self.late_until.as_ref(), at) {
            self.late_until = None;
        }
        if self.state == CommandState::Accepted {
            return if self.deadline.is_over(at) {
                self.end(at, CommandState::Expired, Some(CommandReason::TooLate))
            } else {
                CommandStep::default()
            };
        }
        if self.state.is_terminal() || !is_over(self.confirmation.as_ref(), at) {
            return CommandStep::default();
        }
        let sensor = self.confirming_role().1.filter(|_| !self.assumed);
        let (end, reason) = match (sensor, self.state) {
            (Some(_), _) => (CommandState::TimedOut, CommandReason::NotConfirmedInTime),
            (None, CommandState::Acknowledged) => {
                (CommandState::ConfirmedAssumed, CommandReason::NoSensor)
            }
            (None, _) => (CommandState::Indeterminate, CommandReason::NotConfirmedInTime),
        };
        self.end(at, end, Some(reason))
    }

    /// The gateway has started again, and this was restored.
    pub fn restart(&mut self, restart: &Restart) -> CommandStep {
        self.deadline.restart(restart);
        for timer in [&mut self.evidence, &mut self.late_until].into_iter().flatten() {
            timer.restart(restart);
        }
        self.dispatched = self.dispatched.map(At::of_an_earlier_life);
        self.ended = self.ended.map(At::of_an_earlier_life);
        match self.state {
            CommandState::Accepted if self.deadline.is_over(restart.at) => {
                // With the gap unknown nobody can say that it was late: only that it is over.
                let reason = match restart.gap {
                    Gap::Known => CommandReason::TooLate,
                    Gap::Unknown => CommandReason::GatewayRestarted,
                };
                self.end(restart.at, CommandState::Expired, Some(reason))
            }
            CommandState::Accepted => {
                self.end(restart.at, CommandState::Cancelled, Some(CommandReason::GatewayRestarted))
            }
            CommandState::Dispatched | CommandState::Acknowledged => self.end(
                restart.at,
                CommandState::Indeterminate,
                Some(CommandReason::GatewayRestarted),
            ),
            _ => self.tick(restart.at),
        }
    }

    fn confirms_position(&self, value: Position) -> bool {
        match self.order.act {
            Act::Open => matches!(value, Position::Opening | Position::Open),
            Act::Close => value == Position::Closed,
            Act::Stop => {
                matches!(value, Position::StoppedPartial | Position::Open | Position::Closed)
            }
            Act::Lock | Act::Unlock => false,
        }
    }

    fn confirms_lock(&self, value: LockState) -> bool {
        match self.order.act {
            Act::Unlock => matches!(value, LockState::Unlocked | LockState::Unlatched),
            Act::Lock => value == LockState::Locked,
            Act::Open | Act::Close | Act::Stop => false,
        }
    }

    /// The role whose observation confirms the act, and its endpoint if the entry has one.
    pub const fn confirming_role(&self) -> (Role, Option<&EndpointId>) {
        match self.order.act {
            Act::Open | Act::Close | Act::Stop => (Role::Position, self.sensors.position.as_ref()),
            Act::Lock | Act::Unlock => (Role::Lock, self.sensors.lock.as_ref()),
        }
    }

    fn newer_than_end<V: Definite>(&self, seen: &Seen<V>) -> bool {
        self.ended.is_some_and(|ended| seen.is_newer_than(ended))
    }

    /// One of its entry's sensors spoke. `does`: what it says is what the act brings about.
    /// `motion`: it says something else than the last time.
    fn seen<V: Definite>(&mut self, seen: &Seen<V>, does: bool, motion: Motion) -> CommandStep {
        let Some(dispatched) = self.dispatched else { return CommandStep::default() };
        self.moved |= motion.differs;
        let does = does && seen.is_newer_than(dispatched);
        let done = does && seen.counts();
        if !self.state.is_terminal() {
            self.assumed |= does && seen.said == Said::Assumed;
            return if done {
                self.end(seen.received, CommandState::Confirmed, None)
            } else {
                CommandStep::default()
            };
        }
        let mut step = CommandStep::default();
        if done && self.late_until.is_some() && self.state != CommandState::Confirmed {
            self.note(Late::Observed(seen.received));
            step.unexpected_motion = motion.moved;
        }
        if self.is_unchanged() {
            self.evidence = None;
            step.restored = Some(UseRestored::TimedOutUnchanged);
        }
        step
    }

    /// Whether each sensor of the entry said after the time-out what it had said before.
    fn is_unchanged(&self) -> bool {
        self.evidence.is_some()
            && !self.moved
            && (self.sensors.position.is_none() || self.position.again)
            && (self.sensors.lock.is_none() || self.lock.again)
            && !self.position.before.is_some_and(|before| self.confirms_position(before))
            && !self.lock.before.is_some_and(|before| self.confirms_lock(before))
    }

    fn end(&mut self, at: At, state: CommandState, reason: Option<CommandReason>) -> CommandStep {
        let never_left = self.state == CommandState::Accepted;
        self.confirmation = None;
        self.ended = Some(at);
        if !never_left {
            self.late_until = Some(Timer::new(at, LATE_FOR));
        }
        if state == CommandState::TimedOut {
            self.evidence = Some(Timer::new(at, self.confirm));
        }
        let mut step = self.change(state, reason);
        step.read_state = matches!(state, CommandState::TimedOut | CommandState::Indeterminate);
        step.restored = match state {
            _ if never_left => Some(UseRestored::EndedBeforeDispatch),
            CommandState::Rejected if self.moved => None,
            CommandState::Rejected if reason == Some(CommandReason::RefusedByDevice) => {
                Some(UseRestored::RefusedByDevice)
            }
            CommandState::Rejected => Some(UseRestored::EndedBeforeDispatch),
            _ => None,
        };
        step
    }

    fn change(&mut self, state: CommandState, reason: Option<CommandReason>) -> CommandStep {
        self.state = state;
        self.reason = reason;
        CommandStep { changed: Some(Changed { state, reason }), ..CommandStep::default() }
    }

    fn note(&mut self, late: Late) {
        if self.late.len() < MAX_LATE {
            self.late.push(late);
        }
    }
}

/// How what was said compares with what was known.
#[derive(Clone, Copy)]
struct Motion {
    /// From what was known before the dispatch, by whatever sort of word: any doubt is a difference.
    differs: bool,
    /// From what the sensor last said that counts.
    moved: bool,
}

impl<V> Default for Watch<V> {
    fn default() -> Self {
        Self { before: None, last: None, again: false }
    }
}

impl<V: Definite> Watch<V> {
    fn begin(&mut self, known: Option<V>) {
        *self = Self { before: known, last: known, again: false };
    }

    fn take(&mut self, seen: &Seen<V>, after_the_end: bool) -> Motion {
        let motion = Motion {
            differs: self.before != Some(seen.value),
            moved: self.last != Some(seen.value),
        };
        if seen.counts() {
            self.last = Some(seen.value);
            self.again = after_the_end && !motion.differs;
        }
        motion
    }
}

#[cfg(test)]
mod tests;
