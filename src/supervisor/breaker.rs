//! When a vendor's process is started again, and when it is isolated.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_secs(60);
/// A run this long forgives what came before it.
pub const STABLE: Duration = Duration::from_secs(60);
/// So many failures without a stable run isolate the vendor.
pub const FAILURES: u32 = 5;
/// While isolated it is tried this seldom, plus jitter up to as much again.
const SLOW: Duration = Duration::from_secs(60);

/// A vendor's record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    isolated: bool,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub wait: Duration,
    /// The vendor has just become isolated.
    pub isolate: bool,
    /// It was isolated until now, and ran well before it ended.
    pub recovered: bool,
}

impl Breaker {
    /// The process ended after `ran`; `jitter` is in 0..1.
    pub fn failed(&mut self, ran: Duration, jitter: f64) -> Verdict {
        let recovered = ran >= STABLE && self.recovered();
        if ran >= STABLE {
            self.failures = 0;
        }
        self.failures = self.failures.saturating_add(1);
        let jitter = jitter.clamp(0.0, 1.0);
        let isolate = !self.isolated && self.failures >= FAILURES;
        self.isolated |= isolate;
        let wait = if self.isolated {
            SLOW.mul_f64(1.0 + jitter)
        } else if self.failures == 1 {
            // The first restart is at once: most faults are over with the process.
            Duration::ZERO
        } else {
            FIRST.saturating_mul(1 << (self.failures - 1).min(6)).min(MOST).mul_f64(jitter)
        };
        Verdict { wait, isolate, recovered }
    }

    /// It runs well again; true if it was isolated until now.
    pub fn recovered(&mut self) -> bool {
        std::mem::take(&mut self.isolated)
    }

    pub fn failures(&self) -> u32 {
        self.failures
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_quick_failures_isolate_and_a_stable_run_forgives() {
        let mut breaker = Breaker::default();
        for _ in 1..FAILURES {
            assert!(!breaker.failed(Duration::ZERO, 1.0).isolate);
        }
        let verdict = breaker.failed(Duration::ZERO, 0.0);
        assert!(verdict.isolate && verdict.wait >= SLOW);
        assert!(!breaker.failed(Duration::ZERO, 0.0).isolate);
        assert!(breaker.recovered());
        assert!(!breaker.recovered());
        assert!(!breaker.failed(STABLE, 0.0).recovered);
        assert_eq!(breaker.failures(), 1);
    }

    #[test]
    fn a_stable_run_that_ends_ends_the_isolation_too() {
        let mut breaker = Breaker::default();
        for _ in 0..FAILURES {
            breaker.failed(Duration::ZERO, 0.0);
        }
        let verdict = breaker.failed(STABLE, 0.0);
        assert!(verdict.recovered && !verdict.isolate);
        assert_eq!(verdict.wait, Duration::ZERO);
    }
}
