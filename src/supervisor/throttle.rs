//! How fast one vendor's process is read. Above its rate it is left alone for a moment, and the
//! kernel's buffer, its own queue and its broker hold what comes: a flood slows its vendor down and
//! ends nobody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::VendorId;
use crate::domain::rate::{Bucket, Limits};

/// A vendor counts as held back for so long after the last pause.
const LATELY: Duration = Duration::from_secs(10);
/// A pause is at least so long, since timers are no finer; what is owed gathers until then.
const SHORTEST: Duration = Duration::from_millis(2);

/// When a process was last left alone for its rate; shared with who shows it.
#[derive(Debug, Clone, Default)]
pub(super) struct Pauses(Arc<Mutex<Option<Instant>>>);

impl Pauses {
    /// Whether it is held back, or was within the last seconds.
    pub fn lately(&self) -> bool {
        self.last().is_some_and(|at| at.elapsed() < LATELY)
    }

    fn last(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, now: Instant) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
    }
}

/// The rate of one life of a process.
#[derive(Debug)]
pub(super) struct Throttle {
    limits: Limits,
    begun: Instant,
    frames: Bucket,
    bytes: Bucket,
    pauses: Pauses,
}

impl Throttle {
    pub fn new(limits: Limits, pauses: Pauses) -> Self {
        let (frames, bytes) = (Bucket::default(), Bucket::default());
        Self { limits, begun: Instant::now(), frames, bytes, pauses }
    }

    /// Counts a frame that was read; how long nothing more is to be read.
    pub fn charge(&mut self, vendor: &VendorId, bytes: usize) -> Option<Duration> {
        let now = self.begun.elapsed();
        let Limits { frames, bytes: of_bytes, .. } = self.limits;
        self.frames.charge(now, frames, 1);
        self.bytes.charge(now, of_bytes, u64::try_from(bytes).unwrap_or(u64::MAX));
        let pause = self.frames.owes(now, frames).max(self.bytes.owes(now, of_bytes));
        if pause < SHORTEST {
            return None;
        }
        if !self.pauses.lately() {
            tracing::warn!(
                %vendor,
                limit_per_s = frames.per_s(),
                "it sends more than its limit; it is read more slowly\n  remedy: find the device \
                 that floods (doorward events --type endpoint.flooding), or raise [limits] per_s"
            );
        }
        self.pauses.note(Instant::now());
        Some(pause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rate::Rate;

    #[tokio::test(start_paused = true)]
    async fn above_its_rate_a_process_is_left_alone_and_that_can_be_seen() {
        let vendor = VendorId::new("v");
        let limits = Limits {
            frames: Rate::new(1000, 100),
            bytes: Rate::new(1 << 20, 1 << 20),
            ..Limits::default()
        };
        let pauses = Pauses::default();
        let mut throttle = Throttle::new(limits, pauses.clone());
        let begun = Instant::now();
        for _ in 0..100 {
            assert_eq!(throttle.charge(&vendor, 10), None);
        }
        assert!(!pauses.lately());
        for _ in 0..1000 {
            if let Some(pause) = throttle.charge(&vendor, 10) {
                tokio::time::sleep(pause).await;
            }
        }
        let took = begun.elapsed().as_millis();
        assert!((990..1010).contains(&took), "{took} ms");
        assert!(pauses.lately());
        // Bytes count for themselves.
        let begun = Instant::now();
        for _ in 0..4 {
            if let Some(pause) = throttle.charge(&vendor, 1 << 20) {
                tokio::time::sleep(pause).await;
            }
        }
        assert!(begun.elapsed() >= Duration::from_millis(2990), "{:?}", begun.elapsed());
        tokio::time::sleep(LATELY).await;
        assert!(!pauses.lately());
    }
}
