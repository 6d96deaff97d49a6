//! Tells on the bus what deliveries have to tell: each delivery's events in order, deliveries
//! beside each other, so that one that the bus will not take holds up none of the others.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use doorward_events::Envelope;
use doorward_events::publish::{Fate, Why};
use doorward_events::types::AccessReason;
use jiff::Timestamp;
use tokio::task::JoinSet;

use crate::delivery::{Delivery, Signal, Told, What};
use crate::service::{Service, existing, trace};

/// How long to wait before what the bus did not take is told again.
const TELL_AGAIN: Duration = Duration::from_secs(5);

/// Tells for as long as it is polled.
pub async fn run(service: Arc<Service>) {
    let mut tasks: JoinSet<String> = JoinSet::new();
    let mut being_told = BTreeSet::new();
    loop {
        tokio::select! {
            () = service.something_to_tell.notified() => {}
            Some(done) = tasks.join_next(), if !tasks.is_empty() => match done {
                Ok(delivery_id) => {
                    being_told.remove(&delivery_id);
                }
                // A task that panicked: nothing is known of which, so all are looked at again.
                Err(_) if tasks.is_empty() => being_told.clear(),
                Err(_) => {}
            },
        }
        let open = match service.ledger.lock().await.open().await {
            Ok(open) => open,
            Err(error) => {
                tracing::warn!(%error, "the ledger cannot be read; it is tried again");
                tokio::time::sleep(TELL_AGAIN).await;
                service.something_to_tell.notify_one();
                continue;
            }
        };
        for delivery in open {
            if !delivery.to_tell.is_empty() && being_told.insert(delivery.delivery_id.clone()) {
                tasks.spawn(tell(Arc::clone(&service), delivery));
            }
        }
    }
}

/// Tells one delivery's events; at the first that does not go, it waits and leaves the rest for
/// later.
async fn tell(service: Arc<Service>, delivery: Delivery) -> String {
    for told in &delivery.to_tell {
        if let Err(error) = one(&service, &delivery, told).await {
            let delivery_id = &delivery.delivery_id;
            tracing::warn!(delivery_id, %error, "not everything could be told; it is tried again");
            tokio::time::sleep(TELL_AGAIN).await;
            break;
        }
    }
    delivery.delivery_id
}

async fn one(service: &Service, delivery: &Delivery, told: &Told) -> anyhow::Result<()> {
    let mut lost = false;
    if is_late(told) {
        tracing::warn!(delivery.delivery_id, "a request was not told in time; it is not sent");
    } else if let Err(refusal) = publish(service, delivery, told).await {
        lost = matches!(refusal.why, Why::Invalid(_) | Why::Refused { .. });
        anyhow::ensure!(lost, "{refusal}");
        tracing::error!(delivery.delivery_id, %refusal, "it can never be told");
    }
    let ledger = service.ledger.lock().await;
    let mut now = existing(&ledger, &delivery.delivery_id).await?;
    now.to_tell.retain(|other| other.id != told.id);
    // Without its grant a delivery leads nowhere.
    if lost && matches!(told.what, What::Granted(_)) {
        now.heard(Signal::Rejected(AccessReason::MalformedRequest));
    }
    ledger.keep(&now).await
}

/// An unlock is asked for now or not at all.
fn is_late(told: &Told) -> bool {
    let What::Asked(request) = &told.what else { return false };
    request.not_after.parse::<Timestamp>().is_ok_and(|deadline| Timestamp::now() > deadline)
}

async fn publish(service: &Service, delivery: &Delivery, told: &Told) -> Fate {
    let trace_context = Some(trace(delivery, told.id));
    let envelope =
        Envelope { id: told.id, time: told.time, trace_context, ..service.envelope(delivery) };
    let publisher = &service.publisher;
    match &told.what {
        What::Scheduled(data) => publisher.publish(envelope, data).await,
        What::Granted(data) => publisher.publish(envelope, data).await,
        What::Asked(data) => publisher.publish(envelope, data).await,
        What::Revoked(data) => publisher.publish(envelope, data).await,
        What::Completed(data) => publisher.publish(envelope, data).await,
    }
}
