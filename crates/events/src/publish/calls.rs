//! The calls under way: all of them in the publisher's one task.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::entry::Entry;
use crate::bus::{Bus, Outcome, Outgoing};

/// A batch and, for each of its entries, an outcome.
pub(super) type Answer = Vec<(Entry, Outcome)>;

#[derive(Default)]
pub(super) struct Calls(Vec<Call>);

struct Call {
    batch: Vec<Entry>,
    outcomes: Pin<Box<dyn Future<Output = Vec<Outcome>> + Send>>,
}

impl Calls {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands a batch to the bus.
    pub(super) fn start(&mut self, bus: &Arc<dyn Bus>, mut batch: Vec<Entry>) {
        for entry in &mut batch {
            entry.attempts = entry.attempts.saturating_add(1);
        }
        let events: Vec<Outgoing> = batch.iter().map(|entry| (*entry.event).clone()).collect();
        let bus = Arc::clone(bus);
        let outcomes = Box::pin(async move { bus.put(&events).await });
        self.0.push(Call { batch, outcomes });
    }

    /// The next answer, in whatever order they come. Never, if nothing is under way.
    pub(super) async fn next(&mut self) -> Answer {
        poll_fn(|context| {
            for at in 0..self.0.len() {
                let polled = self.0.get_mut(at).map(|call| poll(call, context));
                let Some(Poll::Ready(outcomes)) = polled else { continue };
                return Poll::Ready(answer(self.0.swap_remove(at).batch, outcomes));
            }
            Poll::Pending
        })
        .await
    }

    /// What is under way, whose outcome nobody will learn.
    pub(super) fn abandon(&mut self) -> Vec<Entry> {
        self.0.drain(..).flat_map(|call| call.batch).collect()
    }
}

/// A bus that panics fails this call and nothing else.
fn poll(call: &mut Call, context: &mut Context<'_>) -> Poll<Vec<Outcome>> {
    catch_unwind(AssertUnwindSafe(|| call.outcomes.as_mut().poll(context)))
        .unwrap_or_else(|_| Poll::Ready(vec![retry("Panic", "the bus panicked"); call.batch.len()]))
}

/// One outcome an entry is the bus's contract; an entry without one is sent again.
fn answer(batch: Vec<Entry>, mut outcomes: Vec<Outcome>) -> Answer {
    outcomes
        .resize_with(batch.len(), || retry("NoAnswer", "the bus gave no answer for this entry"));
    batch.into_iter().zip(outcomes).collect()
}

fn retry(code: &str, message: &str) -> Outcome {
    Outcome::Retry { code: code.to_owned(), message: message.to_owned() }
}
