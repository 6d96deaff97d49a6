//! How much is between the socket and the translator.
//!
//! rumqttc sends acknowledgements only while it is polled, and reads on whenever it is. So the
//! socket is polled while there is room for what comes in, and who takes messages never waits
//! for acknowledgements to leave: else each would wait for the other.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::Notify;

/// Messages between the socket and the translator. Beyond, the socket is not read.
const QUEUE: usize = 64;
/// Most bytes of such messages, but for the ten packets that rumqttc reads at a time.
const MAX_QUEUED_BYTES: usize = 4 << 20;

/// The account of one transport. Its two tasks share one thread.
#[derive(Debug, Default)]
pub struct Flow {
    queued: AtomicUsize,
    bytes: AtomicUsize,
    taken: Notify,
}

impl Flow {
    /// Waits until there is room.
    pub async fn may_poll(&self) {
        while self.queued.load(Relaxed) >= QUEUE || self.bytes.load(Relaxed) >= MAX_QUEUED_BYTES {
            self.taken.notified().await;
        }
    }

    /// A message of so many bytes waits for the translator.
    pub fn arrived(&self, bytes: usize) {
        self.queued.fetch_add(1, Relaxed);
        self.bytes.fetch_add(bytes, Relaxed);
    }

    /// Messages that wait for the translator.
    pub fn queued(&self) -> usize {
        self.queued.load(Relaxed)
    }

    /// The translator took it.
    pub fn taken(&self, bytes: usize) {
        self.queued.fetch_sub(1, Relaxed);
        self.bytes.fetch_sub(bytes, Relaxed);
        self.taken.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_full_queue_is_not_read_until_a_message_is_taken() {
        for (count, bytes) in [(QUEUE, 1), (1, MAX_QUEUED_BYTES)] {
            let flow = Flow::default();
            for _ in 0..count {
                assert!(flow.may_poll().now_or_never().is_some());
                flow.arrived(bytes);
            }
            assert!(flow.may_poll().now_or_never().is_none());
            flow.taken(bytes);
            assert!(flow.may_poll().now_or_never().is_some());
        }
    }
}
