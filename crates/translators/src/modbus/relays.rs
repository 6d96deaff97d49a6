//! The relays of an endpoint: what switches them, and that none stays on.
//!
//! A frame can be lost, and an echo proves only that it was heard. So OFF is believed only when the
//! echo came and the coil was read as off afterwards; until then it is written again and again, also
//! where no reading ever comes. Once that is so, a coil that is on is anybody's (the board's own
//! pulse, its push buttons) for as long as this relay may hold; then it is switched off.

use std::time::Duration;

use super::frame::{OFF, ON, Request};
use crate::translator::Step;
use crate::vocabulary::Act;

/// How long a coil may be on whose board makes the pulse itself.
pub(super) const LONGEST_PULSE: Duration = Duration::from_secs(10);

/// What a relay is wired to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Open,
    Close,
    Stop,
    Unlock,
    Lock,
    /// The one button of an opener: what it does depends on the state before.
    Toggle,
}

impl Role {
    /// As in the vendor's file.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Close => "close",
            Self::Stop => "stop",
            Self::Unlock => "unlock",
            Self::Lock => "lock",
            Self::Toggle => "toggle",
        }
    }

    /// The act that this relay does. A toggle does none: its outcome is not sure.
    pub(super) const fn act(self) -> Option<Act> {
        match self {
            Self::Open => Some(Act::Open),
            Self::Close => Some(Act::Close),
            Self::Stop => Some(Act::Stop),
            Self::Unlock => Some(Act::Unlock),
            Self::Lock => Some(Act::Lock),
            Self::Toggle => None,
        }
    }
}

/// What bounds the time that a relay is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Drive {
    /// A second frame, this long after the first.
    Hold(Duration),
    /// The board itself, told so by this frame.
    Pulse(Request),
}

/// How far OFF has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Off {
    /// To be written.
    Unwritten,
    /// An act has switched it on; OFF is not written before then.
    Held(Duration),
    /// Its time is over: OFF is the next that the line takes.
    Due,
    /// Written, and not known to have arrived.
    Written,
    /// The board has echoed it.
    Echoed,
    /// And the coil was read as off.
    Confirmed,
}

/// One relay.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) role: Role,
    pub(super) coil: u16,
    drive: Drive,
    off: Off,
    /// Since when every reading has shown it on.
    on_since: Option<Duration>,
    told: bool,
    stayed_on: bool,
}

impl Relay {
    pub(super) const fn new(role: Role, coil: u16, drive: Drive) -> Self {
        let (off, on_since) = (Off::Unwritten, None);
        Self { role, coil, drive, off, on_since, told: false, stayed_on: false }
    }

    /// Nothing of before counts: it is to be off.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.role, self.coil, self.drive);
    }

    /// The frames that make it do its act once.
    pub(super) fn steps(&self, unit: u8) -> Vec<Step> {
        let step = |after, request: Request| Step { after, frame: request.encode() };
        let on = step(Duration::ZERO, self.on_request(unit));
        match self.drive {
            Drive::Pulse(_) => vec![on],
            Drive::Hold(hold) => vec![on, step(hold, self.off_request(unit))],
        }
    }

    pub(super) fn off_request(&self, unit: u8) -> Request {
        Request::write_coil(unit, self.coil, OFF)
    }

    /// The frame that begins its act.
    pub(super) fn on_request(&self, unit: u8) -> Request {
        match self.drive {
            Drive::Pulse(request) => request,
            Drive::Hold(_) => Request::write_coil(unit, self.coil, ON),
        }
    }

    /// The frame that begins its act is written now.
    pub(super) fn acts(&mut self, now: Duration) {
        self.off = Off::Held(now.saturating_add(self.longest_on()));
        (self.on_since, self.told) = (None, false);
    }

    /// What held it until now holds it no longer.
    pub(super) fn release(&mut self, now: Duration) {
        if self.held_until().is_some_and(|until| until <= now) {
            self.off = Off::Due;
        }
    }

    /// The act is over before its time. A board's own pulse is left to the board.
    pub(super) fn cut_short(&mut self) {
        if self.is_held() {
            self.off = Off::Due;
        }
    }

    /// Until when an act keeps OFF from being written.
    pub(super) const fn held_until(&self) -> Option<Duration> {
        match self.off {
            Off::Held(until) => Some(until),
            _ => None,
        }
    }

    /// Whether we hold it on: OFF is what ends it.
    pub(super) fn is_held(&self) -> bool {
        matches!((self.off, self.drive), (Off::Held(_), Drive::Hold(_)))
    }

    /// Whether OFF is the next that the line takes.
    pub(super) fn is_due(&self) -> bool {
        self.off == Off::Due
    }

    /// Whether OFF is to be written: until the coil was read as off.
    pub(super) fn wants_off(&self) -> bool {
        !matches!(self.off, Off::Confirmed | Off::Held(_))
    }

    /// Whether OFF has not been written since it is wanted.
    pub(super) fn is_unwritten(&self) -> bool {
        matches!(self.off, Off::Unwritten | Off::Due)
    }

    /// OFF is written now.
    pub(super) fn written(&mut self) {
        if self.off == Off::Due {
            // What was read of its own time on does not count against it.
            self.on_since = None;
        }
        if self.is_unwritten() {
            self.off = Off::Written;
        }
    }

    /// The board has echoed the OFF.
    pub(super) fn echoed(&mut self) {
        self.off = Off::Echoed;
    }

    /// A reading of the coil that began `at`.
    pub(super) fn read(&mut self, at: Duration, on: bool) {
        if !on {
            self.on_since = None;
            self.told = false;
            if self.off == Off::Echoed {
                self.off = Off::Confirmed;
            }
            return;
        }
        if matches!(self.off, Off::Held(_) | Off::Due) {
            return;
        }
        let since = *self.on_since.get_or_insert(at);
        let stayed_on = at.saturating_sub(since) >= self.longest_on();
        if stayed_on && !self.told {
            self.told = true;
            self.stayed_on = true;
        }
        match self.off {
            Off::Echoed => self.off = Off::Written,
            Off::Confirmed if stayed_on => self.off = Off::Unwritten,
            _ => {}
        }
    }

    const fn longest_on(&self) -> Duration {
        match self.drive {
            Drive::Hold(hold) => hold,
            Drive::Pulse(_) => LONGEST_PULSE,
        }
    }

    /// Whether it was found to have stayed on since this was last asked; once for each time.
    pub(super) fn take_stayed_on(&mut self) -> bool {
        std::mem::take(&mut self.stayed_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn held() -> Relay {
        Relay::new(Role::Open, 3, Drive::Hold(at(500)))
    }

    #[test]
    fn off_is_believed_after_echo_and_reading() {
        let mut relay = held();
        assert!(relay.wants_off(), "from the beginning");
        relay.read(at(0), false);
        assert!(relay.wants_off(), "a reading alone is not enough");
        relay.written();
        assert!(!relay.is_unwritten());
        relay.read(at(50), false);
        assert!(relay.wants_off(), "it may not have been heard");
        relay.echoed();
        relay.written();
        assert!(relay.wants_off(), "an echo alone is not enough, however often");
        relay.read(at(100), true);
        assert_eq!(relay.off, Off::Written, "still on: again, and its echo anew");
        relay.read(at(150), false);
        assert!(relay.wants_off());
        relay.echoed();
        relay.read(at(200), false);
        assert!(!relay.wants_off());
        relay.forget();
        assert!(relay.wants_off() && relay.is_unwritten());
    }

    #[test]
    fn what_stays_on_is_switched_off_and_told_once() {
        for (drive, bound) in
            [(Drive::Hold(at(500)), 500), (Drive::Pulse(Request::write_coil(1, 0x200, 5)), 10_000)]
        {
            let mut relay = Relay::new(Role::Unlock, 3, drive);
            relay.echoed();
            relay.read(at(0), false);
            relay.read(at(1000), true);
            relay.read(at(1000 + bound - 1), true);
            assert!(!relay.wants_off() && !relay.take_stayed_on(), "{drive:?}");
            relay.read(at(1000 + bound), true);
            assert!(relay.wants_off() && relay.take_stayed_on(), "{drive:?}");
            relay.echoed();
            relay.read(at(1100 + bound), true);
            assert!(relay.wants_off() && !relay.take_stayed_on(), "once: {drive:?}");
            relay.echoed();
            relay.read(at(1200 + bound), false);
            assert!(!relay.wants_off());
            for time in [40_000, 60_000] {
                relay.read(at(time), true);
            }
            assert!(relay.wants_off() && relay.take_stayed_on(), "another time: {drive:?}");
        }
    }

    #[test]
    fn a_pulse_within_its_bound_is_left_alone() {
        let mut relay = held();
        relay.echoed();
        relay.read(at(0), false);
        for (time, on) in [(100, true), (599, true), (700, false), (800, true), (1299, true)] {
            relay.read(at(time), on);
            assert!(!relay.wants_off() && !relay.take_stayed_on(), "{time}");
        }
    }

    #[test]
    fn what_is_switched_on_is_switched_off() {
        let steps = held().steps(1);
        assert_eq!(
            steps,
            [
                Step { after: at(0), frame: Request::write_coil(1, 3, ON).encode() },
                Step { after: at(500), frame: Request::write_coil(1, 3, OFF).encode() },
            ]
        );
        let request = Request { unit: 1, function: 6, first: 4, value: 0x0600 };
        let pulse = Relay::new(Role::Open, 3, Drive::Pulse(request));
        assert_eq!(pulse.steps(1), [Step { after: at(0), frame: request.encode() }]);
    }
}
