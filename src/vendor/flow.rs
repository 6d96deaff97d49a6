//! How much is between the socket and the translator.
//!
//! rumqttc sends acknowledgements only while it is polled, and reads on whenever it is. So the
//! socket is polled while there is room for what comes in, and who takes messages never waits
//! for acknowledgements to leave: else each would wait for the other.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::Notify;

/// Messages between the socket and the translator. Beyond, the socket is not read.
const QUEUE: usize = 64;
/// Most bytes of such messages, but for the ten packets that rumqttc reads at a time.
const MAX_QUEUED_BYTES: usize = 4 << 20;

/// How long the socket is left alone where a device floods, once nothing more is there: what comes
/// meanwhile is read at once, however much it is.
const REST: Duration = Duration::from_millis(2);

/// The account of one transport. Its two tasks share one thread.
#[derive(Debug, Default)]
pub struct Flow {
    queued: AtomicUsize,
    bytes: AtomicUsize,
    taken: Notify,
    rests: AtomicBool,
}

impl Flow {
    /// The socket is left alone for a moment, once.
    pub fn rest(&self) {
        self.rests.store(true, Relaxed);
    }

    /// Waits until there is room, and for a rest.
    pub async fn may_poll(&self) {
        if self.rests.swap(false, Relaxed) {
            tokio::time::sleep(REST).await;
        }
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

    #[tokio::test(start_paused = true)]
    async fn a_rest_is_taken_once() {
        let flow = Flow::default();
        flow.rest();
        flow.rest();
        let begun = tokio::time::Instant::now();
        flow.may_poll().await;
        assert!(begun.elapsed() >= REST);
        assert!(flow.may_poll().now_or_never().is_some());
    }

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
