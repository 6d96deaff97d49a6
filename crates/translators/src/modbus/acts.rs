//! The one act that a line has in hand: written once at its turn, and answered once.

use std::time::Duration;

use super::frame::{Answer, exception_name};
use crate::translator::{Acted, CannotAct};
use crate::vocabulary::Act;

/// Exceptions with which a board says that it has not begun to do what was asked (V1.1b3 §7): no
/// such function, address or value, busy with something else, no way to the device behind it. After
/// any other it may have done it, or a part of it.
const NOT_BEGUN: [u8; 5] = [1, 2, 3, 6, 10];

/// The act in hand, and what became of the one before.
#[derive(Debug, Default)]
pub(super) struct Acts {
    in_hand: Option<InHand>,
    acted: Option<Acted>,
}

/// Which relay is to act, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Waiting {
    /// By its order.
    pub(super) unit: usize,
    /// Endpoint and relay, by their order.
    pub(super) place: (usize, usize),
    pub(super) act: Act,
}

/// An act that was begun and is not answered.
#[derive(Debug, Clone, Copy)]
struct InHand {
    what: Waiting,
    /// Nothing is written after it.
    until: Duration,
    written: bool,
}

impl Acts {
    /// An error: the line has one in hand, or nobody has asked yet what became of the last.
    pub(super) fn is_free(&self) -> Result<(), CannotAct> {
        if self.in_hand.is_some() || self.acted.is_some() {
            return Err(CannotAct::Busy("the line has another act in hand"));
        }
        Ok(())
    }

    /// Takes an act in hand. The line is free.
    pub(super) fn take(&mut self, what: Waiting, until: Duration) {
        self.in_hand = Some(InHand { what, until, written: false });
    }

    /// The act that waits for its turn.
    pub(super) fn waiting(&self) -> Option<Waiting> {
        self.in_hand.filter(|it| !it.written).map(|it| it.what)
    }

    /// Whether one waits for its turn.
    pub(super) fn waits(&self) -> bool {
        self.waiting().is_some()
    }

    /// Its turn has come; its frame will be over at `over`. True: it is written now, and counts as
    /// written from here on. False: its time was over.
    pub(super) fn turn(&mut self, over: Duration) -> bool {
        let Some(it) = self.in_hand.as_mut().filter(|it| !it.written) else { return false };
        it.written = over <= it.until;
        let written = it.written;
        if !written {
            self.end(Acted::TooLate);
        }
        written
    }

    /// The device went before the act's turn.
    pub(super) fn unreachable(&mut self) {
        self.end(Acted::Unreachable);
    }

    /// The device has answered.
    pub(super) fn answered(&mut self, answer: &Answer) {
        self.end(match answer {
            Answer::Echo => Acted::Echoed,
            Answer::Exception(code) => {
                let told = format!("exception {code}: {}", exception_name(*code));
                if NOT_BEGUN.contains(code) { Acted::Refused(told) } else { Acted::Unknown(told) }
            }
            Answer::Bits(_) => Acted::Unknown("no echo".to_owned()),
        });
    }

    /// No answer came in time.
    pub(super) fn missed(&mut self) {
        self.end(Acted::Unknown("no echo in time".to_owned()));
    }

    /// The line went.
    pub(super) fn cut_off(&mut self) {
        let Some(it) = self.in_hand else { return };
        self.end(if it.written {
            Acted::Unknown("the line went before the echo".to_owned())
        } else {
            Acted::Unreachable
        });
    }

    fn end(&mut self, acted: Acted) {
        if self.in_hand.take().is_some() {
            self.acted = Some(acted);
        }
    }

    /// What became of the last; once.
    pub(super) fn acted(&mut self) -> Option<Acted> {
        self.acted.take()
    }
}
