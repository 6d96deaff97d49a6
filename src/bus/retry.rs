//! How long to wait after the bus could not take something: full jitter, bounded.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const MOST: Duration = Duration::from_secs(60);

/// The wait before attempt `failures + 1`; `jitter` is in 0..1.
pub fn delay(failures: u32, jitter: f64) -> Duration {
    let ceiling = FIRST.saturating_mul(1 << failures.clamp(1, 16).saturating_sub(1)).min(MOST);
    ceiling.mul_f64(jitter.clamp(0.05, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_to_its_bound_and_is_never_nothing() {
        assert_eq!(delay(1, 1.0), FIRST);
        assert_eq!(delay(3, 1.0), FIRST * 4);
        assert_eq!(delay(u32::MAX, 1.0), MOST);
        assert!(delay(1, 0.0) > Duration::ZERO);
    }
}
