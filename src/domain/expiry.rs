//! When it is told that something ends: some days before, and after it, once each.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// So many days before its end it is told, once each.
pub const DAYS: [u8; 4] = [60, 30, 7, 1];

const DAY: SignedDuration = SignedDuration::from_hours(24);

/// What was told of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Of which: the next of the same name begins anew.
    pub fingerprint: String,
    /// The fewest days that were told; 0: that it is over.
    pub days: u8,
}

/// What is to be told of `fingerprint` at `now`, if anything is; then that is what was told.
///
/// A certificate that lives no longer than so many days is not told of at them: it would be at its
/// birth. `not_before`: `None` if it does not say. Of several days that passed meanwhile the last
/// one is told.
pub fn due(
    fingerprint: &str,
    not_before: Option<Timestamp>,
    not_after: Timestamp,
    now: Timestamp,
    told: Option<&Told>,
) -> Option<Told> {
    let life = not_before.map(|from| not_after.duration_since(from));
    let left = not_after.duration_since(now);
    let reached = if left.is_negative() {
        0
    } else {
        let counts = |days: u8| {
            let span = DAY * i32::from(days);
            left <= span && life.is_none_or(|life| life > span)
        };
        DAYS.into_iter().filter(|days| counts(*days)).min()?
    };
    let told = told.filter(|told| told.fingerprint == fingerprint);
    told.is_none_or(|told| reached < told.days)
        .then(|| Told { fingerprint: fingerprint.to_owned(), days: reached })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use proptest::prelude::*;

    use super::*;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + day * 86_400).unwrap()
    }

    /// Looks once an hour for so many days, and lists the days that were told.
    fn lived(life: i64, days: i64) -> Vec<(i64, u8)> {
        let mut told: Option<Told> = None;
        let mut all = Vec::new();
        for hour in 0..days * 24 {
            let now = Timestamp::from_second(day(0).as_second() + hour * 3600).unwrap();
            if let Some(new) = due("a", Some(day(0)), day(life), now, told.as_ref()) {
                all.push((hour / 24, new.days));
                told = Some(new);
            }
        }
        all
    }

    #[test]
    fn each_day_is_told_once() {
        assert_eq!(lived(90, 100), [(30, 60), (60, 30), (83, 7), (89, 1), (90, 0)]);
        assert_eq!(lived(30, 40), [(23, 7), (29, 1), (30, 0)], "no news at its birth");
        assert_eq!(lived(1, 3), [(1, 0)]);
    }

    #[test]
    fn after_a_long_absence_the_last_day_alone_is_told() {
        let told = due("a", Some(day(0)), day(90), day(85), None).unwrap();
        assert_eq!(told.days, 7);
        assert_eq!(due("a", Some(day(0)), day(90), day(85), Some(&told)), None);
        // Another certificate in its place begins anew.
        let next = due("b", Some(day(80)), day(170), day(165), Some(&told)).unwrap();
        assert_eq!((next.fingerprint.as_str(), next.days), ("b", 7));
        assert_eq!(due("b", Some(day(80)), day(170), day(85), Some(&told)), None);
        assert_eq!(due("c", None, day(90), day(29), None), None);
        assert_eq!(due("c", None, day(90), day(30), None).unwrap().days, 60);
    }

    proptest! {
        /// Whenever it is looked, nothing is told twice, and the days fall.
        #[test]
        fn days_fall(life in 1_i64..400, looks in prop::collection::vec(0_i64..500, 1..60)) {
            let mut looks = looks;
            looks.sort_unstable();
            let mut told: Option<Told> = None;
            for look in looks {
                if let Some(new) = due("a", Some(day(0)), day(life), day(look), told.as_ref()) {
                    prop_assert!(told.as_ref().is_none_or(|old| new.days < old.days));
                    prop_assert!(new.days == 0 || look + i64::from(new.days) >= life);
                    told = Some(new);
                }
            }
        }
    }
}
