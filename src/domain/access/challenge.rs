//! Challenges of ours: what carries one in its signed part was signed after it was issued, and
//! counts once. They live as long as the process.

use std::sync::Arc;
use std::time::Duration;

/// How long a challenge counts, by the monotonic clock.
pub const CHALLENGE_LIFE: Duration = Duration::from_secs(60);
/// Most challenges that are outstanding. Beyond: none is issued until one is taken or past, so
/// that nobody makes another's useless by asking for more.
pub const MAX_CHALLENGES: usize = 64;

/// What is given out: base64url, 16 to 128 characters, from a good source of chance.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Nonce(Arc<str>);

impl Nonce {
    /// From text that was drawn or received.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A challenge came back in its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// How long ago it was issued.
    pub age: Duration,
}

/// The challenges that are outstanding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Challenges {
    /// Oldest first.
    outstanding: Vec<(Nonce, Duration)>,
}

impl Challenges {
    /// Issues `nonce`, freshly drawn. False, and it must not be given out, if too many are
    /// outstanding or this one was issued already.
    pub fn issue(&mut self, nonce: Nonce, monotonic: Duration) -> bool {
        self.outstanding.retain(|(_, issued)| counts(*issued, monotonic));
        if self.outstanding.len() >= MAX_CHALLENGES
            || self.outstanding.iter().any(|(known, _)| *known == nonce)
        {
            return false;
        }
        self.outstanding.push((nonce, monotonic));
        true
    }

    /// A challenge came back: it counts now or never again. `None`: it is past, taken, not ours,
    /// or of an earlier run of the process.
    pub fn take(&mut self, nonce: &Nonce, monotonic: Duration) -> Option<Taken> {
        let at = self.outstanding.iter().position(|(known, _)| known == nonce)?;
        let (_, issued) = self.outstanding.remove(at);
        counts(issued, monotonic).then_some(Taken { age: monotonic.saturating_sub(issued) })
    }

    /// How many are outstanding, past ones that were not looked at since included.
    pub fn outstanding(&self) -> usize {
        self.outstanding.len()
    }
}

/// Whether one that was issued then still counts.
fn counts(issued: Duration, monotonic: Duration) -> bool {
    monotonic.saturating_sub(issued) < CHALLENGE_LIFE
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nonce(number: usize) -> Nonce {
        Nonce::new(format!("challenge-{number:06}"))
    }

    const fn second(second: u64) -> Duration {
        Duration::from_secs(second)
    }

    #[test]
    fn a_challenge_is_taken_once() {
        let mut challenges = Challenges::default();
        assert!(challenges.issue(nonce(1), second(5)));
        assert_eq!(challenges.take(&nonce(2), second(6)), None);
        assert_eq!(challenges.take(&nonce(1), second(8)), Some(Taken { age: second(3) }));
        assert_eq!(challenges.take(&nonce(1), second(8)), None);
    }

    #[test]
    fn a_challenge_ends_after_a_minute_and_is_gone_then() {
        let mut challenges = Challenges::default();
        assert!(challenges.issue(nonce(1), second(5)));
        assert!(challenges.issue(nonce(2), second(5)));
        let last = second(65).checked_sub(Duration::from_nanos(1)).unwrap();
        assert!(challenges.take(&nonce(1), last).is_some());
        assert_eq!(challenges.take(&nonce(2), second(65)), None);
        assert_eq!(challenges.take(&nonce(2), last), None, "looked at, gone");
    }

    #[test]
    fn a_restart_forgets_all() {
        let mut challenges = Challenges::default();
        assert!(challenges.issue(nonce(1), second(5)));
        assert_eq!(Challenges::default().take(&nonce(1), second(6)), None);
    }

    #[test]
    fn at_the_bound_none_is_issued_and_none_is_lost() {
        let mut challenges = Challenges::default();
        for number in 0..MAX_CHALLENGES {
            assert!(challenges.issue(nonce(number), second(1)));
        }
        assert!(!challenges.issue(nonce(1_000), second(2)));
        assert!(challenges.take(&nonce(0), second(2)).is_some());
        assert!(challenges.issue(nonce(1_000), second(2)));
        assert!(!challenges.issue(nonce(1_001), second(60)));
        assert!(challenges.issue(nonce(1_001), second(61)), "the old ones are past");
        assert_eq!(challenges.outstanding(), 2);
    }

    #[test]
    fn one_that_was_drawn_twice_is_not_given_out_again() {
        let mut challenges = Challenges::default();
        assert!(challenges.issue(nonce(1), second(1)));
        assert!(!challenges.issue(nonce(1), second(2)));
    }
}
