//! The frame of every page: landmarks, navigation, search, and the parts that several pages share.

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use super::fields::Row;
use super::source::{Catalogue, EventType};
use doorward_schema_repository::Direction;

/// Only the site's own style and script, nothing from a network.
const POLICY: &str = "default-src 'none'; style-src 'self' file:; script-src 'self' file:; \
                      img-src data:; form-action 'self' file:; base-uri 'none'";

/// Where a page lies: how it gets to the site's folder.
#[derive(Clone, Copy)]
pub struct Place {
    /// Empty or `../`.
    pub up: &'static str,
}

/// A page beside the start page.
pub const TOP: Place = Place { up: "" };
/// A page in a folder of its own.
pub const INSIDE: Place = Place { up: "../" };

impl Place {
    /// The address of a type's page.
    pub fn of_type(self, name: &str) -> String {
        format!("{}types/{name}.html", self.up)
    }

    /// The address of a publisher's page.
    pub fn of_publisher(self, name: &str) -> String {
        format!("{}publishers/{name}.html", self.up)
    }

    /// The address of a subscription's page.
    pub fn of_subscription(self, team: &str, name: &str) -> String {
        format!("{}subscriptions/{team}--{name}.html", self.up)
    }

    /// The address of a shared definition.
    pub fn of_definition(self, name: &str) -> String {
        format!("{}definitions.html#{name}", self.up)
    }
}

/// A whole page.
pub fn page(place: Place, title: &str, current: &str, body: &Markup) -> String {
    let links = [
        ("index.html", "Event types"),
        ("flows.html", "Who talks to whom"),
        ("definitions.html", "Shared definitions"),
        ("deprecations.html", "Deprecations"),
    ];
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · Event catalogue" }
                link rel="icon" href="data:,";
                link rel="stylesheet" href={ (place.up) "site.css" };
                script defer src={ (place.up) "site.js" } {}
            }
            body {
                a.skip href="#page:content" { "Skip to the content" }
                header.top {
                    a.home href={ (place.up) "index.html" } { "Event catalogue" }
                    nav aria-label="Catalogue" {
                        ul {
                            @for (target, text) in links {
                                li {
                                    a href={ (place.up) (target) }
                                        aria-current=[(target == current).then_some("page")] { (text) }
                                }
                            }
                        }
                    }
                    form.search role="search" action={ (place.up) "index.html" } method="get" {
                        label.hidden for="page:search" { "Search types, fields, words and teams" }
                        input id="page:search" name="q" type="search" autocomplete="off" spellcheck="false"
                            placeholder="Search types, fields, words" maxlength="100";
                    }
                }
                main id="page:content" tabindex="-1" { (body) }
                footer { p { "Made by " code { "doorward-schema docs" } " from the schema repository." } }
            }
        }
    }
    .into_string()
}

/// A direction as people say it.
pub fn direction(direction: Direction) -> &'static str {
    match direction {
        Direction::FromGateway => "from a gateway",
        Direction::ToGateway => "to a gateway",
        Direction::BetweenServices => "between services",
        Direction::Platform => "from every publisher",
    }
}

/// The small marks beside a type's name.
pub fn marks(event_type: &EventType) -> Markup {
    html! {
        span.mark.(event_type.lifecycle) { (event_type.lifecycle) }
        @if event_type.audience != "public" { " " span.mark { (event_type.audience) } }
        @if event_type.sensitivity != "none" { " " span.mark.personal { (event_type.sensitivity) } }
    }
}

/// A list of links to types, each with its summary.
pub fn type_list<'a>(place: Place, types: impl Iterator<Item = &'a EventType>) -> Markup {
    html! {
        ul.types {
            @for event_type in types {
                li {
                    a.name href=(place.of_type(&event_type.name)) { (broken(&event_type.name)) }
                    " " (marks(event_type))
                    p { (event_type.summary) }
                }
            }
        }
    }
}

/// A name that a narrow screen may break after its full stops and underscores.
pub fn broken(name: &str) -> Markup {
    html! {
        @for part in name.split_inclusive(['.', '_', '/', '-']) { (part) wbr; }
    }
}

/// JSON as people read it.
pub fn json(value: &Value) -> Markup {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    html! { pre tabindex="0" { code { (text) } } }
}

/// A table of members. `sensitivity` says for a row's path why it is sensitive.
pub fn table(
    catalogue: &Catalogue,
    place: Place,
    caption: &str,
    rows: &[Row],
    sensitivity: &dyn Fn(&str) -> Option<String>,
) -> Markup {
    if rows.is_empty() {
        return html! { p.quiet { "No members." } };
    }
    html! {
        table.fields role="table" {
            caption.hidden { (caption) }
            thead role="rowgroup" {
                tr role="row" {
                    th scope="col" role="columnheader" { "Field" }
                    th scope="col" role="columnheader" { "Type and bounds" }
                    th scope="col" role="columnheader" { "Meaning" }
                }
            }
            tbody role="rowgroup" {
                @for row in rows {
                    tr role="row" {
                        th scope="row" role="rowheader" class={ "depth" (row.depth.min(6)) } {
                            code { (broken(&row.path)) }
                            @if row.is_required { " " span.mark.required { "required" } }
                        }
                        td role="cell" { (shape(catalogue, place, row)) }
                        td role="cell" {
                            @if !row.description.is_empty() { p { (row.description) } }
                            @if let Some(why) = sensitivity(&row.path) {
                                p.sensitive { span.mark.personal { "sensitive" } " " (why) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A row's type, bounds and words.
pub fn shape(catalogue: &Catalogue, place: Place, row: &Row) -> Markup {
    html! {
        p {
            (row.kind)
            @if let Some(name) = &row.shared {
                " "
                @if catalogue.homes.contains_key(name) {
                    a href=(place.of_definition(name)) { (broken(name)) }
                } @else {
                    (broken(name))
                }
            }
        }
        @for bound in &row.bounds {
            p.bound {
                @if let Some((before, pattern)) = bound.split_once("pattern ") {
                    (before) "pattern " code { (pattern) }
                } @else {
                    (bound)
                }
            }
        }
        @if !row.words.is_empty() {
            p.words {
                @for word in &row.words { code { (word) } " " }
                span.quiet { @if row.is_closed { "(closed)" } @else { "(open: readers keep others)" } }
            }
        }
    }
}
