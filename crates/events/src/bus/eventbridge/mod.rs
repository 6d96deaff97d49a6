//! Amazon `EventBridge`: one `PutEvents` call a batch, and an outcome for every entry.
//!
//! The SDK's own retries are off, because only the caller knows how long an event may wait.

mod codes;
mod options;
#[cfg(test)]
mod tests;

use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_eventbridge::operation::put_events::PutEventsError;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

pub use options::{Options, OptionsError};

use crate::bus::{Bus, Outcome, Outgoing, PutFuture};

/// An event bus in AWS, or an emulator of it.
#[derive(Debug, Clone)]
pub struct EventBridge {
    client: Client,
    bus: String,
    deadline: std::time::Duration,
}

impl EventBridge {
    /// Prepares the client. Nothing is sent, and no credentials are fetched, before the first
    /// call of [`Bus::put`].
    pub async fn new(options: Options) -> Result<Self, OptionsError> {
        options.check()?;
        let timeouts = options.connection.timeouts;
        let client = Client::new(&options.connection.load().await?);
        // The SDK keeps its own time-out; this one holds even where it should not.
        let deadline = timeouts.operation + std::time::Duration::from_secs(1);
        Ok(Self { client, bus: options.bus, deadline })
    }

    async fn call(&self, batch: &[Outgoing]) -> Result<Vec<Outcome>, Outcome> {
        let entries = batch.iter().map(|entry| self.request_entry(entry)).collect();
        let call = self.client.put_events().set_entries(Some(entries)).send();
        match tokio::time::timeout(self.deadline, call).await {
            Err(_) => Err(codes::retry("Timeout", "no answer in time")),
            Ok(Err(error)) => Err(call_outcome(&error)),
            Ok(Ok(output)) => Ok(entry_outcomes(output.entries.unwrap_or_default(), batch.len())),
        }
    }

    /// `Time` and `Resources` stay unset: the bus's own time cannot be forged.
    fn request_entry(&self, entry: &Outgoing) -> PutEventsRequestEntry {
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.bus)
            .source(&*entry.source)
            .detail_type(entry.detail_type)
            .detail(&*entry.detail)
            .set_trace_header(entry.trace_header.clone())
            .build()
    }

    /// A call refused as a whole may be the fault of one entry: alone, each gets its own outcome.
    /// With that, a batch of ten takes at most eleven times the operation's time-out.
    async fn put_batch(&self, batch: &[Outgoing]) -> Vec<Outcome> {
        if batch.is_empty() {
            return Vec::new();
        }
        match self.call(batch).await {
            Ok(outcomes) => outcomes,
            Err(Outcome::Refused { .. }) if batch.len() > 1 => {
                let mut outcomes = Vec::with_capacity(batch.len());
                for entry in batch {
                    match self.call(std::slice::from_ref(entry)).await {
                        Ok(single) => outcomes.extend(single),
                        Err(outcome) => outcomes.push(outcome),
                    }
                }
                outcomes
            }
            Err(outcome) => vec![outcome; batch.len()],
        }
    }
}

impl Bus for EventBridge {
    fn put<'a>(&'a self, batch: &'a [Outgoing]) -> PutFuture<'a> {
        Box::pin(self.put_batch(batch))
    }

    fn name(&self) -> &'static str {
        "eventbridge"
    }
}

fn entry_outcomes(results: Vec<PutEventsResultEntry>, expected: usize) -> Vec<Outcome> {
    let outcome = |entry: PutEventsResultEntry| match (entry.error_code, entry.event_id) {
        (Some(code), _) => codes::outcome(&code, entry.error_message.as_deref().unwrap_or("")),
        (None, Some(bus_id)) => Outcome::Accepted { bus_id: Some(bus_id) },
        (None, None) => codes::retry("NoResult", "neither an event id nor an error code"),
    };
    let mut outcomes: Vec<_> = results.into_iter().take(expected).map(outcome).collect();
    outcomes.resize(expected, codes::retry("NoResult", "the answer lacks this entry"));
    outcomes
}

/// The outcome of a call that failed as a whole.
fn call_outcome(error: &SdkError<PutEventsError, HttpResponse>) -> Outcome {
    match error {
        SdkError::ServiceError(service) => match service.err().code() {
            Some(code) => codes::outcome(code, service.err().message().unwrap_or("")),
            None => codes::of_status(service.raw().status().as_u16()),
        },
        SdkError::ResponseError(response) => codes::of_status(response.raw().status().as_u16()),
        SdkError::TimeoutError(_) => codes::retry("Timeout", "no answer in time"),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            codes::retry("Timeout", "no answer in time")
        }
        other => match credentials_fault(other) {
            Some(CredentialsError::CredentialsNotLoaded(_)) => {
                codes::denied("CredentialsNotLoaded", "no source has credentials")
            }
            Some(fault @ CredentialsError::InvalidConfiguration(_)) => {
                codes::denied("InvalidCredentialConfiguration", &innermost(fault))
            }
            Some(fault) => codes::retry("CredentialsUnavailable", &innermost(fault)),
            None => codes::retry("Transport", &innermost(other)),
        },
    }
}

fn credentials_fault<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a CredentialsError> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

/// The innermost cause, which says most: `Connection refused`, `unknown issuer`.
fn innermost(error: &(dyn Error + 'static)) -> String {
    chain(error).last().map(ToString::to_string).unwrap_or_default()
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |cause| <dyn Error>::source(*cause))
}
