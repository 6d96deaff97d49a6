//! How long to wait after the bus could not take something: full jitter, bounded.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(60);

/// The wait before attempt `failures + 1`; `jitter` is in 0..1.
///
/// Never longer than the `outage` has lasted: traffic makes attempts, and many attempts in a
/// short outage are no reason for a long wait after it.
pub fn delay(failures: u32, outage: Duration, jitter: f64) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.clamp(1, 16).saturating_sub(1));
    let ceiling = doubled.min(MOST).min(outage.max(FIRST));
    ceiling.mul_f64(jitter.clamp(0.05, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_its_bound_and_is_never_nothing() {
        let long = Duration::MAX;
        assert_eq!(delay(1, long, 1.0), FIRST);
        assert_eq!(delay(3, long, 1.0), FIRST * 4);
        assert_eq!(delay(u32::MAX, long, 1.0), MOST);
        assert!(delay(1, long, 0.0) > Duration::ZERO);
    }

    #[test]
    fn many_attempts_in_a_short_outage_make_no_long_wait() {
        assert_eq!(delay(100, Duration::ZERO, 1.0), FIRST);
        assert_eq!(delay(100, Duration::from_secs(3), 1.0), Duration::from_secs(3));
        assert_eq!(delay(2, Duration::from_secs(3), 1.0), FIRST * 2);
    }
}
