//! The door machine: what the leaf is doing, and which alarms follow.
//!
//! ```text
//! CLOSED → OPENING → OPEN → PRE_CLOSE_WARNING → CLOSING → CLOSED
//!                     │ held_open_warning, held_open (alarms)  │ reversal: close_interrupted
//!                     ▼                                        ▼
//!              no limit switch in time: STOPPED_PARTIAL   SAFETY_LOCKOUT
//! sensor lost: UNKNOWN      manual release: DISENGAGED
//! ```
//!
//! It follows what is observed: a sensor's word moves it whatever went before, and only words that
//! count ([`Seen::counts`](super::Seen::counts)). What it decides itself is when a remote close may begin: never on a
//! leaf that swings, never in less than the floor after the warning began, never after a restart,
//! a loss of the sensor or an obstruction within the warning.
//!
//! The alarms, and what raises and clears each, are in `alarms.rs`.
//!
//! A restart: what was observed is stale until it is said anew; a warning is aborted; timers go on
//! with what was left, or are over.

mod alarms;
mod interface;
mod phase;

use std::collections::BTreeSet;
use std::time::Duration;

use doorward_translators::{AlarmKind, LockState, Position};
use serde::{Deserialize, Serialize};

pub use alarms::{Severity, severity};
pub use interface::{DoorEffect, DoorInput, DoorRules, Explanation};
pub use phase::{CloseAbort, CloseRefusal, Leaf, MotionHold, Phase};

use super::seen::{Definite, Said};
use super::time::{At, Restart, Timer, earliest, is_over};
use super::timers::Timers;
use crate::domain::entry::Role;
use crate::domain::fact::FactQuality;

/// What one sensor last said that counts, and whether that still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Known<V> {
    value: Option<V>,
    observed: bool,
    /// When a stale value is given up.
    stale: Option<Timer>,
    /// It has said something that counts, once: it is more than a relay.
    speaks: bool,
}

impl<V> Default for Known<V> {
    fn default() -> Self {
        Self { value: None, observed: false, stale: None, speaks: false }
    }
}

impl<V: Definite> Known<V> {
    fn now(&self) -> Option<V> {
        self.value.filter(|_| self.observed)
    }

    fn set(&mut self, value: V) {
        *self = Self { value: Some(value), observed: true, stale: None, speaks: true };
    }

    /// Nothing is known any more. Returns what was known last.
    fn lose(&mut self) -> Option<V> {
        std::mem::replace(self, Self { speaks: self.speaks, ..Self::default() }).value
    }

    fn degrade(&mut self, at: At, timers: &Timers) {
        if std::mem::replace(&mut self.observed, false) {
            self.stale = Some(Timer::new(at, timers.stale()));
        }
    }
}

/// A close under way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Closing {
    /// We told it to.
    commanded: bool,
    /// The sensor said that it moves.
    seen: bool,
}

/// One door's state.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Door {
    phase: Phase,
    position: Known<Position>,
    lock: Known<LockState>,
    /// What the obstruction sensor says.
    obstructed: Option<bool>,
    /// It reversed while closing, and was not closed since.
    locked_out: bool,
    closing: Closing,
    alarms: BTreeSet<AlarmKind>,
    /// Until the close may begin.
    warning: Option<Timer>,
    /// Until the leaf must have reached its end.
    travel: Option<Timer>,
    held_warning: Option<Timer>,
    held: Option<Timer>,
    /// It was open and has not been observed closed since.
    was_open: bool,
    /// Until when an opening is explained.
    explained: Option<Timer>,
    /// Until when an opening waits for an explanation.
    unexplained: Option<Timer>,
    /// Until the lock must be locked.
    relock: Option<Timer>,
    /// That is over, and nothing was observed of the lock then.
    relock_overdue: bool,
}

impl Door {
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The alarms that stand.
    pub const fn alarms(&self) -> &BTreeSet<AlarmKind> {
        &self.alarms
    }

    /// What holds or limits its motion.
    pub fn motion_hold(&self) -> MotionHold {
        match self.phase {
            Phase::Disengaged => MotionHold::Disengaged,
            _ if self.locked_out => MotionHold::SafetyLockout,
            Phase::PreCloseWarning => MotionHold::PreCloseWarning,
            _ if self.obstructed == Some(true) => MotionHold::Obstructed,
            _ => MotionHold::None,
        }
    }

    /// Whether it moves, or is about to: a reason to be `entry_busy`.
    pub const fn is_moving(&self) -> bool {
        matches!(self.phase, Phase::Opening | Phase::Closing | Phase::PreCloseWarning)
    }

    /// When [`DoorInput::Tick`] is wanted.
    pub fn next_deadline(&self) -> Option<Duration> {
        earliest([
            &self.warning,
            &self.travel,
            &self.held_warning,
            &self.held,
            &self.explained,
            &self.unexplained,
            &self.relock,
            &self.position.stale,
            &self.lock.stale,
        ])
    }

    /// Whether a remote close may be prepared now.
    pub fn may_close(&self, rules: &DoorRules) -> Result<(), CloseRefusal> {
        if !rules.leaf.may_close_remotely() {
            return Err(CloseRefusal::WrongLeaf);
        }
        match self.phase {
            Phase::Disengaged => return Err(CloseRefusal::Disengaged),
            _ if self.locked_out => return Err(CloseRefusal::SafetyLockout),
            _ if !self.position.observed => return Err(CloseRefusal::PositionUnknown),
            Phase::Open | Phase::StoppedPartial => {}
            Phase::Closed => return Err(CloseRefusal::AlreadyClosed),
            Phase::Opening | Phase::Closing | Phase::PreCloseWarning => {
                return Err(CloseRefusal::Moving);
            }
            Phase::Unknown | Phase::SafetyLockout => return Err(CloseRefusal::PositionUnknown),
        }
        match self.obstructed {
            Some(false) => Ok(()),
            Some(true) => Err(CloseRefusal::Obstructed),
            None => Err(CloseRefusal::ObstructionUnknown),
        }
    }

    /// A remote close was granted: the warning begins, and the close's command waits for
    /// [`DoorEffect::CloseNow`].
    pub fn prepare_close(
        &mut self,
        rules: &DoorRules,
        at: At,
    ) -> Result<Vec<DoorEffect>, CloseRefusal> {
        self.may_close(rules)?;
        let mut effects = Vec::new();
        let length = rules.timers.pre_close_warning();
        self.enter(Phase::PreCloseWarning, rules, at, &mut effects);
        self.warning = Some(Timer::new(at, length));
        effects.push(DoorEffect::WarningStarted(length));
        Ok(effects)
    }

    /// Takes one input.
    pub fn step(&mut self, rules: &DoorRules, at: At, input: DoorInput<'_>) -> Vec<DoorEffect> {
        let mut effects = Vec::new();
        let fx = &mut effects;
        match input {
            DoorInput::Position(seen) => {
                if rules.sensors.position.as_ref() == Some(&seen.endpoint) {
                    match seen.said {
                        Said::Now => self.position_said(seen.value, rules, at, fx),
                        Said::Assumed if self.position.now() != Some(seen.value) => {
                            self.position_lost(rules, at, fx);
                        }
                        Said::Assumed | Said::Before => {}
                    }
                }
            }
            DoorInput::Lock(seen) => {
                if rules.sensors.lock.as_ref() == Some(&seen.endpoint) {
                    match seen.said {
                        Said::Now => self.lock_said(seen.value, rules, at, fx),
                        Said::Assumed if self.lock.now() != Some(seen.value) => {
                            self.lock.lose();
                        }
                        Said::Assumed | Said::Before => {}
                    }
                }
            }
            DoorInput::Lost(role, quality) => self.lost(role, quality, rules, at, fx),
            DoorInput::Obstruction(active) => {
                self.obstructed = active;
                if active != Some(false) {
                    self.abort(CloseAbort::Obstructed, rules, at, fx);
                }
                if active == Some(true) && self.phase == Phase::Closing {
                    self.interrupt(rules, at, fx);
                }
            }
            DoorInput::ManualRelease(true) => {
                self.abort(CloseAbort::Disengaged, rules, at, fx);
                self.enter(Phase::Disengaged, rules, at, fx);
            }
            DoorInput::ManualRelease(false) => {
                if self.phase == Phase::Disengaged {
                    self.rest(rules, at, fx);
                }
            }
            DoorInput::Explained(explanation) => self.explain(explanation, rules, at),
            DoorInput::MovedUnexpectedly => self.raise(AlarmKind::UnexpectedMotion, fx),
            DoorInput::CloseGivenUp => {
                self.abort(CloseAbort::GivenUp, rules, at, fx);
                if self.phase == Phase::Closing && self.closing.commanded && !self.closing.seen {
                    self.rest(rules, at, fx);
                }
            }
            DoorInput::LockoutEnded => {
                if std::mem::replace(&mut self.locked_out, false)
                    && self.phase == Phase::SafetyLockout
                {
                    self.rest(rules, at, fx);
                }
            }
            DoorInput::Tick => {}
        }
        // Only now: what was said at the end of a warning still stops the close.
        self.tick(rules, at, fx);
        effects
    }

    /// The gateway has started again, and this was restored.
    pub fn restart(&mut self, rules: &DoorRules, restart: &Restart) -> Vec<DoorEffect> {
        let at = restart.at;
        let mut effects = Vec::new();
        let timers = [
            &mut self.travel,
            &mut self.held_warning,
            &mut self.held,
            &mut self.explained,
            &mut self.unexplained,
            &mut self.relock,
            &mut self.position.stale,
            &mut self.lock.stale,
        ];
        for timer in timers.into_iter().flatten() {
            timer.restart(restart);
        }
        // What the sensor beside the leaf says is told again.
        self.obstructed = None;
        self.abort(CloseAbort::Restarted, rules, at, &mut effects);
        self.position.degrade(at, &rules.timers);
        self.lock.degrade(at, &rules.timers);
        self.tick(rules, at, &mut effects);
        effects
    }

    fn tick(&mut self, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        if is_over(self.warning.as_ref(), at) {
            self.closing = Closing { commanded: true, seen: false };
            self.enter(Phase::Closing, rules, at, fx);
            fx.push(DoorEffect::CloseNow);
        }
        if is_over(self.travel.as_ref(), at) {
            self.stopped(rules, at, fx);
        }
        if is_over(self.position.stale.as_ref(), at) {
            self.position_lost(rules, at, fx);
        }
        if is_over(self.lock.stale.as_ref(), at) {
            self.lock.lose();
        }
        self.alarms_due(rules, at, fx);
    }

    fn position_said(
        &mut self,
        value: Position,
        rules: &DoorRules,
        at: At,
        fx: &mut Vec<DoorEffect>,
    ) {
        if !value.is_definite() {
            return self.position_lost(rules, at, fx);
        }
        let before = self.position.now();
        self.position.set(value);
        self.follow(value, rules, at, fx);
        self.alarms_at_position(before, value, rules, at, fx);
    }

    /// The phase follows the sensor.
    fn follow(&mut self, value: Position, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        if value == Position::Closed {
            self.locked_out = false;
        }
        match (self.phase, value) {
            (Phase::Disengaged, _)
            | (Phase::PreCloseWarning, Position::Open | Position::StoppedPartial) => {}
            (Phase::SafetyLockout, value) if value != Position::Closed => {}
            (Phase::Closing, Position::Closing) => self.closing.seen = true,
            // A contact says "open" until the leaf is shut: no reversal before it was seen to move.
            (Phase::Closing, Position::Open) if !self.closing.seen => {}
            (Phase::Closing, Position::Opening | Position::Open) => self.interrupt(rules, at, fx),
            (Phase::Closing, Position::StoppedPartial) => self.stopped(rules, at, fx),
            _ => {
                self.abort(CloseAbort::Moved, rules, at, fx);
                self.rest(rules, at, fx);
            }
        }
    }

    /// It should have reached its end, or says that it stopped before.
    fn stopped(&mut self, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        let failed = self.phase == Phase::Closing && self.closing.commanded;
        if matches!(self.position.value, Some(Position::Opening | Position::Closing)) {
            self.position.value = Some(Position::StoppedPartial);
        }
        self.enter(Phase::StoppedPartial, rules, at, fx);
        if failed {
            self.raise(AlarmKind::FailedToClose, fx);
        }
    }

    fn interrupt(&mut self, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        let failed = self.closing.commanded;
        fx.push(DoorEffect::CloseInterrupted);
        self.locked_out = true;
        self.enter(Phase::SafetyLockout, rules, at, fx);
        if failed {
            self.raise(AlarmKind::FailedToClose, fx);
        }
    }

    fn lost(
        &mut self,
        role: Role,
        quality: FactQuality,
        rules: &DoorRules,
        at: At,
        fx: &mut Vec<DoorEffect>,
    ) {
        match (role, quality) {
            (_, FactQuality::Observed) => {}
            (Role::Position, FactQuality::Stale) => {
                self.abort(CloseAbort::PositionLost, rules, at, fx);
                self.position.degrade(at, &rules.timers);
            }
            (Role::Position, _) => self.position_lost(rules, at, fx),
            (Role::Lock, FactQuality::Stale) => self.lock.degrade(at, &rules.timers),
            (Role::Lock, _) => {
                self.lock.lose();
            }
            (Role::Obstruction, _) => {
                self.obstructed = None;
                self.abort(CloseAbort::Obstructed, rules, at, fx);
            }
            _ => {}
        }
    }

    fn position_lost(&mut self, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        self.abort(CloseAbort::PositionLost, rules, at, fx);
        let last = self.position.lose();
        if !matches!(self.phase, Phase::Disengaged | Phase::SafetyLockout) {
            self.enter(Phase::Unknown, rules, at, fx);
        }
        if last.is_some_and(|last| last != Position::Closed) {
            self.raise(AlarmKind::CommsLostWhileOpen, fx);
        }
    }

    /// Gives up a close that is being prepared.
    fn abort(&mut self, why: CloseAbort, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        if self.phase == Phase::PreCloseWarning {
            self.rest(rules, at, fx);
            fx.push(DoorEffect::CloseAborted(why));
        }
    }

    /// The phase that the last word of the sensor stands for.
    fn rest(&mut self, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        let phase = match self.position.value {
            _ if self.locked_out => Phase::SafetyLockout,
            None | Some(Position::Unknown | Position::Fault) => Phase::Unknown,
            Some(Position::Closed) => Phase::Closed,
            Some(Position::Opening) => Phase::Opening,
            Some(Position::Open) => Phase::Open,
            Some(Position::StoppedPartial) => Phase::StoppedPartial,
            Some(Position::Closing) => {
                self.closing = Closing { commanded: false, seen: true };
                Phase::Closing
            }
        };
        self.enter(phase, rules, at, fx);
    }

    fn enter(&mut self, to: Phase, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        if self.phase == to {
            return;
        }
        fx.push(DoorEffect::Phase { from: self.phase, to });
        self.phase = to;
        self.warning = None;
        self.travel = matches!(to, Phase::Opening | Phase::Closing)
            .then(|| Timer::new(at, rules.timers.travel_max()));
        if to != Phase::Closing {
            self.closing = Closing::default();
        }
    }
}

#[cfg(test)]
mod tests;
