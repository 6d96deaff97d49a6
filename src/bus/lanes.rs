//! Which events leave next: two lanes, fair among vendors, in sequence per key.
//!
//! *Live* holds what was committed while the uplink keeps up; *backlog* what was read back from
//! the journal. Within a lane a key (an entry, or an endpoint without one) has one event under
//! way at most: the next follows when its predecessor was accepted or finally refused. Among the
//! keys of one vendor those go first whose next event tells of an access; a vendor that fills its
//! share of the live lane goes on in the backlog, and leaves the rest to the others.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::domain::ids::VendorId;
use crate::journal::{Class, Stored};

/// Most events and bytes that a lane keeps in memory. Live events beyond are read back from the
/// journal later.
pub const LANE_EVENTS: usize = 4096;
pub const LANE_BYTES: usize = 4 << 20;
/// Most events of one vendor in the live lane, and the part of its bytes: half of both.
const VENDOR_EVENTS: usize = LANE_EVENTS / 2;
const VENDOR_BYTES: usize = LANE_BYTES / 2;

/// Stretches of slots that are only in the journal. Beyond them nothing more goes into the live
/// lane until some were read, since each is a look-up of its own.
const STRETCHES: usize = 1024;

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

/// Keys of one vendor with an event to send and none under way.
#[derive(Debug, Default)]
struct Ready {
    /// Those whose next event tells of an access.
    first: VecDeque<Arc<str>>,
    then: VecDeque<Arc<str>>,
}

impl Ready {
    fn push(&mut self, event: &Stored) {
        let queue = match Class::of(event.kind) {
            Class::Access => &mut self.first,
            Class::Refusal | Class::Telemetry | Class::State => &mut self.then,
        };
        queue.push_back(event.lane_key.clone());
    }

    fn front(&self) -> Option<&Arc<str>> {
        self.first.front().or_else(|| self.then.front())
    }

    fn pop(&mut self) {
        if self.first.pop_front().is_none() {
            self.then.pop_front();
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_empty() && self.then.is_empty()
    }
}

/// Events and bytes of one vendor.
#[derive(Debug, Clone, Copy, Default)]
struct Share {
    events: usize,
    bytes: usize,
}

/// One lane.
#[derive(Debug, Default)]
struct Lane {
    keys: HashMap<Arc<str>, Key>,
    ready: BTreeMap<Option<VendorId>, Ready>,
    shares: HashMap<VendorId, Share>,
    /// Keys that wait after a failure, by the time they become ready.
    delayed: BTreeMap<(Duration, u64), (Option<VendorId>, Arc<str>)>,
    /// The vendor served last; `None` also for the gateway itself, whose turn is first.
    served: Option<VendorId>,
    events: usize,
    bytes: usize,
    delays: u64,
}

impl Lane {
    /// Whether there is no room for an event of `vendor`. What the gateway says of itself has no
    /// share: it is little.
    fn full(&self, vendor: Option<&VendorId>) -> bool {
        let share = vendor.and_then(|vendor| self.shares.get(vendor)).copied().unwrap_or_default();
        self.events >= LANE_EVENTS
            || self.bytes >= LANE_BYTES
            || share.events >= VENDOR_EVENTS
            || share.bytes >= VENDOR_BYTES
    }

    fn comes(&mut self, bytes: usize, vendor: Option<&VendorId>) {
        self.events += 1;
        self.bytes += bytes;
        if let Some(vendor) = vendor {
            let share = self.shares.entry(vendor.clone()).or_default();
            share.events += 1;
            share.bytes += bytes;
        }
    }

    fn goes(&mut self, event: &Stored) {
        self.events = self.events.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(event.detail.len());
        let Some(vendor) = &event.vendor else { return };
        let Some(share) = self.shares.get_mut(vendor) else { return };
        share.events = share.events.saturating_sub(1);
        share.bytes = share.bytes.saturating_sub(event.detail.len());
        if share.events == 0 {
            self.shares.remove(vendor);
        }
    }

    fn push(&mut self, event: Stored) {
        self.comes(event.detail.len(), event.vendor.as_ref());
        let key = self.keys.entry(event.lane_key.clone()).or_default();
        if key.waiting.is_empty() && !key.busy {
            self.ready.entry(event.vendor.clone()).or_default().push(&event);
        }
        key.waiting.push_back(event);
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
            queue.pop();
            if queue.is_empty() {
                self.ready.remove(vendor);
            }
            key.busy = true;
            self.served.clone_from(vendor);
            let event = key.waiting.pop_front()?;
            self.goes(&event);
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
                self.ready.entry(next.vendor.clone()).or_default().push(next);
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
        let place = (event.vendor.clone(), event.lane_key.clone());
        let bytes = event.detail.len();
        key.waiting.push_front(event);
        self.comes(bytes, place.0.as_ref());
        self.delays += 1;
        self.delayed.insert((at, self.delays), place);
    }

    /// Takes out what waits of these slots: ascending ranges.
    fn forget(&mut self, gone: &[(u64, u64)]) {
        let is_gone = |slot: u64| {
            let after = gone.partition_point(|(first, _)| *first <= slot);
            after > 0 && gone.get(after - 1).is_some_and(|(_, last)| *last >= slot)
        };
        let mut gone = Vec::new();
        for key in self.keys.values_mut() {
            if key.waiting.iter().any(|event| is_gone(event.slot)) {
                let (left, stays) =
                    std::mem::take(&mut key.waiting).into_iter().partition(|e| is_gone(e.slot));
                key.waiting = stays;
                gone.extend::<VecDeque<Stored>>(left);
            }
        }
        for event in &gone {
            self.goes(event);
        }
        let keys = &mut self.keys;
        let mut stands =
            |name: &Arc<str>| keys.get(name).is_some_and(|key| !key.waiting.is_empty());
        for queue in self.ready.values_mut() {
            queue.first.retain(&mut stands);
            queue.then.retain(&mut stands);
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
            if let Some(event) = self.keys.get(&name).and_then(|key| key.waiting.front()) {
                self.ready.entry(vendor).or_default().push(event);
            }
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
            let scattered = self.unread.len() >= STRETCHES;
            if scattered || self.live.full(event.vendor.as_ref()) {
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
mod tests;
