//! How fast one vendor's process is read. Above its rate it is left alone for a moment, and the
//! kernel's buffer, its own queue and its broker hold what comes: a flood slows its vendor down and
//! ends nobody.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::VendorId;
use crate::domain::rate::{Bucket, Limits, Rate};

/// A vendor counts as held back for so long after the last pause.
const LATELY: Duration = Duration::from_secs(10);
/// A pause is at least so long, since timers are no finer; what is owed gathers until then.
const SHORTEST: Duration = Duration::from_millis(2);
/// A vendor whose connection comes back brings what its broker kept for it. It begins with so many
/// signals a second, and may send twice as many with each second, up to its limit: what waited for
/// seconds already waits a little longer, and the other vendors' events meet no crowd.
const BACK_PER_S: u64 = 250;
const BACK_BURST: u64 = 8;

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

/// What a frame is to the core.
#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    /// In it on the wire.
    pub bytes: usize,
    /// As many frames as it counts for: 1, and more for a signal that says much at once.
    pub counts: u64,
    /// It is a signal, and nobody waits for what comes behind it.
    pub may_wait: bool,
}

/// The rate of one life of a process.
#[derive(Debug)]
pub(super) struct Throttle {
    limits: Limits,
    begun: Instant,
    frames: Bucket,
    bytes: Bucket,
    /// Since when the connection is back, until it may send as fast as any.
    back: Option<(Duration, Bucket)>,
    pauses: Pauses,
}

impl Throttle {
    pub fn new(limits: Limits, pauses: Pauses) -> Self {
        let (frames, bytes) = (Bucket::default(), Bucket::default());
        Self { limits, begun: Instant::now(), frames, bytes, back: None, pauses }
    }

    /// The vendor's connection is there again, and was before.
    pub fn comes_back(&mut self) {
        self.back = Some((self.begun.elapsed(), Bucket::default()));
    }

    /// Counts a frame that was read; how long nothing more is to be read.
    pub fn charge(&mut self, vendor: &VendorId, load: Load) -> Option<Duration> {
        let Load { bytes, counts, may_wait } = load;
        let now = self.begun.elapsed();
        let Limits { frames, bytes: of_bytes, .. } = self.limits;
        self.frames.charge(now, frames, counts);
        self.bytes.charge(now, of_bytes, u64::try_from(bytes).unwrap_or(u64::MAX));
        let pause = self.frames.owes(now, frames).max(self.bytes.owes(now, of_bytes));
        if pause < SHORTEST {
            return self.ease_in(now).filter(|pause| may_wait && *pause >= SHORTEST);
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

    /// The same for a connection that is back; no fault of its own, and not told as one.
    fn ease_in(&mut self, now: Duration) -> Option<Duration> {
        let (since, back) = self.back.as_mut()?;
        let seconds = now.saturating_sub(*since).as_secs();
        let per_s = BACK_PER_S.saturating_mul(1 << seconds.min(32));
        if per_s >= self.limits.frames.per_s() {
            self.back = None;
            return None;
        }
        let rate = Rate::new(per_s, BACK_BURST);
        back.charge(now, rate, 1);
        Some(back.owes(now, rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: usize) -> Load {
        Load { bytes, counts: 1, may_wait: true }
    }

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
            assert_eq!(throttle.charge(&vendor, frame(10)), None);
        }
        assert!(!pauses.lately());
        for _ in 0..1000 {
            if let Some(pause) = throttle.charge(&vendor, frame(10)) {
                tokio::time::sleep(pause).await;
            }
        }
        let took = begun.elapsed().as_millis();
        assert!((990..1010).contains(&took), "{took} ms");
        assert!(pauses.lately());
        // Bytes count for themselves.
        let begun = Instant::now();
        for _ in 0..4 {
            if let Some(pause) = throttle.charge(&vendor, frame(1 << 20)) {
                tokio::time::sleep(pause).await;
            }
        }
        assert!(begun.elapsed() >= Duration::from_millis(2990), "{:?}", begun.elapsed());
        // One that says much at once counts for several.
        tokio::time::sleep(LATELY).await;
        let heavy = Load { counts: 600, ..frame(10) };
        assert_eq!(throttle.charge(&vendor, heavy), Some(Duration::from_millis(500)));
        tokio::time::sleep(LATELY).await;
        assert!(!pauses.lately());
    }

    /// Signals let in within each of the first seconds.
    async fn let_in(throttle: &mut Throttle, may_wait: bool) -> [u64; 4] {
        let (vendor, begun) = (VendorId::new("v"), Instant::now());
        let mut seconds = [0_u64; 4];
        while let Some(count) = seconds.get_mut(usize::try_from(begun.elapsed().as_secs()).unwrap())
        {
            *count += 1;
            if let Some(pause) = throttle.charge(&vendor, Load { may_wait, ..frame(10) }) {
                tokio::time::sleep(pause).await;
            }
            if seconds.iter().any(|count| *count > 5000) {
                break;
            }
        }
        seconds
    }

    #[tokio::test(start_paused = true)]
    async fn a_vendor_that_comes_back_is_let_in_faster_and_faster_and_not_told_as_a_flood() {
        let limits = Limits { frames: Rate::new(1500, 20_000), ..Limits::default() };
        let pauses = Pauses::default();
        let mut throttle = Throttle::new(limits, pauses.clone());
        assert!(let_in(&mut throttle, true).await[0] > 5000, "the first time it is not held back");
        // However long it took to connect.
        tokio::time::sleep(Duration::from_secs(100)).await;
        throttle.comes_back();
        let seconds = let_in(&mut throttle, true).await;
        for (second, let_in) in [250, 500, 1000].into_iter().enumerate() {
            assert!(seconds[second].abs_diff(let_in) <= 10, "{seconds:?}");
        }
        assert!(seconds[3] > 5000, "by then only its limit holds it: {seconds:?}");
        throttle.comes_back();
        assert!(let_in(&mut throttle, false).await[0] > 5000, "somebody waits for it");
        assert!(!pauses.lately());
    }
}
