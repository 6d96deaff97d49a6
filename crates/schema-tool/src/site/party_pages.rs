//! Pages of those who publish and of those who receive, of what they share, and of what is going.

use doorward_schema_repository::Direction;
use maud::{Markup, html};
use serde_json::Value;

use super::fields;
use super::picture;
use super::shell::{self, INSIDE, TOP, broken};
use super::source::{Catalogue, EventType, Publisher, Subscription};

/// A publisher's page.
pub fn publisher(catalogue: &Catalogue, publisher: &Publisher) -> Markup {
    let all = catalogue.sent_by(publisher);
    let (platform, own): (Vec<&EventType>, Vec<&EventType>) =
        all.into_iter().partition(|sent| sent.direction == Direction::Platform);
    html! {
        h1 { code { (broken(&publisher.name)) } }
        p.lead { (publisher.summary) }
        dl.facts {
            div { dt { "Owner" } dd { (publisher.owner) } }
            div { dt { "Source on the bus" } dd { code { (publisher.name) "/" } "instance" } }
            div {
                dt { "Accounts" }
                dd {
                    @if publisher.accounts.is_empty() { "the platform's own" }
                    @else { (publisher.accounts.join(", ")) }
                }
            }
        }
        section aria-labelledby="sends" {
            h2 #sends { "Sends" }
            (shell::type_list(INSIDE, own.into_iter()))
            @if !platform.is_empty() {
                h3 { "As every publisher" }
                (shell::type_list(INSIDE, platform.into_iter()))
            }
        }
        section aria-labelledby="keys" {
            h2 #keys { "Keys that it signs with" }
            @if publisher.keys.is_empty() { p.quiet { "None registered." } }
            @for key in &publisher.keys {
                h3 { code { (broken(&key.kid)) } }
                dl.facts {
                    div { dt { "May sign" } dd { (key.may.join(", ")) } }
                    div { dt { "Until" } dd { (key.not_after) } }
                    div.wide { dt { "Ed25519 public key" } dd { code.long { (key.public_key) } } }
                }
            }
        }
    }
}

/// A subscription's page.
pub fn subscription(catalogue: &Catalogue, subscription: &Subscription) -> Markup {
    let types = subscription.types.iter().filter_map(|name| catalogue.find(name));
    html! {
        h1 { code { (broken(&format!("{}/{}", subscription.team, subscription.name))) } }
        p.lead { (subscription.summary) }
        dl.facts {
            div { dt { "Owner" } dd { (subscription.owner) } }
            div { dt { "Account" } dd { (subscription.account) } }
            div { dt { "Region" } dd { (subscription.region) } }
        }
        section aria-labelledby="receives" {
            h2 #receives { "Receives" }
            (shell::type_list(INSIDE, types))
        }
        section aria-labelledby="filter" {
            h2 #filter { "Filter" }
            @if subscription.filter.is_null() { p.quiet { "All events of these types." } }
            @else { (shell::json(&subscription.filter)) }
        }
        section aria-labelledby="used" {
            h2 #used { "Fields that it uses" }
            @match &subscription.fields {
                Value::Array(pointers) => ul {
                    @for pointer in pointers { li { code { (pointer.as_str().unwrap_or_default()) } } }
                },
                _ => p.quiet { "Not declared." },
            }
        }
    }
}

/// Who talks to whom: the picture, and the same as text.
pub fn flows(catalogue: &Catalogue) -> Markup {
    let flows = picture::flows(catalogue);
    html! {
        h1 { "Who talks to whom" }
        p.lead {
            "Publishers on the left, receivers on the right; a line's width says how many event types \
             go that way. What every publisher may send is left out."
        }
        figure { (picture::draw(&flows)) }
        section aria-labelledby="page:text" {
            h2 id="page:text" { "The same as text" }
            @if flows.is_empty() { p.quiet { "Nobody sends anything to anybody yet." } }
            ul.flows {
                @for flow in &flows {
                    li {
                        details {
                            summary {
                                strong { (broken(&flow.from.name)) } " to "
                                strong { (broken(&flow.to.name)) } ": " (flow.types.len())
                                @if flow.types.len() == 1 { " type" } @else { " types" }
                            }
                            ul {
                                @for name in &flow.types {
                                    li { a href=(TOP.of_type(name)) { (broken(name)) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The shared definitions, each with an anchor, by the file that holds them.
pub fn definitions(catalogue: &Catalogue) -> Markup {
    let shared = &catalogue.repository.definitions;
    html! {
        h1 { "Shared definitions" }
        p.lead { "What types share, from " code { "schemas/core" } ". A name stands there once." }
        (definition(catalogue, "Envelope", "core/Envelope.json", &catalogue.repository.envelope))
        @for (name, file) in &catalogue.homes {
            @if let Some(schema) = shared.get(name) { (definition(catalogue, name, file, schema)) }
        }
    }
}

fn definition(catalogue: &Catalogue, name: &str, file: &str, schema: &Value) -> Markup {
    let shared = &catalogue.repository.definitions;
    let row = fields::summary(schema, shared);
    let rows = fields::rows(schema, shared);
    html! {
        section.definition aria-labelledby=(name) {
            h2 id=(name) { a.anchor href={ "#" (name) } { (broken(name)) } }
            p.quiet { (file) }
            @if !row.description.is_empty() { p { (row.description) } }
            @if rows.is_empty() { (shell::shape(catalogue, TOP, &row)) }
            @else { (shell::table(catalogue, TOP, name, &rows, &|_| None)) }
        }
    }
}

/// What is going, what takes its place, and who has not moved yet.
pub fn deprecations(catalogue: &Catalogue) -> Markup {
    let mut going: Vec<&EventType> =
        catalogue.types.iter().filter(|known| known.deprecation.is_some()).collect();
    let sunset = |known: &EventType| known.deprecation.as_ref().and_then(|d| d.sunset.clone());
    going.sort_by_key(|known| (sunset(known).is_none(), sunset(known)));
    html! {
        h1 { "Deprecations" }
        @if going.is_empty() { p.lead { "No type is deprecated." } }
        @for event_type in going {
            section aria-labelledby=(event_type.name) {
                h2 id=(event_type.name) {
                    a href=(TOP.of_type(&event_type.name)) { (broken(&event_type.name)) }
                }
                dl.facts {
                    div { dt { "Sent until" } dd { (sunset(event_type).unwrap_or("not fixed".to_owned())) } }
                    div {
                        dt { "Replacement" }
                        dd {
                            @match event_type.deprecation.as_ref().and_then(|d| d.replacement.as_ref()) {
                                Some(name) => a href=(TOP.of_type(name)) { (broken(name)) },
                                None => "none",
                            }
                        }
                    }
                }
                h3 { "Still subscribed" }
                ul {
                    @for subscription in catalogue.receivers(event_type) {
                        @let name = format!("{}/{}", subscription.team, subscription.name);
                        li {
                            a href=(TOP.of_subscription(&subscription.team, &subscription.name)) {
                                (broken(&name))
                            }
                        }
                    }
                }
                @if catalogue.receivers(event_type).is_empty() { p.quiet { "Nobody." } }
            }
        }
    }
}
