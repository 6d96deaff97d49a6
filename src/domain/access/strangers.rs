//! What nobody known sent: counted by channel and reason, told together now and then. It is never
//! stored by request, and it locks nothing: what a stranger claims to be is not looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use super::reason::{Channel, Reason};

/// How long one sum gathers before it is told.
pub const GATHER: Duration = Duration::from_secs(60);

/// So many of a kind, told together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// By what way they came.
    pub channel: Channel,
    /// What was wrong with them.
    pub reason: Reason,
    /// How many.
    pub count: u64,
    /// When the first came, by the monotonic clock.
    pub since: Duration,
}

/// One sum for each channel and each reason of rows 1 and 2: at most 36.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strangers {
    sums: BTreeMap<(Channel, Reason), (u64, Duration)>,
}

impl Strangers {
    /// One more. Only reasons of rows 1 and 2 are counted here; false for any other.
    pub fn count(&mut self, channel: Channel, reason: Reason, monotonic: Duration) -> bool {
        if !reason.is_unauthenticated() {
            return false;
        }
        let (count, _) = self.sums.entry((channel, reason)).or_insert((0, monotonic));
        *count = count.saturating_add(1);
        true
    }

    /// The sums that have gathered long enough, which begin anew with the next.
    pub fn due(&mut self, monotonic: Duration) -> Vec<Sum> {
        let mut due = Vec::new();
        self.sums.retain(|(channel, reason), (count, since)| {
            let waits = monotonic.saturating_sub(*since) < GATHER;
            if !waits {
                due.push(Sum { channel: *channel, reason: *reason, count: *count, since: *since });
            }
            waits
        });
        due
    }

    /// When the next sum is due, by the monotonic clock.
    pub fn next_deadline(&self) -> Option<Duration> {
        self.sums.values().map(|(_, since)| since.saturating_add(GATHER)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_send_is_told_together() {
        let mut strangers = Strangers::default();
        let second = Duration::from_secs;
        for at in 0..5_000 {
            let monotonic = second(5) + Duration::from_millis(at);
            assert!(strangers.count(Channel::Request, Reason::InvalidSignature, monotonic));
        }
        assert!(strangers.count(Channel::Keypad, Reason::MalformedRequest, second(30)));
        assert_eq!(strangers.next_deadline(), Some(second(65)));
        assert_eq!(strangers.due(second(64)), []);
        let sum = Sum {
            channel: Channel::Request,
            reason: Reason::InvalidSignature,
            count: 5_000,
            since: second(5),
        };
        assert_eq!(strangers.due(second(65)), [sum]);
        assert_eq!(strangers.next_deadline(), Some(second(90)));
    }

    #[test]
    fn what_somebody_known_failed_in_is_not_counted_here() {
        let mut strangers = Strangers::default();
        for reason in Reason::ALL {
            let counted = strangers.count(Channel::Request, *reason, Duration::ZERO);
            assert_eq!(counted, reason.row() <= 2, "{reason}");
        }
        assert_eq!(strangers.due(GATHER).len(), 6);
    }
}
