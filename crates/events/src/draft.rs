//! A valid event that waits for its origin.

mod refill;
mod trees;

use std::fmt;
use std::fmt::Display;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::envelope::{Envelope, TraceContext};
use crate::origin::{GatewayOrigin, MAX_STAMP_BYTES};
use crate::publishers::RegisteredPublisher;
use crate::types::{Direction, EventData, EventType};
use crate::validate::{FieldError, Invalid, MAX_EVENT_BYTES, check, unstamped};
use refill::refill;

/// A valid event, complete but for a gateway's origin. Only [`Envelope::seal`] makes one.
///
/// Its `Debug` form shows the text's length only, since an event may hold personal data.
#[derive(Clone, PartialEq)]
pub struct Draft {
    id: Uuid,
    event_type: EventType,
    time: Timestamp,
    entry_id: Option<Arc<str>>,
    endpoint_id: Option<Arc<str>>,
    trace_header: Option<String>,
    /// One JSON object without a member `gateway`.
    body: String,
}

impl Envelope {
    /// Composes the event, validates it once against the writer's form, and keeps its text.
    ///
    /// Refused: a type that is not this publisher's (`schemas/publishers.json`), whatever the
    /// schema refuses, numbers that JSON cannot hold, and events that would be longer than
    /// [`MAX_EVENT_BYTES`] once stamped.
    pub fn seal<D: EventData>(self, data: &D) -> Result<Draft, Invalid> {
        let event_type = D::TYPE;
        let whole =
            |message: String| Invalid { event_type, errors: vec![FieldError::whole(message)] };
        let registered = RegisteredPublisher::find(&self.publisher.name);
        if registered.is_none_or(|publisher| !publisher.may_publish(event_type)) {
            let errors = vec![FieldError {
                pointer: "/publisher/name".to_owned(),
                message: "is not registered in schemas/publishers.json for this type".to_owned(),
                schema_path: String::new(),
            }];
            return Err(Invalid { event_type, errors });
        }
        let failed = |error: &dyn Display| whole(format!("data: {error}"));
        let fill = |tree: &mut Value| {
            refill(tree, &self.compose(data)).map_err(|error| failed(&error))?;
            check(unstamped(event_type), event_type, tree)
        };
        let body = trees::text(event_type, fill, failed)?;
        let longest = MAX_EVENT_BYTES - MAX_STAMP_BYTES;
        if body.len() > longest {
            return Err(whole(format!("{} bytes; at most {longest} are allowed", body.len())));
        }
        Ok(Draft {
            id: self.id,
            event_type,
            time: self.time,
            entry_id: self.entry_id,
            endpoint_id: self.endpoint_id,
            trace_header: self.trace_context.as_ref().and_then(TraceContext::xray_header),
            body,
        })
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("time", &self.time)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Draft {
    /// The event's id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The event's type.
    pub fn event_type(&self) -> EventType {
        self.event_type
    }

    /// When it happened, at the device.
    pub fn time(&self) -> Timestamp {
        self.time
    }

    /// The entry that it is about, if any.
    pub fn entry_id(&self) -> Option<&Arc<str>> {
        self.entry_id.as_ref()
    }

    /// The device that it is about, if any.
    pub fn endpoint_id(&self) -> Option<&Arc<str>> {
        self.endpoint_id.as_ref()
    }

    /// The event's trace as an X-Ray header, for [`crate::Outgoing`].
    pub fn trace_header(&self) -> Option<String> {
        self.trace_header.clone()
    }

    /// The bytes of the event without origin.
    #[expect(clippy::len_without_is_empty, reason = "an event is never empty")]
    pub fn len(&self) -> usize {
        self.body.len()
    }

    /// The exact outgoing text, with the origin as its last member.
    ///
    /// Valid as a whole: the draft is, the origin cannot be otherwise, and the body has no member
    /// of that name. A type that no gateway publishes has no origin and stays as it is.
    pub fn stamp(&self, origin: &GatewayOrigin) -> String {
        if matches!(self.event_type.direction(), Direction::ToGateway | Direction::BetweenServices)
        {
            return self.finish();
        }
        let open = self.body.strip_suffix('}').unwrap_or(&self.body);
        let mut detail = String::with_capacity(self.body.len() + MAX_STAMP_BYTES);
        detail.push_str(open);
        detail.push_str(",\"gateway\":");
        origin.write_json(&mut detail);
        detail.push('}');
        detail
    }

    /// The exact outgoing text of a publisher that is no gateway.
    ///
    /// A type whose [`EventType::needs_origin`] is true is valid only after [`Draft::stamp`].
    pub fn finish(&self) -> String {
        self.body.clone()
    }
}
