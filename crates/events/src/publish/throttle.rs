//! The pace at which entries leave: a token bucket, slower while the bus throttles.

use std::time::Duration;

use tokio::time::Instant;

/// Halving, and each step of the recovery, take at least this long.
const STEP: Duration = Duration::from_secs(1);
/// The recovery's steps from nothing to the full pace.
const STEPS: f64 = 10.0;
/// The slowest pace, in entries per second.
const SLOWEST: f64 = 1.0;

/// Codes, by their beginnings, with which a bus says that it is too busy for this pace.
const TOO_BUSY: &[&str] = &["Throttl", "TooManyRequests", "Http429"];

/// Whether a code means that entries come too fast.
pub(super) fn is_throttling(code: &str) -> bool {
    TOO_BUSY.iter().any(|beginning| code.starts_with(beginning))
}

/// A bucket of tokens, one for each entry. It holds one second's worth, at least one.
#[derive(Debug)]
pub(super) struct Throttle {
    limit: Option<f64>,
    slow: Option<Slow>,
    tokens: f64,
    filled_at: Instant,
    measure: Measure,
}

/// A pace below the usual one.
#[derive(Debug)]
struct Slow {
    pace: f64,
    /// The pace at which the trouble began.
    usual: f64,
    halved_at: Instant,
    /// The last step of the recovery, or the halving that it follows.
    stepped_at: Instant,
}

/// What left within this second and within the one before.
#[derive(Debug)]
struct Measure {
    since: Instant,
    this: f64,
    last: f64,
}

impl Throttle {
    pub(super) fn new(entries_per_second: Option<u32>, now: Instant) -> Self {
        let limit = entries_per_second.map(f64::from);
        Self {
            limit,
            slow: None,
            tokens: limit.unwrap_or(0.0),
            filled_at: now,
            measure: Measure { since: now, this: 0.0, last: 0.0 },
        }
    }

    /// The pace now in entries per second; `None`: as fast as it goes.
    pub(super) fn pace(&self) -> Option<f64> {
        self.slow.as_ref().map(|slow| slow.pace).or(self.limit)
    }

    /// How many of `ready` entries, at most `most`, may leave now. Otherwise: from when on.
    ///
    /// It waits until a tenth of a second's worth may leave together, so that a pace makes no
    /// calls of one entry each that could be fewer.
    pub(super) fn allows(
        &mut self,
        ready: usize,
        most: usize,
        now: Instant,
    ) -> Result<usize, Instant> {
        self.recover(now);
        self.fill(now);
        let Some(pace) = self.pace() else { return Ok(most) };
        let together = (pace / 10.0).clamp(1.0, count(most.min(ready.max(1))));
        let missing = together.floor() - self.tokens;
        // A rounding error is no reason to wait for an instant that is not after this one.
        if missing > 1e-6 {
            let wait = Duration::from_secs_f64(missing / pace).max(Duration::from_millis(1));
            return Err(now + wait);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1 to most")]
        let allowed = (self.tokens + 1e-6).clamp(1.0, count(most)) as usize;
        Ok(allowed)
    }

    /// That many entries leave.
    pub(super) fn took(&mut self, entries: usize, now: Instant) {
        self.measure.count(entries, now);
        if self.pace().is_some() {
            self.tokens = (self.tokens - count(entries)).max(0.0);
        }
    }

    /// The bus is too busy: half the pace, at most once a second, since calls under way together
    /// are told so together. The new pace, if it changed.
    pub(super) fn too_busy(&mut self, now: Instant) -> Option<f64> {
        self.recover(now);
        self.fill(now);
        let pace = match &mut self.slow {
            Some(slow) if now.duration_since(slow.halved_at) < STEP => return None,
            Some(slow) => {
                slow.pace = (slow.pace / 2.0).max(SLOWEST);
                (slow.halved_at, slow.stepped_at) = (now, now);
                slow.pace
            }
            None => {
                let measured = self.measure.per_second(now).max(SLOWEST);
                let usual = self.limit.map_or(measured, |limit| limit.min(measured));
                let pace = (usual / 2.0).max(SLOWEST);
                self.slow = Some(Slow { pace, usual, halved_at: now, stepped_at: now });
                pace
            }
        };
        self.tokens = 0.0;
        Some(pace)
    }

    /// A tenth of the usual pace faster for each second without a complaint.
    fn recover(&mut self, now: Instant) {
        let Some(slow) = &mut self.slow else { return };
        let steps = now.duration_since(slow.stepped_at).as_secs();
        if steps == 0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "more steps than f64 can count are enough")]
        let faster = slow.pace + steps as f64 * slow.usual / STEPS;
        slow.stepped_at += Duration::from_secs(steps);
        slow.pace = faster;
        if faster >= slow.usual {
            self.slow = None;
        }
    }

    fn fill(&mut self, now: Instant) {
        let seconds = now.duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        if let Some(pace) = self.pace() {
            self.tokens = (self.tokens + seconds * pace).min(pace.max(1.0));
        }
    }
}

impl Measure {
    fn count(&mut self, entries: usize, now: Instant) {
        self.turn(now);
        self.this += count(entries);
    }

    fn per_second(&mut self, now: Instant) -> f64 {
        self.turn(now);
        self.this.max(self.last)
    }

    fn turn(&mut self, now: Instant) {
        let age = now.duration_since(self.since);
        if age >= STEP {
            self.last = if age < STEP * 2 { self.this } else { 0.0 };
            self.this = 0.0;
            self.since = now;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "entries of a queue are far fewer than 2^52")]
fn count(entries: usize) -> f64 {
    entries as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Takes what may leave at once.
    fn take_all(throttle: &mut Throttle, now: Instant) -> usize {
        let mut taken = 0;
        while let Ok(allowed) = throttle.allows(1_000, 10, now) {
            assert!(taken < 10_000, "there is no limit");
            throttle.took(allowed, now);
            taken += allowed;
        }
        taken
    }

    #[test]
    fn it_holds_one_seconds_worth() {
        let begun = Instant::now();
        let mut throttle = Throttle::new(Some(100), begun);
        assert_eq!(take_all(&mut throttle, begun), 100);
        assert_eq!(take_all(&mut throttle, begun + SECOND / 4), 20, "tens, five are kept");
        assert_eq!(take_all(&mut throttle, begun + SECOND * 60), 100);
        let mut throttle = Throttle::new(None, begun);
        assert_eq!(throttle.allows(1_000, 10, begun), Ok(10));
    }

    #[test]
    fn it_halves_at_most_once_a_second_and_recovers_by_tenths() {
        let begun = Instant::now();
        for limit in [Some(100), None] {
            let mut throttle = Throttle::new(limit, begun);
            throttle.took(100, begun);
            let mut now = begun + SECOND / 2;
            assert_eq!(throttle.too_busy(now), Some(50.0));
            assert!(throttle.allows(1, 10, now).is_err(), "nothing leaves at once");
            assert_eq!(throttle.too_busy(now + SECOND / 2), None);
            assert_eq!(throttle.pace(), Some(50.0));
            now += SECOND;
            // A tenth of the hundred is back by then.
            assert_eq!(throttle.too_busy(now), Some(30.0));
            for tenths in 4..10 {
                now += SECOND;
                throttle.recover(now);
                assert_eq!(throttle.pace(), Some(f64::from(tenths) * 10.0));
            }
            now += SECOND;
            throttle.recover(now);
            assert_eq!(throttle.pace(), limit.map(f64::from), "only the setting counts again");
        }
    }

    #[test]
    fn it_never_stops() {
        let begun = Instant::now();
        let mut throttle = Throttle::new(Some(2), begun);
        let mut now = begun;
        for _ in 0..100 {
            throttle.too_busy(now);
            now += SECOND;
            assert!(throttle.pace().is_none_or(|pace| pace >= SLOWEST));
        }
        assert!(take_all(&mut throttle, now + SECOND) >= 1);
    }

    #[test]
    fn codes_of_a_busy_bus() {
        for code in ["ThrottlingException", "Throttled", "TooManyRequestsException", "Http429"] {
            assert!(is_throttling(code), "{code}");
        }
        for code in ["InternalFailure", "Http503", "", "AccessDenied"] {
            assert!(!is_throttling(code), "{code}");
        }
    }

    proptest! {
        /// Whenever it is asked, and however often: never more than the pace and one second's
        /// worth, and what is told to wait until then may leave then.
        #[test]
        fn the_pace_holds(limit in 1..500_u32, pauses in prop::collection::vec((0..2_000_u64, 1..50_usize), 1..100)) {
            let begun = Instant::now();
            let mut throttle = Throttle::new(Some(limit), begun);
            let (mut now, mut taken) = (begun, 0.0);
            for (pause, ready) in pauses {
                now += Duration::from_millis(pause);
                match throttle.allows(ready, 10, now) {
                    Ok(allowed) => {
                        let batch = allowed.min(ready);
                        throttle.took(batch, now);
                        taken += count(batch);
                    }
                    Err(later) => {
                        prop_assert!(later > now);
                        prop_assert!(throttle.allows(ready, 10, later).is_ok());
                        now = later;
                    }
                }
                let most = f64::from(limit) * ((now - begun).as_secs_f64() + 1.0);
                prop_assert!(taken <= most + 0.001, "{taken} of {most}");
            }
        }
    }
}
