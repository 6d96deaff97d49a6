//! The bus of a building on its own: nothing leaves, everything is accepted.

use crate::bus::{Bus, Outcome, Outgoing, PutFuture};

/// Accepts every event locally.
#[derive(Debug, Clone, Copy, Default)]
pub struct Standalone;

impl Bus for Standalone {
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a> {
        let outcomes = batch.iter().map(|_| Outcome::Accepted { bus_id: None }).collect();
        Box::pin(std::future::ready(outcomes))
    }

    fn name(&self) -> &'static str {
        "standalone"
    }
}
