//! How long something takes, counted in fixed steps: bounded in memory however often it happens,
//! and summable over gateways, as Prometheus's histograms are.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The upper ends of the steps in milliseconds; what takes longer than the last is counted in the
/// whole alone.
pub const STEPS_MS: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 5000, 30_000];

/// How often it took how long, since the gateway started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Durations {
    /// By step, not added up.
    steps: [u64; STEPS_MS.len()],
    count: u64,
    /// All of them together, in microseconds.
    sum_us: u64,
}

impl Durations {
    /// Counts one.
    pub fn add(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let step = STEPS_MS.iter().position(|most| us <= most.saturating_mul(1000));
        if let Some(step) = step.and_then(|step| self.steps.get_mut(step)) {
            *step = step.saturating_add(1);
        }
        self.count = self.count.saturating_add(1);
        self.sum_us = self.sum_us.saturating_add(us);
    }

    /// Each step's upper end in seconds with how many took no longer than the one below it but no
    /// longer than this; the last, without an end, holds the rest.
    pub fn buckets(&self) -> Vec<(f64, u64)> {
        let ends = STEPS_MS.iter().map(|ms| Duration::from_millis(*ms).as_secs_f64());
        let mut buckets: Vec<(f64, u64)> = ends.zip(self.steps).collect();
        let inside: u64 = self.steps.iter().sum();
        buckets.push((f64::INFINITY, self.count.saturating_sub(inside)));
        buckets
    }

    /// The upper end, in milliseconds, of the step within which `percent` of them lie; `None` for
    /// none, and where that took longer than the last step.
    pub fn within_ms(&self, percent: u64) -> Option<u64> {
        let wanted = self.count.saturating_mul(percent).div_ceil(100);
        let mut reached = 0_u64;
        STEPS_MS.into_iter().zip(self.steps).find_map(|(ms, count)| {
            reached = reached.saturating_add(count);
            (wanted > 0 && reached >= wanted).then_some(ms)
        })
    }

    /// How many.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// All of them together, in seconds.
    pub fn sum_s(&self) -> f64 {
        Duration::from_micros(self.sum_us).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_counted_in_the_first_step_that_holds_it() {
        let mut durations = Durations::default();
        for us in [0, 1000, 1001, 30_000_000, 30_000_001] {
            durations.add(Duration::from_micros(us));
        }
        let counted: Vec<(f64, u64)> =
            durations.buckets().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counted, [(0.001, 2), (0.002, 1), (30.0, 1), (f64::INFINITY, 1)]);
        assert_eq!(durations.count(), 5);
        assert!((durations.sum_s() - 60.002_002).abs() < 1e-9);
    }

    #[test]
    fn a_quantile_is_the_end_of_its_step() {
        let mut durations = Durations::default();
        assert_eq!(durations.within_ms(50), None);
        for _ in 0..99 {
            durations.add(Duration::from_millis(2));
        }
        durations.add(Duration::from_millis(150));
        assert_eq!((durations.within_ms(50), durations.within_ms(99)), (Some(2), Some(2)));
        durations.add(Duration::from_secs(60));
        assert_eq!((durations.within_ms(99), durations.within_ms(100)), (Some(200), None));
    }

    #[test]
    fn what_takes_for_ever_breaks_nothing() {
        let mut durations = Durations::default();
        durations.add(Duration::MAX);
        durations.add(Duration::MAX);
        assert_eq!(durations.buckets().last(), Some(&(f64::INFINITY, 2)));
    }
}
