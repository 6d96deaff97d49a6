//! Whether an event is older than one already seen for its entry.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::subscribe::context::{Behind, Order};

/// The journals that are kept of one entry. When there are more, the one whose newest event is
/// oldest is forgotten.
const MOST_JOURNALS: usize = 4;

/// The newest events of one entry, one a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Newest(Vec<Mark>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    journal_id: Uuid,
    sequence: u64,
    time: Timestamp,
}

impl Newest {
    /// Remembers the event and says where it stands: within its journal by the sequence, across
    /// journals by the time at the device.
    pub(super) fn event(&mut self, journal_id: Uuid, sequence: u64, time: Timestamp) -> Order {
        let mark = Mark { journal_id, sequence, time };
        let across = self.0.iter().filter(|other| other.journal_id != journal_id);
        let latest = across.map(|other| other.time).max();
        match self.0.iter_mut().find(|other| other.journal_id == journal_id) {
            Some(same) if sequence < same.sequence => {
                return Order::Older { by: Behind::Sequence(same.sequence - sequence) };
            }
            Some(same) => *same = mark,
            None => self.0.push(mark),
        }
        if self.0.len() > MOST_JOURNALS
            && let Some(oldest) = (0..self.0.len()).min_by_key(|at| self.0.get(*at).map(|m| m.time))
        {
            self.0.swap_remove(oldest);
        }
        match latest {
            Some(latest) if latest > time => {
                let by = Duration::try_from(latest.duration_since(time)).unwrap_or_default();
                Order::Older { by: Behind::Time(by) }
            }
            _ => Order::Newest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn sequences_within_a_journal_and_time_across() {
        let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let mut newest = Newest::default();
        let older = |by| Order::Older { by };
        assert_eq!(newest.event(old, 5, at(50)), Order::Newest);
        assert_eq!(newest.event(old, 5, at(50)), Order::Newest, "the same again");
        // The clock was set back: the sequence counts.
        assert_eq!(newest.event(old, 6, at(10)), Order::Newest);
        assert_eq!(newest.event(old, 4, at(60)), older(Behind::Sequence(2)));
        assert_eq!(newest.event(new, 1, at(9)), older(Behind::Time(Duration::from_secs(1))));
        assert_eq!(newest.event(new, 2, at(11)), Order::Newest);
        assert_eq!(newest.event(old, 7, at(10)), older(Behind::Time(Duration::from_secs(1))));
    }

    #[test]
    fn the_journals_are_bounded() {
        let mut newest = Newest::default();
        for n in 0..10_u32 {
            let journal = Uuid::from_u128(n.into());
            assert_eq!(newest.event(journal, 1, at(n.into())), Order::Newest);
            assert!(newest.0.len() <= MOST_JOURNALS);
        }
        let kept: Vec<u128> = newest.0.iter().map(|mark| mark.journal_id.as_u128()).collect();
        assert!((6..10).all(|n| kept.contains(&n)), "{kept:?}");
    }

    proptest! {
        /// In any order of arrival, exactly those are newest that nothing before was newer than.
        #[test]
        fn an_event_is_newest_if_none_before_was_newer(
            arrivals in prop::collection::vec(0..50_u64, 1..60),
        ) {
            let mut newest = Newest::default();
            let mut most = 0;
            for n in arrivals {
                let order = newest.event(Uuid::nil(), n, at(0));
                prop_assert_eq!(order == Order::Newest, n >= most);
                most = most.max(n);
            }
        }
    }
}
