//! Events as `EventBridge` delivers them.

use doorward_events::types::{DeliveryScheduled, GatewayHeartbeat, VisitOpened, VisitSecured};
use doorward_events::{Envelope, EventData, GatewayOrigin, PublisherId};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;

/// The account of every delivery here.
pub const ACCOUNT: &str = "111122223333";

pub fn id(n: u64) -> Uuid {
    Uuid::from_u128(0x019a_a4f0_5c1e_7c3a_9d5e_0000_0000_0000 + u128::from(n))
}

pub fn journal(n: u64) -> Uuid {
    Uuid::from_u128(0x0000_0000_0000_4000_8000_0000_0000_0000 + u128::from(n))
}

fn of_json<T: DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

pub fn secured() -> VisitSecured {
    of_json(json!({
        "visit_id": "0191c7a0-0000-7000-8000-00000000c001",
        "granted_at": "2026-11-21T09:14:02Z",
        "opened_at": "2026-11-21T09:14:06Z",
        "closed_at": "2026-11-21T09:14:12Z",
    }))
}

pub fn opened() -> VisitOpened {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schemas/visit.opened/examples");
    let mut files: Vec<_> = std::fs::read_dir(file).unwrap().map(|it| it.unwrap().path()).collect();
    files.retain(|file| file.is_file());
    files.sort();
    serde_json::from_str(&std::fs::read_to_string(&files[0]).unwrap()).unwrap()
}

/// The `n`th event of gateway gw-1, in its first journal, with the same number everywhere.
pub fn gateway<D: EventData>(
    data: &D,
    n: u64,
    change: impl FnOnce(&mut Envelope, &mut GatewayOrigin),
) -> String {
    let publisher = PublisherId::new("doorward.gateway", "gw-1");
    let time = "2026-11-21T06:41:00Z".parse().unwrap();
    let mut envelope = Envelope::new(id(n), time, publisher, "acme".into()).about("front-door");
    let mut origin = GatewayOrigin {
        recorded_at: time,
        journal_id: journal(1),
        sequence: n,
        type_sequence: n,
        clock: None,
    };
    change(&mut envelope, &mut origin);
    deliver(&envelope.seal(data).unwrap().stamp(&origin))
}

/// The `n`th event, a `visit.secured`.
pub fn visit(n: u64) -> String {
    gateway(&secured(), n, |_, _| {})
}

/// A heartbeat that says how far these types were delivered.
pub fn heartbeat(n: u64, delivered_through: &Value) -> String {
    let data: GatewayHeartbeat = of_json(json!({
        "uptime_s": 1, "events_waiting": 0, "quarantined": 0, "vendors": [],
        "delivered_through": delivered_through,
    }));
    gateway(&data, n, |_, _| {})
}

/// An event of a service, which has no origin.
pub fn scheduled(n: u64) -> String {
    let data: DeliveryScheduled = of_json(json!({
        "delivery_id": "d-20261121-0042",
        "subject_ref": "s-7f3k9q2m",
        "window": {"not_before": "2026-11-21T09:00:00Z", "expires_at": "2026-11-21T12:00:00Z"},
        "parcels": 2,
    }));
    let publisher = PublisherId::new("acme.delivery", "eu-1");
    let time = "2026-11-21T06:41:00Z".parse().unwrap();
    let envelope = Envelope::new(id(n), time, publisher, "acme".into());
    deliver(&envelope.seal(&data).unwrap().finish())
}

/// What the bus makes of an event.
pub fn deliver(event: &str) -> String {
    let detail: Value = serde_json::from_str(event).unwrap();
    let text = |pointer: &str| detail.pointer(pointer).unwrap().as_str().unwrap().to_owned();
    let source = format!("{}/{}", text("/publisher/name"), text("/publisher/instance"));
    json!({
        "version": "0", "id": "b1", "detail-type": text("/type"), "source": source,
        "account": ACCOUNT, "time": "2026-11-21T06:41:02Z", "region": "eu-central-1",
        "resources": [], "detail": detail,
    })
    .to_string()
}

/// The same delivery with one member another.
pub fn with(delivery: &str, pointer: &str, value: Value) -> String {
    let mut delivery: Value = serde_json::from_str(delivery).unwrap();
    let (parent, member) = pointer.rsplit_once('/').unwrap();
    delivery.pointer_mut(parent).unwrap()[member] = value;
    delivery.to_string()
}

/// The same delivery, from a replay.
pub fn replayed(delivery: &str, name: &str) -> String {
    with(delivery, "/replay-name", json!(name))
}
