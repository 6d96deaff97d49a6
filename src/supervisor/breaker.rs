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
}

impl Breaker {
    /// The process ended after `ran`; `jitter` is in 0..1.
    pub fn failed(&mut self, ran: Duration, jitter: f64) -> Verdict {
        if ran >= STABLE {
            self.failures = 0;
            self.isolated = false;
        }
        self.failures = self.failures.saturating_add(1);
        let jitter = jitter.clamp(0.0, 1.0);
        if self.isolated {
            return Verdict { wait: SLOW.mul_f64(1.0 + jitter), isolate: false };
        }
        if self.failures >= FAILURES {
            self.isolated = true;
            return Verdict { wait: SLOW.mul_f64(1.0 + jitter), isolate: true };
        }
        let ceiling = FIRST.saturating_mul(1 << (self.failures - 1).min(6)).min(MOST);
        // The first restart is at once: most faults are over with the process.
        let wait = if self.failures == 1 { Duration::ZERO } else { ceiling.mul_f64(jitter) };
        Verdict { wait, isolate: false }
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
        breaker.failed(STABLE, 0.0);
        assert_eq!(breaker.failures(), 1);
    }
}
