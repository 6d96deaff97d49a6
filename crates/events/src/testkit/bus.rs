//! A bus in memory for tests: it records what it accepts, delivers it to queues in memory, and
//! fails on demand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use uuid::Uuid;

use super::faults::{Call, Chaos, Fate, Fault, answer_lost, fates, throttled};
use super::queue::{Around, Queue, Rule, Shared, delivery};
use crate::bus::{Bus, Outcome, Outgoing, PutFuture};
use crate::publishers::RegisteredPublisher;

/// The most entries that the bus records. It accepts nothing more and answers `Retry`.
pub const MOST_RECORDED: usize = 100_000;

/// The account of deliveries whose publisher is registered with none of its own.
const PLATFORM_ACCOUNT: &str = "000000000000";

/// Records accepted entries and delivers them. What was scripted comes first, what goes wrong by
/// chance last. Share it in an `Arc`.
#[derive(Debug, Default)]
pub struct Memory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    accepted: Vec<(Outgoing, Around)>,
    script: VecDeque<Outcome>,
    faults: VecDeque<Fault>,
    chaos: Option<(Chaos, Rng)>,
    order: Option<Rng>,
    down: Option<Outcome>,
    latency: Duration,
    calls: usize,
    account: Option<String>,
    queues: Vec<Weak<Shared>>,
}

/// A replay that does not fit into the queues: nothing was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a queue has no room for the replay")]
pub struct QueueFull;

impl Memory {
    /// A bus that accepts everything at once.
    pub fn new() -> Self {
        Self::default()
    }

    /// The outcomes of the next entries, in order, one each; after them entries are accepted.
    pub fn script(&self, outcomes: impl IntoIterator<Item = Outcome>) {
        self.state().script.extend(outcomes);
    }

    /// What goes wrong with the next calls, one each; after them calls work, or go wrong by chance.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.state().faults.extend(faults);
    }

    /// What goes wrong by chance from now on; `None`: nothing.
    pub fn set_chaos(&self, chaos: Option<Chaos>) {
        let mut state = self.state();
        if let Some(chaos) = &chaos {
            state.order = Some(Rng::with_seed(!chaos.seed));
        }
        state.chaos = chaos.map(|chaos| {
            let rng = Rng::with_seed(chaos.seed);
            (chaos, rng)
        });
    }

    /// What every entry gets from now on whatever the script says; `None`: the bus works again.
    pub fn set_down(&self, outcome: Option<Outcome>) {
        self.state().down = outcome;
    }

    /// How long every call takes from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    /// The AWS account that deliveries come from, from now on; `None`: the first one that the
    /// publisher is registered with, or `000000000000`.
    pub fn set_account(&self, account: Option<&str>) {
        self.state().account = account.map(str::to_owned);
    }

    /// Everything accepted so far, in order, resends included.
    pub fn accepted(&self) -> Vec<Outgoing> {
        self.state().accepted.iter().map(|(entry, _)| entry.clone()).collect()
    }

    /// How many calls there were.
    pub fn calls(&self) -> usize {
        self.state().calls
    }

    /// A queue behind a rule: it gets what is accepted from now on and matches.
    pub fn subscribe(&self, rule: Rule) -> Queue {
        let queue = Queue::new(rule);
        self.state().queues.push(Arc::downgrade(&queue.shared));
        queue
    }

    /// A queue that gets everything that is accepted from now on.
    pub fn deliveries(&self) -> Queue {
        self.subscribe(Rule::all())
    }

    /// Delivers everything accepted so far once more, to every queue that it matches, marked with
    /// the replay's name. Gives how many deliveries that were.
    pub fn replay(&self, name: &str) -> Result<usize, QueueFull> {
        let mut state = self.state();
        let state = &mut *state;
        let mut plan = Vec::new();
        for queue in state.queues.iter().filter_map(Weak::upgrade) {
            let wanted = state.accepted.iter().filter(|(entry, _)| queue.wants(entry));
            let texts: Vec<_> =
                wanted.map(|(entry, around)| delivery(entry, around, Some(name))).collect();
            if texts.len() > queue.room() {
                return Err(QueueFull);
            }
            plan.push((queue, texts));
        }
        let count = plan.iter().map(|(_, texts)| texts.len()).sum();
        for (queue, texts) in plan {
            for text in texts {
                queue.deliver(text, Duration::ZERO, 0, order(&mut state.order));
            }
        }
        Ok(count)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves the record as good as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where reordering draws from.
fn order(rng: &mut Option<Rng>) -> &mut Rng {
    rng.get_or_insert_with(|| Rng::with_seed(0))
}

impl State {
    fn take(&mut self, batch: &[Outgoing]) -> Vec<Outcome> {
        self.queues.retain(|queue| queue.strong_count() > 0);
        if let Some(outcome) = &self.down {
            return vec![outcome.clone(); batch.len()];
        }
        let fault = self.faults.pop_front();
        let chaos = self.chaos.as_mut().map(|(chaos, rng)| (&*chaos, rng));
        let (call, fates) = fates(fault.as_ref(), chaos, batch.len());
        if call == Call::Throttled {
            return vec![throttled(); batch.len()];
        }
        let outcomes = batch.iter().zip(fates).map(|(entry, fate)| self.entry(entry, fate));
        let outcomes: Vec<_> = outcomes.collect();
        if call == Call::AnswerLost { vec![answer_lost(); batch.len()] } else { outcomes }
    }

    fn entry(&mut self, entry: &Outgoing, fate: Fate) -> Outcome {
        match self.script.pop_front() {
            Some(accepted @ Outcome::Accepted { .. }) => self.accept(entry, fate, Some(accepted)),
            Some(other) => other,
            None if fate.throttled => throttled(),
            None => self.accept(entry, fate, None),
        }
    }

    fn accept(&mut self, entry: &Outgoing, fate: Fate, scripted: Option<Outcome>) -> Outcome {
        let queues = self.queues.iter().filter_map(Weak::upgrade);
        let queues: Vec<_> = queues.filter(|queue| queue.wants(entry)).collect();
        let full = |what: &str| Outcome::Retry {
            code: "MemoryFull".to_owned(),
            message: format!("{what} holds no more"),
        };
        if self.accepted.len() >= MOST_RECORDED {
            return full("the record");
        }
        if queues.iter().any(|queue| queue.room() < fate.copies) {
            return full("a queue");
        }
        let around = Around {
            id: bus_id(self.accepted.len()),
            account: self.account.clone().unwrap_or_else(|| account_of(&entry.source)),
            time: Timestamp::now(),
        };
        for queue in queues {
            for _ in 0..fate.copies {
                let text = delivery(entry, &around, None);
                queue.deliver(text, fate.delay, fate.window, order(&mut self.order));
            }
        }
        let bus_id = Some(around.id.to_string());
        self.accepted.push((entry.clone(), around));
        scripted.unwrap_or(Outcome::Accepted { bus_id })
    }
}

/// The bus's own ids: version 4 by form, counted, so that a test runs the same twice.
fn bus_id(number: usize) -> Uuid {
    const FORM: u128 = 0x6d65_6d6f_7279_4000_8000_0000_0000_0000;
    Uuid::from_u128(FORM | number as u128)
}

/// The account that the publisher of this `Source` is registered with first.
pub(super) fn account_of(source: &str) -> String {
    let name = source.split_once('/').map_or(source, |(name, _)| name);
    let publisher = RegisteredPublisher::find(name);
    let account = publisher.and_then(|publisher| publisher.accounts.first());
    account.copied().unwrap_or(PLATFORM_ACCOUNT).to_owned()
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
            self.state().take(batch)
        })
    }

    fn name(&self) -> &'static str {
        "memory"
    }
}
