//! A broker with a session: it hands over in order, and again what was not acknowledged.

use std::collections::VecDeque;

use crate::wire::Wired;

#[derive(Default)]
pub struct Broker {
    /// Published and not acknowledged.
    queue: VecDeque<Wired>,
    /// How many of them this connection has been handed.
    sent: usize,
    /// How many of this connection's were acknowledged.
    acknowledged: u64,
}

impl Broker {
    pub fn publish(&mut self, message: Wired) {
        self.queue.push_back(message);
    }

    /// The next message of this connection.
    pub fn deliver(&mut self) -> Option<Wired> {
        let message = self.queue.get(self.sent)?.clone();
        self.sent += 1;
        Some(message)
    }

    /// The client has acknowledged its first `through` messages.
    pub fn acknowledge(&mut self, through: u64) {
        while self.acknowledged < through {
            self.queue.pop_front().expect("acknowledged what was never sent");
            self.sent -= 1;
            self.acknowledged += 1;
        }
    }

    /// A new connection to the old session.
    pub fn reconnect(&mut self) {
        self.sent = 0;
        self.acknowledged = 0;
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}
