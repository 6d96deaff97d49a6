//! What the service listens to: each type that a gateway says about grants, requests and visits.

use std::pin::Pin;
use std::sync::Arc;

use doorward_events::subscribe::store::Store;
use doorward_events::subscribe::{Context, Failure, Policies, Subscriber};
use doorward_events::types::{
    AccessDenied, AccessGranted, AccessReason, DeliveryOutcome, EventData, GatewayStarted,
    GrantInstalled, GrantRejected, GrantRemoved, GrantRemovedReason, VisitInterrupted,
    VisitLeftInsecure, VisitNotTaken, VisitOpened, VisitSecured, VisitUnverified,
};
use doorward_events::{EventType, Received};

use serde_json::json;

use crate::delivery::Signal;
use crate::service::Service;

/// The types that a handler below takes.
const TYPES: [EventType; 12] = [
    EventType::GatewayStarted,
    EventType::GrantInstalled,
    EventType::GrantRejected,
    EventType::GrantRemoved,
    EventType::AccessGranted,
    EventType::AccessDenied,
    EventType::VisitOpened,
    EventType::VisitSecured,
    EventType::VisitLeftInsecure,
    EventType::VisitNotTaken,
    EventType::VisitUnverified,
    EventType::VisitInterrupted,
];

/// The pattern of the rule that fills the service's queue.
pub fn rule() -> serde_json::Value {
    json!({
        "source": [{ "prefix": "doorward.gateway/" }],
        "detail-type": TYPES.map(EventType::as_str),
    })
}

/// The subscriber. A delivery's end is taken from the visit alone, so the order of events does
/// not matter; each is handled once by its id.
pub fn subscriber(service: &Arc<Service>, store: Arc<dyn Store>) -> anyhow::Result<Subscriber> {
    let started = {
        let service = Arc::clone(service);
        move |event: Received<GatewayStarted>, _: Context| {
            let service = Arc::clone(&service);
            async move { service.started(event).await.map_err(|error| again(&error)) }
        }
    };
    let over = |outcome: DeliveryOutcome, visit_id: &str| Signal::Over {
        outcome,
        visit_id: visit_id.to_owned(),
    };
    let builder = Subscriber::builder("delivery-service", Policies::strict(), store)
        .on(started)
        .on(heard(service, |e: &GrantInstalled| (Some(e.grant_id.clone()), Signal::Installed)))
        .on(heard(service, |e: &GrantRejected| {
            (e.grant_id.clone(), Signal::Rejected(e.reason.clone()))
        }))
        .on(heard(service, |e: &GrantRemoved| {
            let reason = match e.reason {
                GrantRemovedReason::Expired => AccessReason::Expired,
                GrantRemovedReason::UsedUp => AccessReason::UsesExhausted,
                GrantRemovedReason::LedgerLost => AccessReason::LedgerLost,
                GrantRemovedReason::Revoked | GrantRemovedReason::Other(_) => AccessReason::Revoked,
            };
            (Some(e.grant_id.clone()), Signal::Removed(reason))
        }))
        .on(heard(service, |e: &AccessGranted| (e.grant_id.clone(), Signal::Granted)))
        .on(heard(service, |e: &AccessDenied| {
            let request_id = e.request_id.as_deref().and_then(|id| id.parse().ok());
            (e.grant_id.clone(), Signal::Denied { request_id, reason: e.reason.clone() })
        }))
        .on(heard(service, |e: &VisitOpened| (e.grant_id.clone(), Signal::Opened)))
        .on(heard(service, move |e: &VisitSecured| {
            (e.grant_id.clone(), over(DeliveryOutcome::Delivered, &e.visit_id))
        }))
        .on(heard(service, move |e: &VisitLeftInsecure| {
            (e.grant_id.clone(), over(DeliveryOutcome::LeftInsecure, &e.visit_id))
        }))
        .on(heard(service, move |e: &VisitNotTaken| {
            (e.grant_id.clone(), over(DeliveryOutcome::NotDelivered, &e.visit_id))
        }))
        .on(heard(service, move |e: &VisitUnverified| {
            (e.grant_id.clone(), over(DeliveryOutcome::Unverified, &e.visit_id))
        }))
        .on(heard(service, move |e: &VisitInterrupted| {
            (e.grant_id.clone(), over(DeliveryOutcome::Unverified, &e.visit_id))
        }));
    Ok(builder.build()?)
}

type Handled = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;

/// A handler that takes from the event which grant it is about, and what it says of it.
fn heard<D: EventData, S: Fn(&D) -> (Option<String>, Signal)>(
    service: &Arc<Service>,
    signal: S,
) -> impl Fn(Received<D>, Context) -> Handled + use<D, S> {
    let service = Arc::clone(service);
    move |event, _| {
        let service = Arc::clone(&service);
        let (grant_id, signal) = signal(&event.data);
        let envelope = event.envelope;
        Box::pin(async move {
            service
                .heard(&envelope, grant_id.as_deref(), signal)
                .await
                .map_err(|error| again(&error))
        })
    }
}

/// What fails here is the store: it may work again.
fn again(error: &anyhow::Error) -> Failure {
    Failure::Again(format!("{error:#}"))
}
