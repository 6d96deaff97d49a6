//! When keys are fetched anew. Pure.

use std::time::Duration;

/// Keys are fetched anew after this part of their life at the earliest, in percent.
pub const EARLIEST: u32 = 60;
/// And after this part at the latest, so that an outage of a fifth of their life is not noticed.
pub const LATEST: u32 = 80;
/// Keys count as over so long before they are: a call that carries them takes some time.
pub const MARGIN: Duration = Duration::from_secs(5);
/// Never more often than this, however short keys live.
pub const LEAST_PAUSE: Duration = Duration::from_secs(1);

/// After how much of a `life` new keys are fetched; `chance` is in 0..1, so that gateways that
/// started together do not ask together.
pub fn refresh_after(life: Duration, chance: f64) -> Duration {
    let (earliest, latest) = (life * EARLIEST / 100, life * LATEST / 100);
    (earliest + latest.saturating_sub(earliest).mul_f64(chance.clamp(0.0, 1.0))).max(LEAST_PAUSE)
}

/// For how much of a `life` keys are handed out.
pub fn usable_for(life: Duration) -> Duration {
    // Of very short lives a tenth.
    life.saturating_sub(MARGIN.min(life / 10))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// New keys come while the old ones are good, with room for tries.
        #[test]
        fn new_keys_come_in_time(seconds in 10_u64..43_200, chance in 0.0..1.0_f64) {
            let life = Duration::from_secs(seconds);
            let at = refresh_after(life, chance);
            prop_assert!(at >= life * EARLIEST / 100 && at <= life * LATEST / 100);
            prop_assert!(at <= usable_for(life), "{at:?} of {life:?}");
        }
    }

    #[test]
    fn chance_spreads_them_and_short_lives_make_no_storm() {
        let hour = Duration::from_secs(3600);
        assert_eq!(refresh_after(hour, 0.0), hour * 60 / 100);
        assert_eq!(refresh_after(hour, 1.0), hour * 80 / 100);
        assert_eq!(refresh_after(Duration::ZERO, 0.5), LEAST_PAUSE);
        assert_eq!(usable_for(hour), Duration::from_secs(3595));
        assert_eq!(usable_for(Duration::from_secs(10)), Duration::from_secs(9));
        assert_eq!(usable_for(Duration::ZERO), Duration::ZERO);
    }
}
