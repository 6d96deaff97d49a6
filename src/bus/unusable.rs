//! The bus whose settings cannot be used: the gateway runs all the same, and keeps its events until
//! somebody has mended them.

use doorward_events::bus::PutFuture;
use doorward_events::{Bus, Outcome, Outgoing};

/// Takes nothing, and says why.
#[derive(Debug, Clone)]
pub struct Unusable {
    /// For the operator.
    pub reason: String,
}

impl Bus for Unusable {
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a> {
        let denied =
            |_| Outcome::Denied { code: "Settings".to_owned(), message: self.reason.clone() };
        let outcomes = batch.iter().map(denied).collect();
        Box::pin(std::future::ready(outcomes))
    }

    fn name(&self) -> &'static str {
        "eventbridge"
    }
}
