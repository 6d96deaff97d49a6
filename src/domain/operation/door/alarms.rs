//! The alarms of a door: what raises and what clears each.
//!
//! | alarm | raised | cleared |
//! |---|---|---|
//! | `forced_open` | the leaf leaves `closed`, which was observed until then, and nothing explains it: no command within its release, no request to exit or operation within [`EXPLAINED_FOR`] before and [`EXPLANATION_WAIT`] after, no lock observed unlocked | closed |
//! | `held_open_warning` | open for `open_s` less `pre_alarm_s` | closed |
//! | `held_open` | open for `open_s` | closed |
//! | `failed_to_close` | a remote close stopped, reversed or did not end within `travel_max_s` | closed |
//! | `failed_to_secure` | `relock_delay_s` after it closed, or after an unused release, or after the lock jammed at the closed door: the lock is observed, and not locked | closed and locked |
//! | `unexpected_motion` | a command's effect was seen after the command had ended | by a later word of a sensor: closed and locked |
//! | `comms_lost_while_open` | the position is lost, or stale for `stale_s`, and was not closed | any position |
//!
//! "Closed" and "locked" are observed, and of a door without the sensor not asked for. An alarm
//! stands at most once.

use doorward_translators::{AlarmKind, LockState, Position};

use super::{Door, DoorEffect, DoorRules, Explanation};
use crate::domain::operation::seen::Definite;
use crate::domain::operation::time::{At, Timer, is_over};
use crate::domain::operation::timers::{EXPLAINED_FOR, EXPLANATION_WAIT};

/// How much an alarm matters (`core/vocabulary.json`, `AlarmSeverity`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Warning,
    Critical,
}

impl Severity {
    /// The word as it stands in events.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Critical is what may mean that somebody came in, or that the door does not hold.
pub const fn severity(alarm: AlarmKind) -> Severity {
    match alarm {
        AlarmKind::ForcedOpen
        | AlarmKind::Tamper
        | AlarmKind::FailedToClose
        | AlarmKind::FailedToSecure
        | AlarmKind::UnexpectedMotion => Severity::Critical,
        AlarmKind::Obstruction
        | AlarmKind::HeldOpenWarning
        | AlarmKind::HeldOpen
        | AlarmKind::CommsLostWhileOpen => Severity::Warning,
    }
}

const fn withdrawn(lock: LockState) -> bool {
    matches!(lock, LockState::Unlocked | LockState::Unlatched)
}

impl Door {
    /// Raises an alarm that does not stand yet.
    pub(super) fn raise(&mut self, alarm: AlarmKind, fx: &mut Vec<DoorEffect>) {
        if self.alarms.insert(alarm) {
            fx.push(DoorEffect::Raised(alarm));
        }
    }

    fn clear(&mut self, alarm: AlarmKind, fx: &mut Vec<DoorEffect>) {
        if self.alarms.remove(&alarm) {
            fx.push(DoorEffect::Cleared(alarm));
        }
    }

    /// Something says why the door may open.
    pub(super) fn explain(&mut self, explanation: Explanation, rules: &DoorRules, at: At) {
        self.unexplained = None;
        let length = match explanation {
            Explanation::Command => rules.timers.release() + rules.timers.travel_max(),
            Explanation::RequestToExit | Explanation::Operated => EXPLAINED_FOR,
        };
        let longer = Timer::new(at, length);
        if self.explained.is_none_or(|running| running.due() < longer.due()) {
            self.explained = Some(longer);
        }
        if explanation == Explanation::Command && rules.sensors.lock.is_some() {
            self.relock =
                Some(Timer::new(at, rules.timers.release() + rules.timers.relock_delay()));
            self.relock_overdue = false;
        }
    }

    /// The position is `value`, and was observed to be `before`.
    pub(super) fn alarms_at_position(
        &mut self,
        before: Option<Position>,
        value: Position,
        rules: &DoorRules,
        at: At,
        fx: &mut Vec<DoorEffect>,
    ) {
        self.clear(AlarmKind::CommsLostWhileOpen, fx);
        if value == Position::Closed {
            self.closed(rules, at, fx);
        } else {
            if !self.was_open {
                self.held_warning = Some(Timer::new(at, rules.timers.until_open_warning()));
                self.held = Some(Timer::new(at, rules.timers.open()));
            }
            self.was_open = true;
            if before == Some(Position::Closed)
                && rules.watch_forced_open
                && (self.lock.speaks || rules.sensors.lock.is_none())
                && !self.is_explained(at)
            {
                self.unexplained = Some(Timer::new(at, EXPLANATION_WAIT));
            }
        }
        self.clear_if_secure(rules, fx);
    }

    fn is_explained(&self, at: At) -> bool {
        self.explained.is_some_and(|timer| !timer.is_over(at))
            || self.lock.now().is_some_and(withdrawn)
    }

    fn closed(&mut self, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        self.held_warning = None;
        self.held = None;
        for alarm in [
            AlarmKind::ForcedOpen,
            AlarmKind::HeldOpenWarning,
            AlarmKind::HeldOpen,
            AlarmKind::FailedToClose,
        ] {
            self.clear(alarm, fx);
        }
        if std::mem::replace(&mut self.was_open, false) && rules.sensors.lock.is_some() {
            self.relock = Some(Timer::new(at, rules.timers.relock_delay()));
            self.relock_overdue = false;
        }
    }

    /// The lock said something that the role's endpoint says now.
    pub(super) fn lock_said(
        &mut self,
        value: LockState,
        rules: &DoorRules,
        at: At,
        fx: &mut Vec<DoorEffect>,
    ) {
        if !value.is_definite() {
            self.lock.lose();
            return;
        }
        self.lock.set(value);
        if withdrawn(value) {
            self.unexplained = None;
        }
        match value {
            LockState::Locked if self.is_shut(rules) => {
                self.relock = None;
                self.relock_overdue = false;
            }
            LockState::Locked => {}
            _ if std::mem::replace(&mut self.relock_overdue, false) => self.relock_over(rules, fx),
            LockState::Jammed | LockState::NotFullyLocked | LockState::Fault
                if self.relock.is_none() && self.position.now() == Some(Position::Closed) =>
            {
                self.relock = Some(Timer::new(at, rules.timers.relock_delay()));
            }
            _ => {}
        }
        self.clear_if_secure(rules, fx);
    }

    /// Closed, as far as the entry can observe it.
    fn is_shut(&self, rules: &DoorRules) -> bool {
        rules.sensors.position.is_none() || self.position.now() == Some(Position::Closed)
    }

    fn clear_if_secure(&mut self, rules: &DoorRules, fx: &mut Vec<DoorEffect>) {
        let locked = rules.sensors.lock.is_none() || self.lock.now() == Some(LockState::Locked);
        if self.is_shut(rules) && locked {
            self.clear(AlarmKind::FailedToSecure, fx);
            self.clear(AlarmKind::UnexpectedMotion, fx);
        }
    }

    /// The time for locking is over, or was and the lock speaks only now.
    fn relock_over(&mut self, rules: &DoorRules, fx: &mut Vec<DoorEffect>) {
        // An open door cannot be locked: its closing begins the time anew.
        if self.position.now().is_some_and(|position| position != Position::Closed) {
            return;
        }
        match self.lock.now() {
            Some(LockState::Locked) => {}
            Some(_) => self.raise(AlarmKind::FailedToSecure, fx),
            None => self.relock_overdue = rules.sensors.lock.is_some(),
        }
    }

    /// What time alone raises.
    pub(super) fn alarms_due(&mut self, rules: &DoorRules, at: At, fx: &mut Vec<DoorEffect>) {
        if is_over(self.explained.as_ref(), at) {
            self.explained = None;
        }
        if is_over(self.unexplained.as_ref(), at) {
            self.unexplained = None;
            self.raise(AlarmKind::ForcedOpen, fx);
            // It was shut again before anybody could have explained it.
            if self.position.now() == Some(Position::Closed) {
                self.clear(AlarmKind::ForcedOpen, fx);
            }
        }
        if is_over(self.held.as_ref(), at) {
            self.held = None;
            self.held_warning = None;
            self.raise(AlarmKind::HeldOpen, fx);
        }
        if is_over(self.held_warning.as_ref(), at) {
            self.held_warning = None;
            self.raise(AlarmKind::HeldOpenWarning, fx);
        }
        if is_over(self.relock.as_ref(), at) {
            self.relock = None;
            self.relock_over(rules, fx);
        }
    }
}
