//! The catalogue as an `AsyncAPI` 3.0 document, for the tools that speak it: portals, diagrams,
//! generators. Nothing is said in it that the repository does not say.
//!
//! A channel is an event type, which is the bus's `DetailType`; its one message is the whole event.
//! What each registered publisher may send and each declared subscription receives is an operation.

pub mod sample;

use doorward_schema_repository::walk::{each_schema, referenced};
use doorward_schema_repository::{Direction, Form};
use serde_json::{Map, Value, json};

use crate::site::source::{Catalogue, EventType};

/// Which schema language the payloads are in.
pub const SCHEMA_FORMAT: &str = "application/schema+json;version=draft-04";

/// The document. `revision` becomes its version; `form` says whether payloads bind writers or
/// readers.
///
/// An error names the type whose schema cannot be composed, and why.
pub fn document(catalogue: &Catalogue, form: Form, revision: &str) -> Result<Value, String> {
    let (mut channels, mut messages) = (Map::new(), Map::new());
    for event_type in &catalogue.types {
        channels.insert(event_type.name.clone(), channel(event_type));
        messages.insert(event_type.name.clone(), message(catalogue, event_type, form)?);
    }
    Ok(json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Event catalogue",
            "version": revision,
            "description": format!(
                "Every event type of the schema repository. Payloads are in the {} form, JSON \
                 Schema Draft-04. On Amazon EventBridge a channel's address is the DetailType and \
                 Source is the publisher's name, a slash and its instance.",
                form.as_str()
            ),
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations(catalogue),
        "components": { "messages": messages },
    }))
}

fn channel(event_type: &EventType) -> Value {
    let name = &event_type.name;
    let mut channel = json!({
        "address": name,
        "title": name,
        "description": event_type.summary,
        "messages": { "event": { "$ref": format!("#/components/messages/{name}") } },
        "x-owner": event_type.owner,
        "x-lifecycle": event_type.lifecycle,
        "x-direction": direction(event_type.direction),
        "x-audience": event_type.audience,
        "x-sensitivity": event_type.sensitivity,
    });
    if let (Some(going), Some(members)) = (&event_type.deprecation, channel.as_object_mut()) {
        members.insert(
            "x-deprecated".to_owned(),
            json!({ "replacement": going.replacement, "sunset": going.sunset }),
        );
    }
    channel
}

fn message(catalogue: &Catalogue, event_type: &EventType, form: Form) -> Result<Value, String> {
    let name = &event_type.name;
    let mut schema = catalogue.schema_of(event_type, form)?;
    // A reference counts from the whole document's root, not from the schema's.
    each_schema(&mut schema, &mut |members| {
        let inside = referenced(members).map(|target| {
            format!("#/components/messages/{name}/payload/schema/definitions/{target}")
        });
        if let Some(inside) = inside {
            members.insert("$ref".to_owned(), Value::String(inside));
        }
    });
    let examples = event_type.examples.iter().map(|example| {
        json!({
            "name": example.name,
            "payload": sample::event(catalogue, event_type, &example.data),
        })
    });
    Ok(json!({
        "name": name,
        "title": name,
        "summary": event_type.summary,
        "contentType": "application/json",
        "payload": { "schemaFormat": SCHEMA_FORMAT, "schema": schema },
        "examples": examples.collect::<Vec<_>>(),
    }))
}

fn operations(catalogue: &Catalogue) -> Map<String, Value> {
    let mut operations = Map::new();
    for event_type in &catalogue.types {
        let name = &event_type.name;
        let mut add = |action: &str, party: &str, summary: String| {
            let id = format!("{}.{action}.{name}", party.replace('/', "--"));
            operations.insert(
                id,
                json!({
                    "action": action,
                    "channel": { "$ref": format!("#/channels/{name}") },
                    "title": format!("{party} {action}s {name}"),
                    "summary": summary,
                    "messages": [{ "$ref": format!("#/channels/{name}/messages/event") }],
                    "tags": [{ "name": party }],
                }),
            );
        };
        for publisher in catalogue.senders(event_type) {
            add("send", &publisher.name, publisher.summary.clone());
        }
        if event_type.direction == Direction::ToGateway {
            add("receive", "gateway", "The gateway that the event names.".to_owned());
        }
        for subscription in catalogue.receivers(event_type) {
            let party = format!("{}/{}", subscription.team, subscription.name);
            add("receive", &party, subscription.summary.clone());
        }
    }
    operations
}

fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::FromGateway => "from_gateway",
        Direction::ToGateway => "to_gateway",
        Direction::BetweenServices => "between_services",
        Direction::Platform => "platform",
    }
}
