//! A type's page: what it says, to whom, with which fields, how it changed and how it looks.

use std::collections::BTreeMap;

use doorward_schema_repository::Direction;
use maud::{Markup, html};
use serde_json::{Map, Value};

use super::changes::{self, Change};
use super::fields;
use super::shell::{self, INSIDE, broken};
use super::source::{Catalogue, EventType};
use crate::asyncapi::sample;

/// The page's content.
pub fn content(catalogue: &Catalogue, event_type: &EventType) -> Markup {
    let definitions = &catalogue.repository.definitions;
    let rows = fields::rows(&event_type.data, definitions);
    let sensitivity =
        |path: &str| event_type.sensitive_fields.get(&pointer("/data", path)).cloned();
    html! {
        h1 { code { (broken(&event_type.name)) } }
        p.lead { (event_type.summary) }
        @if let Some(description) = event_type.data.get("description").and_then(Value::as_str) {
            p { (description) }
        }
        (going_away(catalogue, event_type))
        dl.facts {
            (fact("Lifecycle", &event_type.lifecycle))
            (fact("Version", &event_type.version))
            (fact("Direction", shell::direction(event_type.direction)))
            (fact("Audience", &event_type.audience))
            (fact("Sensitivity", &event_type.sensitivity))
            (fact("Owner", &event_type.owner))
        }
        section.pair aria-labelledby="exchange" {
            h2.hidden #exchange { "Who sends it and who receives it" }
            (senders(catalogue, event_type))
            (receivers(catalogue, event_type))
        }
        section aria-labelledby="fields" {
            h2 #fields { "Fields of " code { "data" } }
            (shell::table(catalogue, INSIDE, "Fields of data", &rows, &sensitivity))
        }
        @if let Some(name) = &event_type.statement {
            (statement(catalogue, name))
        }
        (around(catalogue, event_type))
        (examples(catalogue, event_type))
        (versions(catalogue, event_type))
    }
}

fn fact(name: &str, value: &str) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// The JSON pointer of a row's path, below `base`.
fn pointer(base: &str, path: &str) -> String {
    let mut text = base.to_owned();
    for part in path.split('.') {
        text.push('/');
        text.push_str(&part.replace("[]", "/*"));
    }
    text
}

fn going_away(catalogue: &Catalogue, event_type: &EventType) -> Markup {
    let Some(deprecation) = &event_type.deprecation else { return html! {} };
    let receivers = catalogue.receivers(event_type).len();
    html! {
        aside.warning aria-label="Deprecated" {
            p {
                strong { "Deprecated." } " "
                @match &deprecation.replacement {
                    Some(name) => { "Use " a href=(INSIDE.of_type(name)) { (broken(name)) } " instead." }
                    None => "No type takes its place.",
                }
                @if let Some(sunset) = &deprecation.sunset { " Sent until " time { (sunset) } "." }
                " " (receivers) @if receivers == 1 { " subscription" } @else { " subscriptions" }
                " still here."
            }
        }
    }
}

fn senders(catalogue: &Catalogue, event_type: &EventType) -> Markup {
    html! {
        div {
            h3 { "Sent by" }
            @if event_type.direction == Direction::Platform { p { "Every registered publisher." } }
            ul {
                @for publisher in catalogue.senders(event_type) {
                    li {
                        a href=(INSIDE.of_publisher(&publisher.name)) { (broken(&publisher.name)) }
                        @if publisher.is_gateway { " (gateways)" }
                    }
                }
            }
        }
    }
}

fn receivers(catalogue: &Catalogue, event_type: &EventType) -> Markup {
    let subscriptions = catalogue.receivers(event_type);
    let is_to_gateway = event_type.direction == Direction::ToGateway;
    html! {
        div {
            h3 { "Received by" }
            ul {
                @if is_to_gateway { li { "The gateway that it names" } }
                @for subscription in &subscriptions {
                    @let name = format!("{}/{}", subscription.team, subscription.name);
                    li {
                        a href=(INSIDE.of_subscription(&subscription.team, &subscription.name)) {
                            (broken(&name))
                        }
                        @if !subscription.filter.is_null() { " (filtered)" }
                    }
                }
            }
            @if subscriptions.is_empty() && !is_to_gateway {
                p.quiet { "No subscription names it." }
            }
        }
    }
}

fn statement(catalogue: &Catalogue, name: &str) -> Markup {
    let definitions = &catalogue.repository.definitions;
    let Some(schema) = definitions.get(name) else { return html! {} };
    let rows = fields::rows(schema, definitions);
    html! {
        section aria-labelledby="statement" {
            h2 #statement { "What is signed" }
            p {
                "Its member " code { "signed" } " carries a " a href=(INSIDE.of_definition(name)) { (name) }
                " as a compact JWS with EdDSA. Only the statement counts; what stands beside it is a \
                  copy for routing. A member that the gateway does not know denies."
            }
            (shell::table(catalogue, INSIDE, "Members of the statement", &rows, &|_| None))
        }
    }
}

fn around(catalogue: &Catalogue, event_type: &EventType) -> Markup {
    let members = |schema: Option<&Value>| -> Vec<String> {
        let names = schema.and_then(|s| s.get("properties")).and_then(Value::as_object);
        names.into_iter().flat_map(Map::keys).cloned().collect()
    };
    let sensitive: Vec<(&String, &String)> = event_type
        .sensitive_fields
        .iter()
        .filter(|(pointer, _)| !pointer.starts_with("/data"))
        .collect();
    let origin = catalogue.repository.definitions.get("GatewayOrigin");
    html! {
        section aria-labelledby="around" {
            h2 #around { "Around " code { "data" } }
            h3 { a href=(INSIDE.of_definition("Envelope")) { "Envelope" } }
            p.words { @for name in members(Some(&catalogue.repository.envelope)) { code { (name) } " " } }
            @if event_type.direction.may_have_origin() {
                h3 { a href=(INSIDE.of_definition("GatewayOrigin")) { "Origin, " code { "gateway" } } }
                p.words { @for name in members(origin) { code { (name) } " " } }
                @if event_type.direction == Direction::Platform {
                    p.quiet { "Only where a gateway publishes it." }
                }
            }
            @for (pointer, why) in sensitive {
                p.sensitive { span.mark.personal { "sensitive" } " " code { (pointer) } " " (why) }
            }
        }
    }
}

fn examples(catalogue: &Catalogue, event_type: &EventType) -> Markup {
    html! {
        section aria-labelledby="examples" {
            h2 #examples { "Examples of " code { "data" } }
            @if event_type.examples.is_empty() { p.quiet { "None yet." } }
            @for example in &event_type.examples {
                h3 { (example.name.replace('-', " ")) }
                (shell::json(&example.data))
            }
            @if let Some(first) = event_type.examples.first() {
                details {
                    summary { "The first as a whole event" }
                    (shell::json(&sample::event(catalogue, event_type, &first.data)))
                }
            }
            @for example in &event_type.refused {
                details {
                    summary { "Refused: " (example.name.replace('-', " ")) }
                    (shell::json(&example.data))
                }
            }
        }
    }
}

fn versions(catalogue: &Catalogue, event_type: &EventType) -> Markup {
    let owned: Vec<(String, Value, BTreeMap<String, Value>)> = event_type
        .releases
        .iter()
        .map(|release| {
            let schema = data_of(&release.schema);
            (release.to_string(), schema, fields::own_definitions(&release.schema))
        })
        .collect();
    let mut steps: Vec<(&str, &str, Vec<Change>)> = Vec::new();
    for pair in owned.windows(2) {
        if let [before, after] = pair {
            let found = changes::between((&before.1, &before.2), (&after.1, &after.2));
            steps.push((&before.0, &after.0, found));
        }
    }
    let edited = catalogue.next.types.iter().find(|source| source.name == event_type.name);
    if let (Some(last), Some(edited)) = (owned.last(), edited) {
        let edited = (&edited.data, &catalogue.next.definitions);
        let found = changes::between((&last.1, &last.2), edited);
        if !found.is_empty() {
            steps.push((&last.0, "next", found));
        }
    }
    html! {
        section aria-labelledby="versions" {
            h2 #versions { "Versions" }
            @if owned.is_empty() {
                p { "Not released: a draft that may change in any way." }
            } @else {
                p { "Released: " @for (version, ..) in &owned { code { (version) } " " } }
            }
            @for (before, after, found) in steps.iter().rev() {
                h3 { (before) " to " (after) }
                @if found.is_empty() { p.quiet { "The same fields." } }
                ul.changes {
                    @for change in found {
                        li.(change.kind.word()) {
                            span.mark { (change.kind.word()) } " " code { (broken(&change.path)) }
                            @if !change.what.is_empty() { " " (change.what.join("; ")) }
                        }
                    }
                }
            }
        }
    }
}

/// The schema of `data` in a frozen file, whether that describes `data` or the whole event.
fn data_of(schema: &Value) -> Value {
    let properties = schema.get("properties");
    let is_event =
        properties.is_some_and(|p| p.get("id").is_some() && p.get("publisher").is_some());
    properties.filter(|_| is_event).and_then(|p| p.get("data")).unwrap_or(schema).clone()
}
