//! Good events, from which each mistake differs in one place.

use std::sync::Arc;

use doorward_events::publish::{Publisher, Settings, StartError};
use doorward_events::types::{DeliveryScheduled, DeliveryWindow, VisitSecured};
use doorward_events::{Bus, Envelope, EventData, GatewayOrigin, Invalid, PublisherId};
use serde_json::{Value, json};
use uuid::Uuid;

pub fn id(n: u64) -> Uuid {
    Uuid::from_u128(0x019a_a4f0_5c1e_7c3a_9d5e_0000_0000_0000 + u128::from(n))
}

pub fn service() -> PublisherId {
    PublisherId::new("acme.delivery", "blue-1")
}

pub fn gateway() -> PublisherId {
    PublisherId::new("doorward.gateway", "gw-1")
}

pub fn scheduled() -> DeliveryScheduled {
    DeliveryScheduled {
        delivery_id: "d-1".to_owned(),
        subject_ref: "s-7f3k9q2m".to_owned(),
        window: DeliveryWindow {
            not_before: "2026-11-21T09:00:00Z".to_owned(),
            expires_at: "2026-11-21T12:00:00Z".to_owned(),
        },
        parcels: 2,
    }
}

pub fn secured() -> VisitSecured {
    VisitSecured {
        visit_id: "0191c7a0-0000-7000-8000-00000000c001".to_owned(),
        granted_at: "2026-11-21T09:14:02Z".to_owned(),
        opened_at: "2026-11-21T09:14:06Z".to_owned(),
        closed_at: "2026-11-21T09:14:12Z".to_owned(),
        grant_id: None,
        subject_ref: None,
    }
}

pub fn envelope(publisher: PublisherId) -> Envelope {
    let time = "2026-11-21T06:41:00Z".parse().unwrap();
    Envelope::new(id(1), time, publisher, "acme".into()).about("front-door")
}

/// The pointers of what is refused when this is sealed.
pub fn pointers<D: EventData>(envelope: Envelope, data: &D) -> Vec<String> {
    of_invalid(&envelope.seal(data).unwrap_err())
}

pub fn of_invalid(invalid: &Invalid) -> Vec<String> {
    invalid.errors.iter().map(|error| error.pointer.clone()).collect()
}

/// Settings under which handshakes stay out of a test's way.
pub fn settings() -> Settings {
    Settings { handshake_interval: std::time::Duration::from_secs(86_400), ..Settings::default() }
}

/// Starts a publisher of this name and instance, for this tenant.
pub fn start(
    bus: Arc<dyn Bus>,
    id: PublisherId,
    tenant: &str,
    settings: Settings,
) -> Result<Publisher, StartError> {
    Publisher::start(bus, id, tenant, "1.4.0", settings, Arc::new(()))
}

/// A publisher whose first handshake is through.
pub async fn ready(bus: Arc<dyn Bus>) -> Publisher {
    let publisher = start(bus, service(), "acme", settings()).unwrap();
    publisher.ready().await.unwrap();
    publisher
}

/// The `n`th event of gateway gw-1 as `EventBridge` delivers it.
pub fn from_gateway<D: EventData>(
    data: &D,
    n: u64,
    change: impl FnOnce(&mut Envelope, &mut GatewayOrigin),
) -> String {
    let mut envelope = Envelope { id: id(n), ..envelope(gateway()) };
    let mut origin = GatewayOrigin {
        recorded_at: envelope.time,
        journal_id: Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0001),
        sequence: n,
        type_sequence: n,
        clock: None,
    };
    change(&mut envelope, &mut origin);
    delivered(&envelope.seal(data).unwrap().stamp(&origin))
}

/// The `n`th `visit.secured`, as delivered.
pub fn visit(n: u64) -> String {
    from_gateway(&secured(), n, |_, _| {})
}

/// A `delivery.scheduled`, as delivered.
pub fn order() -> String {
    delivered(&envelope(service()).seal(&scheduled()).unwrap().finish())
}

/// What the bus makes of an event.
pub fn delivered(event: &str) -> String {
    let detail: Value = serde_json::from_str(event).unwrap();
    let text = |pointer: &str| detail.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let source = format!("{}/{}", text("/publisher/name"), text("/publisher/instance"));
    json!({
        "version": "0", "id": "b1", "detail-type": text("/type"), "source": source,
        "account": "111122223333", "time": "2026-11-21T06:41:02Z", "region": "eu-central-1",
        "resources": [], "detail": detail,
    })
    .to_string()
}

/// The same text with one member another; `null` takes it away.
pub fn with(text: &str, pointer: &str, value: Value) -> String {
    let mut whole: Value = serde_json::from_str(text).unwrap();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    let parent = whole.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    if value.is_null() {
        parent.remove(member).unwrap();
    } else {
        parent.insert(member.to_owned(), value);
    }
    whole.to_string()
}

/// The event in a delivery.
pub fn detail(delivery: &str) -> String {
    let delivery: Value = serde_json::from_str(delivery).unwrap();
    delivery["detail"].to_string()
}
