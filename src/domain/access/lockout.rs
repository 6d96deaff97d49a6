//! Who tries too often is refused for a while: an authenticated asker, or a keypad as a whole.
//!
//! Monotonic time only. Nobody gets in here who was not authenticated, so that a stranger locks
//! nobody out, and a keypad's lockout says nothing of signed requests.
//!
//! Each issuer has at most [`SUBJECTS_OF_ONE`] buckets of its own; at that bound, and at
//! [`MAX_ISSUERS`], buckets at rest, which differ from a new one in nothing, make room first. If
//! none is at rest, further subjects of that issuer share one bucket, and further issuers another.
//! So a bucket that holds anything against anybody is never thrown out, and who fills his own
//! issuer's share throttles nobody of another.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::names::{IssuerName, SubjectRef};
use crate::domain::ids::EndpointId;

/// Most attempts at once.
pub const BURST: u32 = 10;
/// One more attempt is admitted each so long.
pub const PACE: Duration = Duration::from_secs(6);
/// Most failures before a lockout.
pub const FAILURES: u32 = 5;
/// One failure is forgiven each so long.
pub const FORGIVEN: Duration = Duration::from_secs(120);
/// How long a lockout lasts.
pub const LOCKED: Duration = Duration::from_secs(300);
/// Most buckets of one issuer's subjects.
pub const SUBJECTS_OF_ONE: usize = 256;
/// Most issuers with buckets of their own.
pub const MAX_ISSUERS: usize = 256;
/// Most keypads with buckets of their own.
pub const MAX_KEYPADS: usize = 256;

/// Who tries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    /// Somebody for whom a trusted issuer speaks.
    Asker(IssuerName, SubjectRef),
    /// Whoever stands at this keypad.
    Keypad(EndpointId),
}

/// What is held against somebody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Bucket {
    /// When the attempts so far are paid off.
    attempts: Duration,
    /// When the failures so far are forgiven.
    failures: Duration,
    /// Until when nothing is admitted.
    locked: Duration,
}

impl Bucket {
    fn locked(&self, now: Duration) -> bool {
        now < self.locked
    }

    /// Whether one more attempt is in the pace; counts it if so.
    fn attempt(&mut self, now: Duration) -> bool {
        let owed = self.attempts.saturating_sub(now);
        if owed.saturating_add(PACE) > PACE.saturating_mul(BURST) {
            return false;
        }
        self.attempts = now.saturating_add(owed).saturating_add(PACE);
        true
    }

    fn fail(&mut self, now: Duration) {
        let owed = self.failures.saturating_sub(now).saturating_add(FORGIVEN);
        self.failures = now.saturating_add(owed);
        if owed > FORGIVEN.saturating_mul(FAILURES - 1) {
            self.locked = self.locked.max(now.saturating_add(LOCKED));
            // The lockout is the price; what was owed is paid.
            self.failures = Duration::ZERO;
        }
    }

    /// Whether nothing is held against anybody.
    fn rests(&self, now: Duration) -> bool {
        self.attempts.max(self.failures).max(self.locked) <= now
    }

    fn left(&self, now: Duration) -> Left {
        let left = |until: Duration| until.saturating_sub(now);
        Left {
            attempts: left(self.attempts),
            failures: left(self.failures),
            locked: left(self.locked),
        }
    }

    /// As it was stored, but nothing beyond what it can come to.
    fn of(left: &Left, now: Duration) -> Self {
        let until = |left: Duration, most: Duration| now.saturating_add(left.min(most));
        Self {
            attempts: until(left.attempts, PACE.saturating_mul(BURST)),
            failures: until(left.failures, FORGIVEN.saturating_mul(FAILURES)),
            locked: until(left.locked, LOCKED),
        }
    }
}

/// What is left of a bucket, to outlive a restart: a restart makes no lockout shorter or longer
/// but for the time that it took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    attempts: Duration,
    failures: Duration,
    locked: Duration,
}

/// All that is held against somebody with a bucket of his own, to be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    askers: Vec<(IssuerName, SubjectRef, Left)>,
    keypads: Vec<(EndpointId, Left)>,
}

/// The buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lockout {
    issuers: BTreeMap<IssuerName, Group<SubjectRef>>,
    keypads: Group<EndpointId>,
    other_issuers: Bucket,
}

/// Buckets by name, and one for those that there is no room for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Group<K> {
    own: BTreeMap<K, Bucket>,
    rest: Bucket,
}

impl<K> Default for Group<K> {
    fn default() -> Self {
        Self { own: BTreeMap::new(), rest: Bucket::default() }
    }
}

impl<K: Ord + Clone> Group<K> {
    fn get(&self, key: &K, bound: usize) -> Bucket {
        let fallback = if self.own.len() < bound { Bucket::default() } else { self.rest };
        self.own.get(key).copied().unwrap_or(fallback)
    }

    fn get_mut(&mut self, key: &K, bound: usize, now: Duration) -> &mut Bucket {
        if self.own.len() >= bound && !self.own.contains_key(key) {
            self.own.retain(|_, bucket| !bucket.rests(now));
            if self.own.len() >= bound {
                return &mut self.rest;
            }
        }
        self.own.entry(key.clone()).or_default()
    }

    fn rests(&self, now: Duration) -> bool {
        self.rest.rests(now) && self.own.values().all(|bucket| bucket.rests(now))
    }
}

impl Lockout {
    /// Somebody tries: false if he is locked out or too fast. One try that is admitted counts
    /// towards the pace; one that is refused does not, and a lockout does not become longer by
    /// trying.
    pub fn attempt(&mut self, who: &Who, monotonic: Duration) -> bool {
        let bucket = self.bucket(who, monotonic);
        !bucket.locked(monotonic) && bucket.attempt(monotonic)
    }

    /// He failed in something that he has no right to ([`super::reason::Reason::is_guess`]).
    pub fn fail(&mut self, who: &Who, monotonic: Duration) {
        self.bucket(who, monotonic).fail(monotonic);
    }

    /// Whether he is locked out. A look, no attempt.
    pub fn is_locked(&self, who: &Who, monotonic: Duration) -> bool {
        let bucket = match who {
            Who::Asker(issuer, subject) => match self.issuers.get(issuer) {
                Some(group) => group.get(subject, SUBJECTS_OF_ONE),
                None if self.issuers.len() < MAX_ISSUERS => Bucket::default(),
                None => self.other_issuers,
            },
            Who::Keypad(endpoint) => self.keypads.get(endpoint, MAX_KEYPADS),
        };
        bucket.locked(monotonic)
    }

    /// What is to be stored: buckets that are not at rest.
    pub fn store(&self, monotonic: Duration) -> Stored {
        let askers =
            self.issuers.iter().flat_map(|(issuer, group)| {
                group.own.iter().filter(|(_, bucket)| !bucket.rests(monotonic)).map(
                    |(subject, bucket)| (issuer.clone(), subject.clone(), bucket.left(monotonic)),
                )
            });
        let keypads = self.keypads.own.iter();
        let keypads = keypads
            .filter(|(_, bucket)| !bucket.rests(monotonic))
            .map(|(endpoint, bucket)| (endpoint.clone(), bucket.left(monotonic)));
        Stored { askers: askers.collect(), keypads: keypads.collect() }
    }

    /// From what was stored, at the start of another run.
    pub fn restore(stored: &Stored, monotonic: Duration) -> Self {
        let mut lockout = Self::default();
        for (issuer, subject, left) in &stored.askers {
            let who = Who::Asker(issuer.clone(), subject.clone());
            *lockout.bucket(&who, monotonic) = Bucket::of(left, monotonic);
        }
        for (endpoint, left) in &stored.keypads {
            let who = Who::Keypad(endpoint.clone());
            *lockout.bucket(&who, monotonic) = Bucket::of(left, monotonic);
        }
        lockout
    }

    fn bucket(&mut self, who: &Who, now: Duration) -> &mut Bucket {
        let (issuer, subject) = match who {
            Who::Keypad(endpoint) => return self.keypads.get_mut(endpoint, MAX_KEYPADS, now),
            Who::Asker(issuer, subject) => (issuer, subject),
        };
        if self.issuers.len() >= MAX_ISSUERS && !self.issuers.contains_key(issuer) {
            self.issuers.retain(|_, group| !group.rests(now));
            if self.issuers.len() >= MAX_ISSUERS {
                return &mut self.other_issuers;
            }
        }
        self.issuers.entry(issuer.clone()).or_default().get_mut(subject, SUBJECTS_OF_ONE, now)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::super::reason::{Channel, Reason};
    use super::super::strangers::Strangers;
    use super::*;

    fn asker(issuer: &str, subject: &str) -> Who {
        Who::Asker(IssuerName::new(issuer), SubjectRef::new(subject))
    }

    fn keypad(name: &str) -> Who {
        Who::Keypad(EndpointId::new(name))
    }

    const fn second(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn failures_lock_out_for_a_while() {
        let mut lockout = Lockout::default();
        let courier = asker("acme", "c-1");
        for at in 1..u64::from(FAILURES) {
            lockout.fail(&courier, second(at));
            assert!(!lockout.is_locked(&courier, second(at)));
        }
        lockout.fail(&courier, second(10));
        assert!(lockout.is_locked(&courier, second(10)));
        assert!(!lockout.attempt(&courier, second(309)));
        assert!(!lockout.is_locked(&courier, second(310)));
        assert!(lockout.attempt(&courier, second(310)), "trying made it no longer");
    }

    #[test]
    fn failures_are_forgiven_one_by_one() {
        let mut lockout = Lockout::default();
        let courier = asker("acme", "c-1");
        for number in 0..50 {
            lockout.fail(&courier, FORGIVEN * number);
            assert!(!lockout.is_locked(&courier, FORGIVEN * number));
        }
    }

    #[test]
    fn attempts_have_a_pace() {
        let mut lockout = Lockout::default();
        let courier = asker("acme", "c-1");
        for _ in 0..BURST {
            assert!(lockout.attempt(&courier, second(1)));
        }
        assert!(!lockout.attempt(&courier, second(1)));
        assert!(!lockout.attempt(&courier, second(6)));
        assert!(lockout.attempt(&courier, second(7)));
        assert!(!lockout.attempt(&courier, second(7)));
    }

    #[test]
    fn forged_requests_by_the_thousand_lock_no_courier_out() {
        let mut lockout = Lockout::default();
        let mut strangers = Strangers::default();
        let courier = asker("acme", "c-1");
        let before = lockout.clone();
        for _ in 0..10_000 {
            // Whatever it claims to be, a forged request fails row 1 or 2 and is counted there.
            assert!(strangers.count(Channel::Request, Reason::InvalidSignature, second(1)));
        }
        assert_eq!(lockout, before);
        assert!(lockout.attempt(&courier, second(1)));
    }

    #[test]
    fn a_keypad_that_is_locked_out_locks_no_courier_and_no_other_keypad_out() {
        let mut lockout = Lockout::default();
        for _ in 0..1_000 {
            lockout.fail(&keypad("z:front"), second(1));
        }
        assert!(lockout.is_locked(&keypad("z:front"), second(1)));
        assert!(!lockout.is_locked(&keypad("z:back"), second(1)));
        assert!(lockout.attempt(&asker("acme", "c-1"), second(1)));
    }

    #[test]
    fn an_issuer_that_floods_throttles_its_own_newcomers_only() {
        let mut lockout = Lockout::default();
        let culprit = asker("acme", "culprit");
        (0..FAILURES).for_each(|_| lockout.fail(&culprit, second(1)));
        for number in 0..20_000 {
            lockout.fail(&asker("acme", &format!("s-{number}")), second(2));
        }
        assert!(lockout.is_locked(&culprit, second(2)), "its lockout was not flushed");
        assert!(lockout.is_locked(&asker("acme", "newcomer"), second(2)));
        assert!(lockout.attempt(&asker("other", "c-1"), second(2)));
        let group = &lockout.issuers[&IssuerName::new("acme")];
        assert_eq!(group.own.len(), SUBJECTS_OF_ONE);
    }

    #[test]
    fn many_issuers_throttle_none_that_has_its_bucket() {
        let mut lockout = Lockout::default();
        let courier = asker("acme", "c-1");
        assert!(lockout.attempt(&courier, second(1)));
        for number in 0..2 * MAX_ISSUERS {
            for _ in 0..FAILURES {
                lockout.fail(&asker(&format!("issuer-{number}"), "s"), second(2));
            }
        }
        assert_eq!(lockout.issuers.len(), MAX_ISSUERS);
        assert!(lockout.attempt(&courier, second(2)));
        assert!(lockout.is_locked(&asker("newcomer", "s"), second(2)));
        // Later, buckets at rest make room.
        assert!(lockout.attempt(&asker("newcomer", "s"), second(1_000)));
    }

    #[test]
    fn keypads_beyond_the_bound_share_a_bucket() {
        let mut lockout = Lockout::default();
        for number in 0..MAX_KEYPADS {
            lockout.fail(&keypad(&format!("z:{number}")), second(1));
        }
        (0..FAILURES).for_each(|_| lockout.fail(&keypad("z:a"), second(1)));
        assert!(lockout.is_locked(&keypad("z:b"), second(1)));
        assert!(!lockout.is_locked(&keypad("z:1"), second(1)));
        assert_eq!(lockout.keypads.own.len(), MAX_KEYPADS);
    }

    #[test]
    fn a_restart_neither_ends_nor_lengthens_a_lockout() {
        let mut lockout = Lockout::default();
        let (courier, front) = (asker("acme", "c-1"), keypad("z:front"));
        for _ in 0..FAILURES {
            lockout.fail(&courier, second(1_000));
            lockout.fail(&front, second(1_000));
        }
        let text = serde_json::to_string(&lockout.store(second(1_100))).unwrap();
        let again = Lockout::restore(&serde_json::from_str(&text).unwrap(), second(5));
        for who in [courier, front] {
            assert!(again.is_locked(&who, second(204)));
            assert!(!again.is_locked(&who, second(205)));
        }
    }

    proptest! {
        /// Whatever happens, the number of attempts admitted in any stretch of time is bounded by
        /// the burst and the pace.
        #[test]
        fn the_pace_holds(mut times in proptest::collection::vec(0u64..2_000, 1..200)) {
            times.sort_unstable();
            let mut lockout = Lockout::default();
            let courier = asker("acme", "c-1");
            let admitted: Vec<u64> = times
                .into_iter()
                .filter(|at| lockout.attempt(&courier, second(*at)))
                .collect();
            for (number, first) in admitted.iter().enumerate() {
                for (more, last) in admitted.iter().enumerate().skip(number) {
                    let most = u64::from(BURST) + (last - first) / PACE.as_secs();
                    prop_assert!((more - number + 1) as u64 <= most);
                }
            }
        }
    }
}
