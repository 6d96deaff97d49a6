//! How often one place in the code may log.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// Lines that a place may write at once.
const BURST: u32 = 100;
/// After that one each so long: 14,400 a day.
const EVERY: Duration = Duration::from_secs(6);

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It is written; so many of its place were not since the last one.
    Admitted {
        left_out: u64,
    },
    LeftOut,
}

/// Of all places; as many as the program has.
#[derive(Debug)]
pub struct Rates<K>(HashMap<K, Place>);

impl<K> Default for Rates<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

#[derive(Debug)]
struct Place {
    tokens: u32,
    /// When the last whole token was given.
    since: Duration,
    left_out: u64,
}

impl<K: Hash + Eq> Rates<K> {
    /// A line of `place` at `now`, which never goes back.
    pub fn admit(&mut self, place: K, now: Duration) -> Admission {
        let place = self.0.entry(place).or_insert(Place { tokens: BURST, since: now, left_out: 0 });
        let passed = now.saturating_sub(place.since);
        let given = u32::try_from(passed.as_millis() / EVERY.as_millis()).unwrap_or(BURST);
        if given > 0 {
            place.tokens = place.tokens.saturating_add(given).min(BURST);
            place.since = if given >= BURST { now } else { place.since + EVERY * given };
        }
        if place.tokens == 0 {
            place.left_out = place.left_out.saturating_add(1);
            return Admission::LeftOut;
        }
        place.tokens -= 1;
        Admission::Admitted { left_out: std::mem::take(&mut place.left_out) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_place_has_its_burst_then_its_rate_and_tells_what_it_left_out() {
        let mut rates = Rates::default();
        let all = Admission::Admitted { left_out: 0 };
        for _ in 0..BURST {
            assert_eq!(rates.admit("a", Duration::ZERO), all);
        }
        for _ in 0..7 {
            assert_eq!(rates.admit("a", Duration::ZERO), Admission::LeftOut);
        }
        assert_eq!(rates.admit("b", Duration::ZERO), all, "another place has its own");
        assert_eq!(rates.admit("a", EVERY), Admission::Admitted { left_out: 7 });
        assert_eq!(rates.admit("a", EVERY), Admission::LeftOut);
        let later = EVERY * (BURST + 10);
        for left_out in std::iter::once(1).chain(std::iter::repeat_n(0, 99)) {
            assert_eq!(rates.admit("a", later), Admission::Admitted { left_out });
        }
        assert_eq!(
            rates.admit("a", later),
            Admission::LeftOut,
            "rest gathers no more than a burst"
        );
    }

    proptest! {
        #[test]
        fn no_line_is_uncounted_and_no_stretch_has_more_than_its_bound(
            steps in proptest::collection::vec(0_u64..3000, 1..2000),
        ) {
            let mut rates = Rates::default();
            let (mut now, mut admitted, mut told) = (0, 0_u64, 0);
            let mut left_out = 0_u64;
            for step in steps {
                now += step;
                match rates.admit((), Duration::from_millis(now)) {
                    Admission::Admitted { left_out: count } => { admitted += 1; told += count; }
                    Admission::LeftOut => left_out += 1,
                }
                prop_assert!(admitted <= u64::from(BURST) + now / 6000);
            }
            let untold = rates.0[&()].left_out;
            prop_assert_eq!(told + untold, left_out);
        }
    }
}
