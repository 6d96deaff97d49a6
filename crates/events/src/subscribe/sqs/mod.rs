//! A subscriber on an Amazon SQS standard queue.

mod acknowledge;
mod consumer;
mod dead_letters;
mod inbox;
mod queue;
mod visibility;

use std::time::Duration;

pub use consumer::Consumer;
pub use dead_letters::DeadLetterQueue;
pub use inbox::{Delivered, Inbox, Letter, Receipt};

use crate::aws::ConnectionError;

/// The most handlers at once.
pub const MOST_AT_ONCE: usize = 1000;
/// The longest poll; SQS's own limit.
pub const MAX_WAIT: Duration = Duration::from_secs(20);
/// The longest that a message is hidden; SQS's own limit.
pub const MAX_VISIBILITY: Duration = Duration::from_hours(12);
/// The longest that a shutdown waits for handlers.
pub const MAX_SHUTDOWN: Duration = Duration::from_hours(1);

/// How a queue is consumed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Messages in memory and handlers at once: 1 to [`MOST_AT_ONCE`]. No more are received than
    /// there is room for.
    pub at_once: usize,
    /// How long a poll waits for messages: whole seconds, at most [`MAX_WAIT`].
    pub wait: Duration,
    /// For how long a received message is hidden from others: whole seconds, 1 s to
    /// [`MAX_VISIBILITY`]. It is extended after each third of it while its handler runs. After a
    /// crash the message comes again after this.
    pub visibility: Duration,
    /// How long a shutdown waits for handlers that run; at most [`MAX_SHUTDOWN`]. The others are
    /// then dropped and their messages given back.
    pub shutdown: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Settings {
    /// 10 at once, polls of 20 s, hidden for 30 s, 20 s to shut down.
    pub const DEFAULT: Self = Self {
        at_once: 10,
        wait: MAX_WAIT,
        visibility: Duration::from_secs(30),
        shutdown: Duration::from_secs(20),
    };

    fn check(&self) -> Result<(), SetupError> {
        let whole = |time: Duration| time.subsec_nanos() == 0;
        if !(1..=MOST_AT_ONCE).contains(&self.at_once) {
            return Err(SetupError::AtOnce);
        }
        if self.wait > MAX_WAIT || !whole(self.wait) {
            return Err(SetupError::Wait);
        }
        let visible = Duration::from_secs(1)..=MAX_VISIBILITY;
        if !visible.contains(&self.visibility) || !whole(self.visibility) {
            return Err(SetupError::Visibility);
        }
        if self.shutdown > MAX_SHUTDOWN {
            return Err(SetupError::Shutdown);
        }
        Ok(())
    }
}

/// A consumer that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// AWS cannot be reached so.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// Not an address.
    #[error("a queue's URL is no http:// or https:// address")]
    QueueUrl,
    /// Dead letters would come again for ever.
    #[error("the queue is its own dead-letter queue")]
    SameQueue,
    /// Outside 1 to [`MOST_AT_ONCE`].
    #[error("at_once is not 1 to {MOST_AT_ONCE}")]
    AtOnce,
    /// Longer than [`MAX_WAIT`], or no whole seconds.
    #[error("wait is longer than 20 s or has fractions of a second")]
    Wait,
    /// Outside 1 s to [`MAX_VISIBILITY`], or no whole seconds.
    #[error("visibility is not 1 s to 12 h or has fractions of a second")]
    Visibility,
    /// Longer than [`MAX_SHUTDOWN`].
    #[error("shutdown is longer than 1 h")]
    Shutdown,
}
