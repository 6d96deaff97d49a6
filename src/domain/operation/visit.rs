//! A visit: from the use of a grant that opens or unlocks, until the door is observed closed and
//! locked after it was open.
//!
//! ```text
//! decided → actuating → open → secured | left_insecure | unverified | interrupted
//!                     └──────→ not_taken | unverified | interrupted
//! ```
//!
//! It begins with the decision, in the transaction that uses the grant. Every visit ends, once, at
//! `visit_max_s` at the latest; an alarm goes on without it. What an entry can observe decides how
//! its visits can end:
//!
//! | sensors | `opened` | `secured` | `not_taken` | `left_insecure` | `unverified` |
//! |---|---|---|---|---|---|
//! | position and lock | position leaves closed | closed, and locked observed since | closed all the time until the release is over and the lock locked | `relock_delay_s` after closing the lock is observed, and not locked | anything else until the end |
//! | position | the same | closed: of a lock it says nothing | closed all the time until the release is over | never | it stays open, or the sensor is lost |
//! | lock | never | never | never | never | always |
//! | none | never | never | never | never | always |
//!
//! `secured` takes an observation of each sensor that is newer than the last one that showed the
//! door open. A bolt that was thrown while the door stood open is none: it is asked for again at
//! the closing, and unless it answers the visit is `unverified`. A command that failed, a restart
//! within which the door may have been open and closed unseen, and another use of the same entry
//! are `interrupted`.

mod words;

use std::time::Duration;

use doorward_translators::{LockState, Position};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use words::{Interruption, VisitState};

use super::command::{Changed, CommandReason, CommandState};
use super::seen::{Facts, Said, Seen, Sensors};
use super::time::{At, Restart, Timer, earliest};
use super::timers::Timers;
use crate::domain::entry::Role;
use crate::domain::fact::FactQuality;
use crate::domain::ids::EntryId;

/// Whose visit it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visitor {
    /// The visit's own id.
    pub id: Uuid,
    pub entry: EntryId,
    /// The command that its grant led to.
    pub command_id: Uuid,
    pub grant_id: Option<Uuid>,
    /// A pseudonym; it goes with an erasure ([`Visit::forget_subject`]).
    pub subject_ref: Option<String>,
}

/// What follows from an input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct VisitStep {
    /// To be told as `visit.opened`, at [`Visit::opened_at`].
    pub opened: bool,
    /// To be told as the end that it names.
    pub ended: Option<VisitState>,
    /// Ask the lock for its state: only an answer given from now on counts.
    pub read_lock: bool,
}

/// A time within a visit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Wait {
    No,
    Until(Timer),
    Over,
}

impl Wait {
    fn timer(self) -> Option<Timer> {
        match self {
            Self::Until(timer) => Some(timer),
            Self::No | Self::Over => None,
        }
    }

    /// Whether it is over only now.
    fn ends(&mut self, at: At) -> bool {
        let ends = self.timer().is_some_and(|timer| timer.is_over(at));
        if ends {
            *self = Self::Over;
        }
        ends
    }

    fn restart(&mut self, restart: &Restart) {
        if let Self::Until(timer) = self {
            timer.restart(restart);
        }
    }
}

/// A visit and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Visit {
    visitor: Visitor,
    sensors: Sensors,
    granted_at: Timestamp,
    state: VisitState,
    interruption: Option<Interruption>,
    release_for: Duration,
    relock_for: Duration,
    /// When it ends at the latest.
    max: Timer,
    /// How long the entry stays released.
    release: Wait,
    /// Until when the lock may take to be locked.
    relock: Wait,
    /// What the sensors say; `None` while that is not observed.
    position: Option<Position>,
    lock: Option<LockState>,
    /// The position was observed without a break since the visit began.
    watched: bool,
    restarted: bool,
    opened_at: Option<Timestamp>,
    closed_at: Option<Timestamp>,
    /// When the position, and when the lock, was last said, by the device's own time.
    position_said: Option<Timestamp>,
    lock_said: Option<Timestamp>,
    /// When the lock last said that it is locked.
    locked: Option<At>,
}

impl Visit {
    /// A grant was used for opening or unlocking, the door showing `facts`.
    pub fn begin(
        visitor: Visitor,
        sensors: Sensors,
        facts: &Facts<'_>,
        timers: &Timers,
        at: At,
    ) -> Self {
        let position = facts.position().filter(|_| sensors.position.is_some());
        let lock = facts.lock().filter(|_| sensors.lock.is_some());
        Self {
            visitor,
            sensors,
            granted_at: at.wall,
            state: VisitState::Decided,
            interruption: None,
            release_for: timers.release(),
            relock_for: timers.relock_delay(),
            max: Timer::new(at, timers.visit_max()),
            release: Wait::No,
            relock: Wait::No,
            watched: position.is_some(),
            position,
            lock,
            restarted: false,
            opened_at: None,
            closed_at: None,
            position_said: None,
            lock_said: None,
            locked: None,
        }
    }

    pub const fn visitor(&self) -> &Visitor {
        &self.visitor
    }

    pub const fn state(&self) -> VisitState {
        self.state
    }

    /// Why it was interrupted, if it was.
    pub const fn interruption(&self) -> Option<Interruption> {
        self.interruption
    }

    pub const fn granted_at(&self) -> Timestamp {
        self.granted_at
    }

    /// When the door was first observed open.
    pub const fn opened_at(&self) -> Option<Timestamp> {
        self.opened_at
    }

    /// When it was observed closed, if it has not been open since.
    pub const fn closed_at(&self) -> Option<Timestamp> {
        self.closed_at
    }

    /// Whose it was is erased.
    pub fn forget_subject(&mut self) {
        self.visitor.subject_ref = None;
    }

    /// When [`Self::tick`] is wanted. `None`: it has ended.
    pub fn next_deadline(&self) -> Option<Duration> {
        let timers = [Some(self.max), self.release.timer(), self.relock.timer()];
        (!self.state.is_end()).then(|| earliest(&timers)).flatten()
    }

    /// Its command took a state.
    pub fn command(&mut self, at: At, changed: &Changed) -> VisitStep {
        if self.state.is_end() {
            return VisitStep::default();
        }
        let failed = match changed.state {
            CommandState::Dispatched => return self.actuate(at),
            CommandState::Acknowledged
            | CommandState::Confirmed
            | CommandState::ConfirmedAssumed => {
                if self.state == VisitState::Actuating && self.release != Wait::Over {
                    self.release = Wait::Until(Timer::new(at, self.release_for));
                }
                false
            }
            CommandState::Rejected
            | CommandState::TimedOut
            | CommandState::Expired
            | CommandState::Cancelled => self.state != VisitState::Open,
            // It may yet open.
            CommandState::Indeterminate | CommandState::Accepted => false,
        };
        if !failed {
            return VisitStep::default();
        }
        self.interrupt(match changed.reason {
            Some(CommandReason::GatewayRestarted) => Interruption::GatewayRestarted,
            Some(CommandReason::ModeChanged) => Interruption::ModeChanged,
            _ => Interruption::CommandFailed,
        })
    }

    /// A position was said. Told of every one of the entry.
    pub fn position_seen(&mut self, seen: &Seen<Position>) -> VisitStep {
        if self.sensors.position.as_ref() != Some(&seen.endpoint)
            || is_older(seen.device_time, self.position_said)
            || seen.said == Said::Before
            || seen.said == Said::Assumed && self.position == Some(seen.value)
        {
            return VisitStep::default();
        }
        if !seen.counts() {
            self.lost(Role::Position, FactQuality::Unknown);
            return VisitStep::default();
        }
        self.position = Some(seen.value);
        self.position_said = seen.device_time.or(self.position_said);
        let said = seen.device_time.unwrap_or(seen.received.wall);
        match (self.state, seen.value) {
            (VisitState::Open, Position::Closed) if self.closed_at.is_none() => {
                self.closed(seen.received, said)
            }
            (VisitState::Actuating, Position::Closed) => self.not_taken_yet(),
            (VisitState::Actuating, _) => self.open(said),
            (VisitState::Open, value) if value != Position::Closed => {
                self.closed_at = None;
                self.relock = Wait::No;
                VisitStep::default()
            }
            _ => VisitStep::default(),
        }
    }

    /// A lock's state was said. Told of every one of the entry.
    pub fn lock_seen(&mut self, seen: &Seen<LockState>) -> VisitStep {
        if self.sensors.lock.as_ref() != Some(&seen.endpoint)
            || is_older(seen.device_time, self.lock_said)
            || seen.said == Said::Before
            || seen.said == Said::Assumed && self.lock == Some(seen.value)
        {
            return VisitStep::default();
        }
        self.lock = seen.counts().then_some(seen.value);
        if seen.said == Said::Now {
            self.lock_said = seen.device_time.or(self.lock_said);
        }
        let locked = self.lock == Some(LockState::Locked);
        self.locked = locked.then_some(seen.received);
        match (self.state, self.closed_at) {
            (VisitState::Actuating, _) => self.not_taken_yet(),
            (VisitState::Open, Some(closed)) => {
                let since = At { monotonic: Duration::ZERO, wall: closed };
                if locked && seen.is_not_said_before(since) {
                    self.end(VisitState::Secured)
                } else if self.relock == Wait::Over {
                    self.insecure()
                } else {
                    VisitStep::default()
                }
            }
            _ => VisitStep::default(),
        }
    }

    /// The fact of this role is no longer observed.
    pub fn lost(&mut self, role: Role, quality: FactQuality) {
        if quality == FactQuality::Observed {
            return;
        }
        match role {
            // It may open unseen: only a closing that is observed again counts.
            Role::Position => {
                self.position = None;
                self.closed_at = None;
                self.watched = false;
            }
            Role::Lock => {
                self.lock = None;
                self.locked = None;
            }
            _ => {}
        }
    }

    /// Something else ends it: another use of the entry, a mode, a fire, another configuration.
    pub fn interrupt(&mut self, cause: Interruption) -> VisitStep {
        if self.state.is_end() {
            return VisitStep::default();
        }
        self.interruption = Some(cause);
        self.end(VisitState::Interrupted)
    }

    /// Time has passed.
    pub fn tick(&mut self, at: At) -> VisitStep {
        if self.state.is_end() {
            return VisitStep::default();
        }
        let mut step = VisitStep::default();
        if self.release.ends(at) {
            step = self.not_taken_yet();
        }
        if step.ended.is_none() && self.relock.ends(at) {
            step = self.insecure();
        }
        if step.ended.is_none() && self.max.is_over(at) {
            step = self.out_of_time();
        }
        step
    }

    /// The gateway has started again, and this was restored. What was observed has to be observed
    /// anew, and the door may have moved unseen.
    pub fn restart(&mut self, restart: &Restart) -> VisitStep {
        if self.state.is_end() {
            return VisitStep::default();
        }
        self.max.restart(restart);
        self.release.restart(restart);
        self.relock.restart(restart);
        self.restarted = true;
        self.lost(Role::Position, FactQuality::Stale);
        self.lost(Role::Lock, FactQuality::Stale);
        if self.state == VisitState::Decided {
            return self.interrupt(Interruption::GatewayRestarted);
        }
        self.tick(restart.at)
    }

    /// The command has left.
    fn actuate(&mut self, at: At) -> VisitStep {
        if self.state != VisitState::Decided {
            return VisitStep::default();
        }
        self.state = VisitState::Actuating;
        self.release = Wait::Until(Timer::new(at, self.release_for));
        // It stood open already.
        match self.position {
            Some(position) if position != Position::Closed => self.open(at.wall),
            _ => VisitStep::default(),
        }
    }

    fn open(&mut self, said: Timestamp) -> VisitStep {
        self.state = VisitState::Open;
        self.opened_at = Some(said);
        self.release = Wait::No;
        VisitStep { opened: true, ..VisitStep::default() }
    }

    fn closed(&mut self, received: At, said: Timestamp) -> VisitStep {
        self.closed_at = Some(said);
        if self.sensors.lock.is_none() {
            return self.end(VisitState::Secured);
        }
        // A device that has both sensors says both at once, in either order.
        let one_device = self.sensors.lock == self.sensors.position;
        if one_device && self.locked == Some(received) {
            return self.end(VisitState::Secured);
        }
        // One that still runs began with a closing from which the sensor was lost since.
        match self.relock {
            Wait::No => self.relock = Wait::Until(Timer::new(received, self.relock_for)),
            Wait::Until(_) => {}
            Wait::Over => {
                let step = self.insecure();
                if step.ended.is_some() {
                    return step;
                }
            }
        }
        VisitStep { read_lock: true, ..VisitStep::default() }
    }

    /// The time for locking is over: is the lock observed, and not locked?
    fn insecure(&mut self) -> VisitStep {
        let closed = self.position == Some(Position::Closed);
        match self.lock {
            None | Some(LockState::Locked | LockState::Locking) => VisitStep::default(),
            Some(_) if closed => self.end(VisitState::LeftInsecure),
            Some(_) => VisitStep::default(),
        }
    }

    /// Ends it as not taken, if the release is over and the door surely stayed closed.
    fn not_taken_yet(&mut self) -> VisitStep {
        let secure = self.sensors.lock.is_none() || self.lock == Some(LockState::Locked);
        if self.release != Wait::Over || !secure || self.state != VisitState::Actuating {
            return VisitStep::default();
        }
        self.not_taken().unwrap_or_default()
    }

    fn not_taken(&mut self) -> Option<VisitStep> {
        if self.position != Some(Position::Closed) {
            None
        } else if self.restarted {
            Some(self.interrupt(Interruption::GatewayRestarted))
        } else {
            self.watched.then(|| self.end(VisitState::NotTaken))
        }
    }

    fn out_of_time(&mut self) -> VisitStep {
        let lock_known = self.sensors.lock.is_none() || self.lock.is_some();
        match self.state {
            VisitState::Decided => self.interrupt(Interruption::CommandFailed),
            VisitState::Actuating if self.restarted => {
                self.interrupt(Interruption::GatewayRestarted)
            }
            VisitState::Actuating if lock_known => {
                self.not_taken().unwrap_or_else(|| self.end(VisitState::Unverified))
            }
            _ => self.end(VisitState::Unverified),
        }
    }

    fn end(&mut self, state: VisitState) -> VisitStep {
        self.state = state;
        VisitStep { ended: Some(state), ..VisitStep::default() }
    }
}

/// Whether a device names a time before the one that it named last.
fn is_older(said: Option<Timestamp>, last: Option<Timestamp>) -> bool {
    said.zip(last).is_some_and(|(said, last)| said < last)
}

#[cfg(test)]
mod tests;
