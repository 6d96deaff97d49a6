//! How much may come in a stretch of time: a token bucket, in virtual time.
//!
//! It is kept as one moment, that at which the bucket will be full again (the generic cell rate
//! algorithm of ITU-T I.371): what is taken moves it on, and no timer fills anything.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// So much a second in the long run, and so much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Rate {
    per_s: u64,
    burst: u64,
}

impl Rate {
    /// Both at least 1; what is less counts as 1.
    pub const fn new(per_s: u64, burst: u64) -> Self {
        let per_s = if per_s == 0 { 1 } else { per_s };
        let burst = if burst == 0 { 1 } else { burst };
        Self { per_s, burst }
    }

    /// Tokens that come back each second.
    pub const fn per_s(self) -> u64 {
        self.per_s
    }

    /// Most tokens at a time.
    pub const fn burst(self) -> u64 {
        self.burst
    }

    /// How long `amount` tokens take to come back; rounded up, so that it never gives more.
    fn time(self, amount: u64) -> Duration {
        let nanos = (u128::from(amount) * 1_000_000_000).div_ceil(u128::from(self.per_s));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl From<(u64, u64)> for Rate {
    fn from((per_s, burst): (u64, u64)) -> Self {
        Self::new(per_s, burst)
    }
}

impl From<Rate> for (u64, u64) {
    fn from(rate: Rate) -> Self {
        (rate.per_s, rate.burst)
    }
}

/// What has been taken from one bucket. A new one is full.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Bucket {
    /// When it is full again.
    full: Duration,
}

impl Bucket {
    /// Takes `amount` if at least one token is there at `now`; what is missing is owed.
    pub fn take(&mut self, now: Duration, rate: Rate, amount: u64) -> bool {
        let after = self.full.max(now).saturating_add(rate.time(1));
        let there = after <= now.saturating_add(rate.time(rate.burst));
        if there {
            self.charge(now, rate, amount);
        }
        there
    }

    /// Takes `amount` whether it is there or not: what is missing is owed, and nothing is there
    /// until it has come back ([`Self::owes`]). For what has come already, and can only be
    /// followed by less.
    pub fn charge(&mut self, now: Duration, rate: Rate, amount: u64) {
        self.full = self.full.max(now).saturating_add(rate.time(amount));
    }

    /// How long until nothing is owed any more.
    pub fn owes(&self, now: Duration, rate: Rate) -> Duration {
        self.full.saturating_sub(now).saturating_sub(rate.time(rate.burst))
    }

    /// When the next token is there; not after now if one is.
    pub fn next(&self, rate: Rate) -> Duration {
        (self.full + rate.time(1)).saturating_sub(rate.time(rate.burst))
    }

    /// Whether nothing has been taken that has not come back: it is as good as a new one.
    pub fn is_full(&self, now: Duration) -> bool {
        self.full <= now
    }
}

/// What one vendor, and each of its devices, may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Messages of one device that are taken in one by one: those that tell of acts, and those
    /// that tell of states, each for themselves.
    pub device: Rate,
    /// Frames of the vendor's process.
    pub frames: Rate,
    /// Bytes of the vendor's process.
    pub bytes: Rate,
}

impl Limits {
    pub const DEVICE_PER_S: u64 = 10;
    pub const DEVICE_BURST: u64 = 100;
    pub const PER_S: u64 = 20_000;
    pub const BURST: u64 = 40_000;
    /// Bytes of a vendor a second; a bound of the core's own that no file changes.
    pub const BYTES_PER_S: u64 = 16 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            device: Rate::new(Self::DEVICE_PER_S, Self::DEVICE_BURST),
            frames: Rate::new(Self::PER_S, Self::BURST),
            bytes: Rate::new(Self::BYTES_PER_S, 2 * Self::BYTES_PER_S),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_burst_goes_through_and_then_as_many_as_come_back() {
        let rate = Rate::new(10, 100);
        let mut bucket = Bucket::default();
        let taken = (0..1000).filter(|_| bucket.take(MS(5000), rate, 1)).count();
        assert_eq!(taken, 100);
        assert_eq!(bucket.next(rate), MS(5100));
        assert!(!bucket.take(MS(5099), rate, 1));
        assert!(bucket.take(MS(5100), rate, 1));
        assert!(!bucket.is_full(MS(15_099)) && bucket.is_full(MS(15_100)));
    }

    #[test]
    fn what_is_owed_has_to_come_back_first() {
        let rate = Rate::new(1000, 1000);
        let mut bucket = Bucket::default();
        bucket.charge(MS(0), rate, 3000);
        assert_eq!(bucket.owes(MS(0), rate), MS(2000));
        assert_eq!(bucket.owes(MS(2000), rate), MS(0));
        assert!(!bucket.take(MS(2000), rate, 1) && bucket.take(MS(2001), rate, 1));
    }

    #[test]
    fn what_takes_more_than_there_is_goes_through_and_is_owed() {
        let rate = Rate::new(10, 100);
        let mut bucket = Bucket::default();
        assert!(bucket.take(MS(0), rate, 266));
        assert!(!bucket.take(MS(16_699), rate, 1) && bucket.take(MS(16_700), rate, 1));
    }

    proptest! {
        /// In any stretch of time no more passes than a burst and what comes back in it; and what
        /// was refused passes when `next` says so.
        #[test]
        fn never_more_than_burst_and_rate(
            per_s in 1u64..100_000,
            burst in 1u64..500,
            steps in proptest::collection::vec((0u64..200_000_000, 1u32..50), 1..60),
        ) {
            let rate = Rate::new(per_s, burst);
            let mut bucket = Bucket::default();
            let mut now = Duration::ZERO;
            let mut passed: Vec<Duration> = Vec::new();
            for (nanos, tries) in steps {
                now += Duration::from_nanos(nanos);
                for _ in 0..tries {
                    let is = bucket.next(rate) <= now;
                    prop_assert_eq!(bucket.take(now, rate, 1), is);
                    if is {
                        passed.push(now);
                    }
                }
                for (index, from) in passed.iter().enumerate() {
                    let within = (passed.len() - index) as u128;
                    let back = now.saturating_sub(*from).as_nanos() * u128::from(per_s) / 1_000_000_000;
                    prop_assert!(within <= u128::from(burst) + back + 1, "{} in {:?}", within, now.saturating_sub(*from));
                }
            }
            let next = bucket.next(rate).max(now);
            prop_assert!(bucket.take(next, rate, 1));
        }
    }
}
