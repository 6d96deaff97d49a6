//! A bus in memory for tests: it records what it accepts and fails on demand.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bus::{Bus, Outcome, Outgoing, PutFuture};

/// Records accepted entries; scripted outcomes come first. Share it in an `Arc`.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    accepted: Vec<Outgoing>,
    script: VecDeque<Outcome>,
    down: Option<Outcome>,
    latency: Duration,
    calls: usize,
}

impl Memory {
    /// A bus that accepts everything at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// The outcomes of the next entries, in order, one each; after them entries are accepted.
    pub fn script(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.state().script.extend(outcomes);
    }

    /// What every entry gets from now on whatever the script says; `None`: the bus works again.
    pub fn set_down(&self, outcome: Option<Outcome>) {
        self.state().down = outcome;
    }

    /// How long every call takes from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// Everything accepted so far, in order, resends included.
    pub fn accepted(&self) -> Vec<Outgoing> {
        self.state().accepted.clone()
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the record as good as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self, batch: &[Outgoing]) -> Vec<Outcome> {
        let mut state = self.state();
        let mut outcomes = Vec::with_capacity(batch.len());
        for entry in batch {
            let scripted = state.down.clone().or_else(|| state.script.pop_front());
            let outcome = scripted.unwrap_or_else(|| Outcome::Accepted {
                bus_id: Some(format!("memory-{}", entry.id)),
            });
            if matches!(outcome, Outcome::Accepted { .. }) {
                state.accepted.push(entry.clone());
            }
            outcomes.push(outcome);
        }
        outcomes
    }
}

impl Bus for Memory {
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a> {
        Box::pin(async move {
            let latency = {
                let mut state = self.state();
                state.calls += 1;
                state.latency
            };
            if !latency.is_zero() {
                tokio::time::sleep(latency).await;
            }
            self.take(batch)
        })
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}
