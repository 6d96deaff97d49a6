//! The first page: every type by family, and what the search looks through. The search filters
//! what the page lists anyway, so that without a script everything is still there.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};

use super::fields;
use super::shell::{self, TOP, broken, marks};
use super::source::{Catalogue, EventType};

/// Most characters of what the search knows of one item.
const LONGEST_INDEX: usize = 4000;

/// The page's content.
pub fn content(catalogue: &Catalogue) -> Markup {
    let mut families: BTreeMap<&str, Vec<&EventType>> = BTreeMap::new();
    for event_type in &catalogue.types {
        families.entry(event_type.family()).or_default().push(event_type);
    }
    html! {
        h1 { "Event catalogue" }
        p.lead {
            (catalogue.types.len()) " event types, " (catalogue.publishers.len()) " publishers, "
            (catalogue.subscriptions.len()) " subscriptions. Each type goes one way only."
        }
        p id="page:found" role="status" aria-live="polite" {}
        @if families.len() > 1 {
            nav.families aria-label="Families of types" {
                @for family in families.keys() { a href={ "#" (family) } { (family) } " " }
            }
        }
        @for (family, types) in &families {
            section.family aria-labelledby=(family) {
                h2 id=(family) { (family) }
                ul.types {
                    @for event_type in types {
                        li data-index=(index(catalogue, event_type)) {
                            a.name href=(TOP.of_type(&event_type.name)) { (broken(&event_type.name)) }
                            " " (marks(event_type))
                            p { (event_type.summary) }
                            p.quiet { (shell::direction(event_type.direction)) }
                        }
                    }
                }
            }
        }
        section.family aria-labelledby="page:publishers" {
            h2 id="page:publishers" { "Publishers" }
            ul.types {
                @for publisher in &catalogue.publishers {
                    li data-index={ (publisher.name) " " (publisher.owner) " publisher" } {
                        a.name href=(TOP.of_publisher(&publisher.name)) { (broken(&publisher.name)) }
                        p { (publisher.summary) }
                    }
                }
            }
        }
        @if !catalogue.subscriptions.is_empty() {
            section.family aria-labelledby="page:subscriptions" {
                h2 id="page:subscriptions" { "Subscriptions" }
                ul.types {
                    @for subscription in &catalogue.subscriptions {
                        @let name = format!("{}/{}", subscription.team, subscription.name);
                        li data-index={ (name) " " (subscription.owner) " subscription" } {
                            a.name href=(TOP.of_subscription(&subscription.team, &subscription.name)) {
                                (broken(&name))
                            }
                            p { (subscription.summary) }
                        }
                    }
                }
            }
        }
    }
}

/// What the search looks through: name, owner, fields, words and shared definitions.
fn index(catalogue: &Catalogue, event_type: &EventType) -> String {
    let mut words = BTreeSet::new();
    for row in fields::rows(&event_type.data, &catalogue.repository.definitions) {
        words.extend(row.path.split(['.', '[', ']']).map(str::to_lowercase));
        words.extend(row.words.iter().map(|word| word.to_lowercase()));
        words.extend(row.shared.map(|name| name.to_lowercase()));
    }
    let mut text = format!("{} {}", event_type.name, event_type.owner).to_lowercase();
    for word in words {
        if text.len() + word.len() < LONGEST_INDEX {
            text.push(' ');
            text.push_str(&word);
        }
    }
    text
}
