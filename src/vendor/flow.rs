//! How much is between the socket, the translator and the core, and who waits for whom.
//!
//! rumqttc sends acknowledgements only while it is polled, and reads on whenever it is. So the
//! socket is polled while there are acknowledgements to send, even when nobody takes messages
//! just then: what comes in meanwhile is bounded by the broker's in-flight window, which those
//! acknowledgements have yet to open, and by [`MAX_QUEUED_BYTES`].

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Notify;

/// Messages between the socket and the translator. Beyond, the socket is not read.
const QUEUE: usize = 64;
/// Most bytes of such messages. Beyond, the connection is given up: what it had not seen
/// acknowledged comes again.
const MAX_QUEUED_BYTES: usize = 16 << 20;

/// The accounts of one transport. Its two tasks share one thread.
#[derive(Debug, Default)]
pub struct Flow {
    queued: AtomicUsize,
    bytes: AtomicUsize,
    unsent: AtomicUsize,
    /// Something happened that the polling task may be waiting for.
    moved: Notify,
    /// An acknowledgement has left.
    sent: Notify,
}

impl Flow {
    /// A new connection: acknowledgements of the one before are void.
    pub fn begin(&self) {
        self.unsent.store(0, Relaxed);
        self.sent.notify_one();
    }

    /// Waits until the socket may be read, or must be for acknowledgements to leave.
    pub async fn may_poll(&self) {
        while self.queued.load(Relaxed) >= QUEUE && self.unsent.load(Relaxed) == 0 {
            self.moved.notified().await;
        }
    }

    /// A message of so many bytes waits for the translator. False: too much does.
    #[must_use]
    pub fn arrived(&self, bytes: usize) -> bool {
        self.queued.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed) + bytes <= MAX_QUEUED_BYTES
    }

    /// The translator took it.
    pub fn taken(&self, bytes: usize) {
        self.queued.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
        self.moved.notify_one();
    }

    /// An acknowledgement was queued for the socket.
    pub fn acknowledged(&self) {
        self.unsent.fetch_add(1, Relaxed);
        self.moved.notify_one();
    }

    /// It has left.
    pub fn left(&self) {
        let _ = self.unsent.fetch_update(Relaxed, Relaxed, |unsent| unsent.checked_sub(1));
        self.sent.notify_one();
    }

    /// Acknowledgements that have not left.
    pub fn unsent(&self) -> usize {
        self.unsent.load(Relaxed)
    }

    /// Waits until one leaves.
    pub async fn one_left(&self) {
        self.sent.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_full_queue_is_not_read_except_to_send_acknowledgements() {
        let flow = Flow::default();
        for _ in 0..QUEUE {
            assert!(flow.may_poll().now_or_never().is_some());
            assert!(flow.arrived(1));
        }
        assert!(flow.may_poll().now_or_never().is_none());
        flow.acknowledged();
        assert!(flow.may_poll().now_or_never().is_some());
        flow.left();
        assert!(flow.may_poll().now_or_never().is_none());
        flow.taken(1);
        assert!(flow.may_poll().now_or_never().is_some());
    }

    #[test]
    fn the_bound_in_bytes_is_said() {
        let flow = Flow::default();
        assert!(flow.arrived(MAX_QUEUED_BYTES));
        assert!(!flow.arrived(1));
        flow.taken(MAX_QUEUED_BYTES);
        assert!(flow.arrived(1));
    }
}
