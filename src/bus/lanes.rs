//! Which events leave next: two lanes, fair among vendors, in sequence per key.
//!
//! *Live* holds what was committed while the uplink keeps up; *backlog* what was read back from
//! the journal. Within a lane a key (an entry, or an endpoint without one) has one event under
//! way at most: the next follows when its predecessor was accepted or finally refused.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::VendorId;
use crate::journal::Stored;

/// Most events and bytes that a lane keeps in memory. Live events beyond are read back from the
/// journal later.
pub const LANE_EVENTS: usize = 4096;
pub const LANE_BYTES: usize = 4 << 20;

/// Which lane an event is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Live,
    Backlog,
}

/// An event under way.
#[derive(Debug, Clone)]
pub struct Taken {
    pub which: Which,
    pub event: Stored,
}

#[derive(Debug, Default)]
struct Key {
    waiting: VecDeque<Stored>,
    busy: bool,
    failures: u32,
}

/// One lane.
#[derive(Debug, Default)]
struct Lane {
    keys: HashMap<Arc<str>, Key>,
    /// Keys with an event to send and none under way, per vendor.
    ready: BTreeMap<Option<VendorId>, VecDeque<Arc<str>>>,
    /// Keys that wait after a failure, by the time they become ready.
    delayed: BTreeMap<(Duration, u64), (Option<VendorId>, Arc<str>)>,
    /// The vendor served last; `None` also for the gateway itself, whose turn is first.
    served: Option<VendorId>,
    events: usize,
    bytes: usize,
    delays: u64,
}

impl Lane {
    fn full(&self) -> bool {
        self.events >= LANE_EVENTS || self.bytes >= LANE_BYTES
    }

    fn push(&mut self, event: Stored) {
        self.events += 1;
        self.bytes += event.detail.len();
        let name = event.lane_key.clone();
        let vendor = event.vendor.clone();
        let key = self.keys.entry(name.clone()).or_default();
        key.waiting.push_back(event);
        if key.waiting.len() == 1 && !key.busy {
            self.ready.entry(vendor).or_default().push_back(name);
        }
    }

    /// The next event, vendors in turn.
    fn take(&mut self, fits: &mut impl FnMut(&Stored) -> bool) -> Option<Stored> {
        let vendors: Vec<Option<VendorId>> = self.ready.keys().cloned().collect();
        let after = vendors.iter().position(|vendor| *vendor > self.served).unwrap_or(0);
        for vendor in vendors.iter().cycle().skip(after).take(vendors.len()) {
            let Some(queue) = self.ready.get_mut(vendor) else { continue };
            let Some(name) = queue.front().cloned() else { continue };
            let Some(key) = self.keys.get_mut(&name) else { continue };
            let Some(event) = key.waiting.front() else { continue };
            if !fits(event) {
                return None;
            }
            queue.pop_front();
            if queue.is_empty() {
                self.ready.remove(vendor);
            }
            key.busy = true;
            self.served.clone_from(vendor);
            let event = key.waiting.pop_front()?;
            self.events -= 1;
            self.bytes -= event.detail.len();
            return Some(event);
        }
        None
    }

    /// The event under way of this key has its final answer.
    fn done(&mut self, event: &Stored) {
        let Some(key) = self.keys.get_mut(&event.lane_key) else { return };
        key.busy = false;
        key.failures = 0;
        match key.waiting.front() {
            Some(next) => {
                let vendor = next.vendor.clone();
                self.ready.entry(vendor).or_default().push_back(event.lane_key.clone());
            }
            None => {
                self.keys.remove(&event.lane_key);
            }
        }
    }

    /// The event goes back to the head of its key, which waits, the longer the more often it failed.
    fn again(&mut self, event: Stored, ready_at: impl FnOnce(u32) -> Duration) {
        let Some(key) = self.keys.get_mut(&event.lane_key) else { return };
        key.failures = key.failures.saturating_add(1);
        key.busy = false;
        let at = ready_at(key.failures);
        self.events += 1;
        self.bytes += event.detail.len();
        let place = (event.vendor.clone(), event.lane_key.clone());
        key.waiting.push_front(event);
        self.delays += 1;
        self.delayed.insert((at, self.delays), place);
    }

    /// Takes out what waits of these slots: ascending ranges.
    fn forget(&mut self, gone: &[(u64, u64)]) {
        let is_gone = |slot: u64| {
            let after = gone.partition_point(|(first, _)| *first <= slot);
            after > 0 && gone.get(after - 1).is_some_and(|(_, last)| *last >= slot)
        };
        let (mut events, mut bytes) = (0, 0);
        for key in self.keys.values_mut() {
            key.waiting.retain(|event| {
                let stays = !is_gone(event.slot);
                if !stays {
                    events += 1;
                    bytes += event.detail.len();
                }
                stays
            });
        }
        self.events -= events;
        self.bytes -= bytes;
        let keys = &mut self.keys;
        let mut stands =
            |name: &Arc<str>| keys.get(name).is_some_and(|key| !key.waiting.is_empty());
        for queue in self.ready.values_mut() {
            queue.retain(&mut stands);
        }
        self.ready.retain(|_, queue| !queue.is_empty());
        self.delayed.retain(|_, (_, name)| stands(name));
        self.keys.retain(|_, key| key.busy || !key.waiting.is_empty());
    }

    fn wake(&mut self, now: Duration) {
        while let Some(first) = self.delayed.first_entry()
            && first.key().0 <= now
        {
            let (vendor, name) = first.remove();
            self.ready.entry(vendor).or_default().push_back(name);
        }
    }
}

/// Both lanes, and what of the journal is in neither.
#[derive(Debug)]
pub struct Lanes {
    live: Lane,
    backlog: Lane,
    /// Slots that are only in the journal, first to last, ascending, disjoint.
    unread: VecDeque<(u64, u64)>,
}

impl Lanes {
    /// Lanes of a journal whose last slot is `slot`: all of it is backlog.
    pub fn new(slot: u64) -> Self {
        let unread = if slot == 0 { VecDeque::new() } else { VecDeque::from([(1, slot)]) };
        Self { live: Lane::default(), backlog: Lane::default(), unread }
    }

    /// Events that were just committed, in sequence.
    pub fn committed(&mut self, events: Vec<Stored>) {
        for event in events {
            if self.live.full() {
                let slot = event.slot;
                match self.unread.back_mut() {
                    Some((_, last)) if *last + 1 == slot => *last = slot,
                    _ => self.unread.push_back((slot, slot)),
                }
            } else {
                self.live.push(event);
            }
        }
    }

    /// What should be read from the journal now: after which slot, and up to which.
    pub fn wants(&self) -> Option<(u64, u64)> {
        let (first, last) = *self.unread.front()?;
        (self.backlog.events < LANE_EVENTS / 4).then_some((first - 1, last))
    }

    /// The answer to [`Lanes::wants`]: the first waiting events after `after`, which may go
    /// beyond `until`; none at all if nothing waits any more.
    pub fn read(&mut self, after: u64, until: u64, events: Vec<Stored>) {
        let mut through = if events.is_empty() { until } else { after };
        for event in events {
            if event.slot > until {
                // What is between was finished, and this one is in the live lane.
                through = until;
                break;
            }
            through = event.slot;
            self.backlog.push(event);
        }
        if let Some((first, last)) = self.unread.front_mut() {
            *first = through + 1;
            if *first > *last {
                self.unread.pop_front();
            }
        }
    }

    /// The next batch, live events first; `backlog_too`: also from the backlog.
    pub fn take(
        &mut self,
        now: Duration,
        max_events: usize,
        max_bytes: usize,
        size: impl Fn(&Stored) -> usize,
        backlog_too: bool,
    ) -> Vec<Taken> {
        self.live.wake(now);
        self.backlog.wake(now);
        let mut batch = Vec::new();
        let mut bytes = 0;
        let mut fits = |event: &Stored| {
            let with = bytes + size(event);
            let fits = with <= max_bytes || bytes == 0;
            if fits {
                bytes = with;
            }
            fits
        };
        while batch.len() < max_events
            && let Some(event) = self.live.take(&mut fits)
        {
            batch.push(Taken { which: Which::Live, event });
        }
        while backlog_too
            && batch.len() < max_events
            && let Some(event) = self.backlog.take(&mut fits)
        {
            batch.push(Taken { which: Which::Backlog, event });
        }
        batch
    }

    /// Accepted or finally refused.
    pub fn done(&mut self, taken: &Taken) {
        self.lane(taken.which).done(&taken.event);
    }

    /// To be sent again at the time that `ready_at` gives for the number of its failures.
    pub fn again(&mut self, taken: Taken, ready_at: impl FnOnce(u32) -> Duration) {
        self.lane(taken.which).again(taken.event, ready_at);
    }

    /// The journal has given these slots up: ascending ranges. Those under way may still arrive.
    pub fn forget(&mut self, gone: &[(u64, u64)]) {
        self.live.forget(gone);
        self.backlog.forget(gone);
    }

    /// The bus takes events again: what failed with a call waits no longer.
    pub fn forgive(&mut self) {
        self.live.wake(Duration::MAX);
        self.backlog.wake(Duration::MAX);
    }

    /// When the next waiting key becomes ready, if any waits.
    pub fn next_ready(&self) -> Option<Duration> {
        [&self.live, &self.backlog]
            .into_iter()
            .filter_map(|lane| lane.delayed.keys().next().map(|(at, _)| *at))
            .min()
    }

    fn lane(&mut self, which: Which) -> &mut Lane {
        match which {
            Which::Live => &mut self.live,
            Which::Backlog => &mut self.backlog,
        }
    }
}

#[cfg(test)]
mod tests {
    use doorward_events::EventType;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn event(slot: u64, vendor: &str, key: &str) -> Stored {
        Stored {
            slot,
            kind: EventType::ALL[0],
            vendor: Some(VendorId::new(vendor)),
            lane_key: key.into(),
            id: Uuid::nil(),
            detail: "x".repeat(100).into(),
        }
    }

    fn slots(batch: &[Taken]) -> Vec<u64> {
        batch.iter().map(|taken| taken.event.slot).collect()
    }

    fn take(lanes: &mut Lanes, now: Duration) -> Vec<Taken> {
        lanes.take(now, 10, 10_000, |event| event.detail.len(), true)
    }

    #[test]
    fn a_key_has_one_event_under_way() {
        let mut lanes = Lanes::new(0);
        lanes.committed(vec![event(1, "a", "x"), event(2, "a", "x"), event(3, "a", "y")]);
        let first = take(&mut lanes, Duration::ZERO);
        assert_eq!(slots(&first), [1, 3]);
        assert!(take(&mut lanes, Duration::ZERO).is_empty());
        lanes.done(&first[0]);
        assert_eq!(slots(&take(&mut lanes, Duration::ZERO)), [2]);
    }

    #[test]
    fn a_failed_event_stays_ahead_of_its_followers() {
        let mut lanes = Lanes::new(0);
        lanes.committed(vec![event(1, "a", "x"), event(2, "a", "x")]);
        let first = take(&mut lanes, Duration::ZERO).remove(0);
        lanes.again(first, |_| Duration::from_secs(5));
        assert!(take(&mut lanes, Duration::from_secs(4)).is_empty());
        assert_eq!(lanes.next_ready(), Some(Duration::from_secs(5)));
        assert_eq!(slots(&take(&mut lanes, Duration::from_secs(5))), [1]);
    }

    #[test]
    fn a_busy_vendor_does_not_hold_up_another() {
        let mut lanes = Lanes::new(0);
        let mut events: Vec<_> = (1..=100).map(|n| event(n, "a", &format!("a{n}"))).collect();
        events.push(event(101, "b", "b"));
        lanes.committed(events);
        assert!(slots(&take(&mut lanes, Duration::ZERO)).contains(&101));
    }

    #[test]
    fn a_batch_keeps_its_byte_bound_but_never_starves_a_large_event() {
        let mut lanes = Lanes::new(0);
        lanes.committed(vec![event(1, "a", "x"), event(2, "a", "y"), event(3, "a", "z")]);
        let size = |event: &Stored| event.detail.len();
        assert_eq!(lanes.take(Duration::ZERO, 10, 250, size, true).len(), 2);
        assert_eq!(lanes.take(Duration::ZERO, 10, 50, size, true).len(), 1);
    }

    #[test]
    fn what_failed_with_a_call_stands_aside_until_the_bus_takes_events_again() {
        let mut lanes = Lanes::new(0);
        lanes.committed(vec![event(1, "a", "x"), event(2, "a", "y")]);
        let size = |event: &Stored| event.detail.len();
        let failed = lanes.take(Duration::ZERO, 1, 1000, size, true).remove(0);
        lanes.again(failed, |_| Duration::from_secs(60));
        assert_eq!(slots(&take(&mut lanes, Duration::ZERO)), [2]);
        lanes.forgive();
        assert_eq!(slots(&take(&mut lanes, Duration::ZERO)), [1]);
    }

    #[test]
    fn a_range_that_is_finished_is_not_asked_for_again() {
        let mut lanes = Lanes::new(5);
        lanes.committed(vec![event(6, "a", "x")]);
        assert_eq!(lanes.wants(), Some((0, 5)));
        lanes.read(0, 5, vec![event(6, "a", "x")]);
        assert_eq!(lanes.wants(), None);
        assert_eq!(slots(&take(&mut lanes, Duration::ZERO)), [6]);
    }

    proptest! {
        /// Whatever fails, overflows or is read back: every event is done once, and per lane and
        /// key in sequence.
        #[test]
        fn nothing_is_lost_or_reordered(
            keys in proptest::collection::vec(0u8..5, 1..80),
            fails in proptest::collection::vec(any::<bool>(), 0..200),
            stored_before in 0usize..40,
        ) {
            let all: Vec<Stored> = (1..).zip(&keys)
                .map(|(n, key)| event(n, if key % 2 == 0 { "a" } else { "b" }, &key.to_string()))
                .collect();
            let stored_before = stored_before.min(all.len());
            let mut lanes = Lanes::new(stored_before as u64);
            lanes.committed(all[stored_before..].to_vec());
            let mut fails = fails.into_iter();
            let mut done: Vec<(bool, u64, Arc<str>)> = Vec::new();
            let mut now = Duration::ZERO;
            for _ in 0..2000 {
                now += Duration::from_secs(1);
                if let Some((after, until)) = lanes.wants() {
                    let events: Vec<_> = all.iter()
                        .filter(|e| e.slot > after && !done.iter().any(|d| d.1 == e.slot))
                        .take(7).cloned().collect();
                    lanes.read(after, until, events);
                }
                for taken in take(&mut lanes, now) {
                    if fails.next().unwrap_or(false) {
                        lanes.again(taken, |_| now + Duration::from_secs(1));
                    } else {
                        lanes.done(&taken);
                        done.push((taken.which == Which::Live, taken.event.slot, taken.event.lane_key));
                    }
                }
            }
            let mut sequences: Vec<u64> = done.iter().map(|d| d.1).collect();
            sequences.sort_unstable();
            prop_assert_eq!(sequences, (1..=all.len() as u64).collect::<Vec<_>>());
            let mut last: HashMap<(bool, Arc<str>), u64> = HashMap::new();
            for (live, sequence, key) in done {
                let before = last.insert((live, key), sequence).unwrap_or(0);
                prop_assert!(before < sequence);
            }
        }
    }
}
