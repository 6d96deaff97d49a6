//! A whole event around an example of `data`, always the same: envelope and origin filled in with
//! what their schemas know of the platform's members.

use doorward_schema_repository::Direction;
use serde_json::{Map, Value, json};

use crate::site::source::{Catalogue, EventType};

/// When everything in a sample happens.
const TIME: &str = "2026-11-02T09:30:00Z";

/// The event, with those of the platform's members that the repository's envelope has.
pub fn event(catalogue: &Catalogue, event_type: &EventType, data: &Value) -> Value {
    let senders = catalogue.senders(event_type);
    let publisher = senders.first().map_or("publisher", |publisher| publisher.name.as_str());
    let members = json!({
        "id": "0191c7a0-0000-7000-8000-000000000001",
        "type": event_type.name,
        "schema_version": event_type.version,
        "time": TIME,
        "publisher": { "name": publisher, "instance": "instance-1" },
        "tenant_id": "tenant-1",
        "test": false,
    });
    let origin = json!({
        "recorded_at": TIME,
        "journal_id": "6f0d3a5e-8f5e-4d0e-9a51-0d9f6f3b2c11",
        "sequence": 42,
        "type_sequence": 7,
    });
    let mut event = known(&members, Some(&catalogue.repository.envelope));
    if event_type.direction == Direction::FromGateway {
        let schema = catalogue.repository.definitions.get("GatewayOrigin");
        event.insert("gateway".to_owned(), Value::Object(known(&origin, schema)));
    }
    event.insert("data".to_owned(), data.clone());
    Value::Object(event)
}

/// The members that the schema knows, in its order.
fn known(members: &Value, schema: Option<&Value>) -> Map<String, Value> {
    let names = schema.and_then(|s| s.get("properties")).and_then(Value::as_object);
    let names = names.into_iter().flat_map(Map::keys);
    names.filter_map(|name| Some((name.clone(), members.get(name)?.clone()))).collect()
}
