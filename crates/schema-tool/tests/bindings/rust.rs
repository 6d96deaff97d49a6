//! What the Rust library answers: the others are held to it.

use doorward_events::types::Visitor;
use doorward_events::{
    EventData, EventType, Form, Received, Rejected, from_cloud_event, read, to_cloud_event,
    validate,
};
use serde_json::{Value, json};

use crate::case::{Answer, Case};

/// The answer of `doorward-events`.
pub fn answer(case: &Case) -> Answer {
    let bytes = case.bytes();
    let outcome = match case.ask {
        "writer" => validate(&bytes, Form::Writer).map(|_| None),
        "reader" => validate(&bytes, Form::Reader).map(|_| None),
        "read" => validate(&bytes, Form::Reader)
            .and_then(|event_type| event_type.visit(Rewrite(&bytes)))
            .map(|event| Some(event.to_string())),
        "to_cloud_event" => to_cloud_event(&bytes).map(Some),
        "from_cloud_event" => from_cloud_event(&bytes).map(Some),
        other => panic!("no such question: {other}"),
    };
    match outcome {
        Ok(event) => Answer { code: "ok".to_owned(), pointers: Vec::new(), event },
        Err(rejected) => {
            let mut pointers: Vec<String> =
                rejected.pointers().into_iter().map(str::to_owned).collect();
            pointers.sort();
            Answer { code: code(&rejected).to_owned(), pointers, event: None }
        }
    }
}

fn code(rejected: &Rejected) -> &'static str {
    match rejected {
        Rejected::TooLarge { .. } => "too_large",
        Rejected::TooDeep => "too_deep",
        Rejected::Malformed { .. } => "malformed",
        Rejected::NoType => "no_type",
        Rejected::UnknownType => "unknown_type",
        Rejected::OtherType { .. } => "other_type",
        Rejected::Invalid(_) => "invalid",
    }
}

struct Rewrite<'a>(&'a [u8]);

impl Visitor for Rewrite<'_> {
    type Output = Result<Value, Rejected>;

    fn visit<D: EventData>(self) -> Self::Output {
        read::<D>(self.0).map(|received| whole(&received, D::TYPE))
    }
}

fn whole<D: EventData>(received: &Received<D>, event_type: EventType) -> Value {
    let Received { envelope, schema_version, origin, data } = received;
    let mut event = json!({
        "id": envelope.id,
        "type": event_type.as_str(),
        "schema_version": schema_version,
        "time": envelope.time,
        "publisher": { "name": envelope.publisher.name, "instance": envelope.publisher.instance },
        "tenant_id": envelope.tenant_id,
        "test": envelope.test,
        "site_id": envelope.site_id,
        "entry_id": envelope.entry_id,
        "endpoint_id": envelope.endpoint_id,
        "correlation_id": envelope.correlation_id,
        "causation_id": envelope.causation_id,
        "trace_context": envelope.trace_context,
        "gateway": origin,
        "data": data,
    });
    event.as_object_mut().unwrap().retain(|_, member| !member.is_null());
    event
}
