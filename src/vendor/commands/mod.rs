//! Commands on their way to the devices: each written at most once, or not at all.
//!
//! One is in hand at a time. The others wait for their turn in front of the wire, never behind it:
//! what waits when its time is over, or when there is no connection, is rejected, and nothing was
//! written of it.

mod line;

use std::collections::VecDeque;
use std::time::Duration;

use doorward_translators::CannotAct;

pub use line::{CommandLine, LEAST_LEFT};

use crate::link::{CommandOrder, CommandProgress, CommandRefusal};

/// Most commands that wait for the one in hand; beyond, one is rejected as busy. Each waits for a
/// broker's answer, which takes milliseconds.
pub const MAX_WAITING: usize = 16;

/// Why a command was not begun, and in words.
pub type Refused = (CommandRefusal, String);

/// What became of the command in hand, and in words.
pub type Ended = (CommandProgress, String);

/// The refusal that a translator's answer is.
pub fn refused(cannot: &CannotAct) -> Refused {
    let reason = match cannot {
        CannotAct::UnknownDevice(_) => CommandRefusal::UnknownDevice,
        CannotAct::NoSafeForm(_) => CommandRefusal::NoSafeForm,
        CannotAct::Unreachable(_) => CommandRefusal::NotConnected,
        CannotAct::Busy(_) => CommandRefusal::Busy,
    };
    // The address is the core's own word, and may be of any length.
    let words = match cannot {
        CannotAct::UnknownDevice(_) => "no device of this vendor has this address".to_owned(),
        other => other.to_string(),
    };
    (reason, words)
}

/// The commands that a process has: one in hand, and those that wait for it.
#[derive(Debug, Default)]
pub struct Desk {
    waiting: VecDeque<CommandOrder>,
    in_hand: Option<CommandOrder>,
}

impl Desk {
    /// Puts a command in the row. An error gives it back: its device has another one here, or
    /// [`MAX_WAITING`] wait.
    pub fn take(&mut self, order: CommandOrder) -> Result<(), CommandOrder> {
        let same = |other: &CommandOrder| other.endpoint == order.endpoint || other.id == order.id;
        if self.waiting.len() >= MAX_WAITING || self.waiting.iter().chain(&self.in_hand).any(same) {
            return Err(order);
        }
        self.waiting.push_back(order);
        Ok(())
    }

    /// Takes the next one in hand, unless one is.
    pub fn next(&mut self) -> Option<CommandOrder> {
        if self.in_hand.is_some() {
            return None;
        }
        self.in_hand = self.waiting.pop_front();
        self.in_hand.clone()
    }

    /// The one in hand has come to an end.
    pub fn ended(&mut self) -> Option<CommandOrder> {
        self.in_hand.take()
    }

    /// What is left for the one in hand.
    pub fn in_hand_left(&self) -> Option<Duration> {
        self.in_hand.as_ref().map(CommandOrder::left)
    }

    /// Takes out one that waits and of which less than `least` is left.
    pub fn overdue(&mut self, least: Duration) -> Option<CommandOrder> {
        let late = self.waiting.iter().position(|order| is_late(order, least))?;
        self.waiting.remove(late)
    }

    /// How long until the time of one that waits is over; of the one in hand as well, where
    /// `in_hand`. `None`: there is nothing.
    pub fn due(&self, least: Duration, in_hand: bool) -> Option<Duration> {
        let waiting = self.waiting.iter().map(|order| order.left().saturating_sub(least));
        let soonest = waiting.chain(self.in_hand_left().filter(|_| in_hand)).min()?;
        // What is left is whole milliseconds.
        Some(soonest + Duration::from_millis(1))
    }
}

/// Whether less than `least` is left of it, or nothing.
pub fn is_late(order: &CommandOrder, least: Duration) -> bool {
    let left = order.left();
    left.is_zero() || left < least
}

#[cfg(test)]
mod tests;
