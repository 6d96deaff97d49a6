//! What a consumer does with an event: validate it in the reader's form, then give it types.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use crate::envelope::{Envelope, PublisherId, TraceContext};
use crate::origin::GatewayOrigin;
use crate::types::EventData;
use crate::validate::{FieldError, Invalid, Rejected, check, parse, reader, type_of};

/// An event of a known type, as received.
#[derive(Debug, Clone, PartialEq)]
pub struct Received<D> {
    /// The platform's layer.
    pub envelope: Envelope,
    /// The version that its writer had.
    pub schema_version: String,
    /// Present on every gateway's event.
    pub origin: Option<GatewayOrigin>,
    /// The domain's layer.
    pub data: D,
}

/// Reads one event of the type `D` in the reader's form: unknown members are skipped, unknown
/// words of open enumerations kept as `Other`.
pub fn read<D: EventData>(bytes: &[u8]) -> Result<Received<D>, Rejected> {
    let mut event = parse(bytes)?;
    let found = type_of(&event)?;
    if found != D::TYPE {
        return Err(Rejected::OtherType { found, expected: D::TYPE });
    }
    check(reader(found), found, &event)?;
    // What a schema accepts and a type does not hold, such as the 30th of February.
    let misfit = |field: &str| Invalid {
        event_type: found,
        errors: vec![FieldError {
            pointer: field.to_owned(),
            message: "does not fit its type".to_owned(),
            schema_path: String::new(),
        }],
    };
    let data = event.get_mut("data").map(Value::take).unwrap_or_default();
    let data = D::deserialize(data).map_err(|_| misfit("/data"))?;
    let wire = Wire::deserialize(event).map_err(|_| misfit(""))?;
    Ok(Received {
        envelope: Envelope {
            id: wire.id,
            time: wire.time,
            publisher: PublisherId {
                name: wire.publisher.name.into(),
                instance: wire.publisher.instance.into(),
            },
            tenant_id: wire.tenant_id.into(),
            test: wire.test,
            site_id: wire.site_id.map(Arc::from),
            entry_id: wire.entry_id.map(Arc::from),
            endpoint_id: wire.endpoint_id.map(Arc::from),
            correlation_id: wire.correlation_id,
            causation_id: wire.causation_id,
            trace_context: wire.trace_context,
        },
        schema_version: wire.schema_version,
        origin: wire.gateway,
        data,
    })
}

#[derive(Deserialize)]
struct Wire {
    id: Uuid,
    schema_version: String,
    time: Timestamp,
    publisher: WirePublisher,
    tenant_id: String,
    test: bool,
    site_id: Option<String>,
    entry_id: Option<String>,
    endpoint_id: Option<String>,
    correlation_id: Option<Uuid>,
    causation_id: Option<Uuid>,
    trace_context: Option<TraceContext>,
    gateway: Option<GatewayOrigin>,
}

#[derive(Deserialize)]
struct WirePublisher {
    name: String,
    instance: String,
}
