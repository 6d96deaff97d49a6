//! When a batch is committed: at once, or after a moment in which others join it.
//!
//! Each commit writes whole pages, however little changed. Telemetry waits for company; states do
//! where so many come that company is certain; an access event never waits, and takes with it
//! whatever is there.

use std::time::Duration;

use tokio::time::Instant;

use crate::journal::{Batch, Class};

/// How long telemetry, refusals and facts wait for company.
const UNHURRIED: Duration = Duration::from_millis(50);
/// How long states wait where many come.
const STATES: Duration = Duration::from_millis(4);
/// States wait from this rate on, in events a second: some four then share a commit.
const MANY: f64 = 1000.0;
/// So many events are a group worth its pages.
const ENOUGH: usize = 64;
/// So many digests or facts alone are.
const ENOUGH_BESIDE: usize = 256;
/// The rate is measured over stretches of this length, and two in a row count: what one vendor
/// brings in at once when it is back is over by then, and the others' states are not to wait for
/// company on its account.
const STRETCH: Duration = Duration::from_secs(1);

/// How fast events come, and since when the batch in hand waits.
#[derive(Debug)]
pub(super) struct Pace {
    since: Option<Instant>,
    stretch: Instant,
    events: usize,
    /// In the last stretch and the one before, in events a second.
    rates: [f64; 2],
}

impl Pace {
    pub fn new(now: Instant) -> Self {
        Self { since: None, stretch: now, events: 0, rates: [0.0; 2] }
    }

    /// So many events joined the batch.
    pub fn joined(&mut self, now: Instant, events: usize) {
        self.since.get_or_insert(now);
        self.events += events;
        let passed = now - self.stretch;
        if passed >= STRETCH {
            #[expect(clippy::cast_precision_loss, reason = "a count of a second")]
            let rate = self.events as f64 / passed.as_secs_f64();
            self.rates = [rate, self.rates[0]];
            self.events = 0;
            self.stretch = now;
        }
    }

    /// The batch is being committed.
    pub fn taken(&mut self) {
        self.since = None;
    }

    /// When `batch` should be committed.
    pub fn due(&self, batch: &Batch) -> Option<Instant> {
        let since = self.since?;
        let beside = batch.facts.len().max(batch.seen.len()).max(batch.quarantine.len());
        if batch.events.len() >= ENOUGH || beside >= ENOUGH_BESIDE {
            return Some(since);
        }
        Some(match batch.most_urgent() {
            Some(Class::Access) => since,
            Some(Class::State) if !self.is_busy() => since,
            Some(Class::State) => since + STATES,
            _ => since + UNHURRIED,
        })
    }

    /// Whether many come, and have for a while.
    fn is_busy(&self) -> bool {
        self.rates.iter().all(|rate| *rate >= MANY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether states wait after `per_tenth` events in each of so many tenths of a second.
    fn busy_after(tenths: &[usize]) -> bool {
        let begun = Instant::now();
        let mut pace = Pace::new(begun);
        for (tenth, events) in (0_u32..).zip(tenths) {
            pace.joined(begun + Duration::from_millis(100) * tenth, *events);
        }
        pace.is_busy()
    }

    #[test]
    fn what_comes_at_once_makes_nobody_wait_and_what_goes_on_does() {
        let (quiet, burst, steady) = (vec![10; 30], [10, 4000, 4000, 10], vec![150; 30]);
        assert!(!busy_after(&quiet));
        assert!(!busy_after(&[&burst[..], &quiet].concat()));
        assert!(busy_after(&steady));
        assert!(!busy_after(&[&steady[..], &quiet].concat()), "and then it is over");
    }
}
