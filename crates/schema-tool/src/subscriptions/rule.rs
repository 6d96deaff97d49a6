//! The rule on the bus, where a subscription gives it: it matches what was declared, and no more.
//!
//! Types to come must not come along by themselves, so types stand there in full. What no event of
//! the bus has, a name or a source, would match nothing, and the bus would not say so.

use std::collections::BTreeSet;

use doorward_schema_repository::Tree;
use doorward_schema_repository::places::step;
use doorward_schema_repository::references::nearest;
use serde_json::{Value, json};

use super::pattern::{Matcher, Node, Pattern, Text};
use super::{Subscription, matching, pattern};
use crate::finding::Finding;
use crate::lint::register;

/// What an event on the bus has at its top.
const MEMBERS: [&str; 9] =
    ["source", "detail-type", "detail", "account", "region", "time", "id", "version", "resources"];
/// The longest instance of a publisher, as `PublisherInstance` in `core/primitives.json` says.
const LONGEST_INSTANCE: usize = 64;

/// Everything about the rule of a subscription.
pub fn check(tree: &Tree, subscription: &Subscription<'_>, out: &mut Vec<Finding>) {
    let document = subscription.document;
    let Some(value) = document.value.get("rule") else { return };
    let mut found = |at: &str, rule, what: String, remedy: &str| {
        out.push(Finding::at(document, at, rule, what, remedy));
    };
    let pattern = match pattern::read(value) {
        Ok(pattern) => pattern,
        Err(wrong) => {
            let remedy = "write the event pattern of the rule";
            found(&format!("/rule{}", wrong.at), "filter-form", wrong.what, remedy);
            return;
        }
    };
    members(&pattern, &mut found);
    types(subscription, &pattern, &mut found);
    sources(tree, subscription, &pattern, &mut found);
    let of_rule = value.get("detail");
    if of_rule != document.value.get("filter") {
        let what = "its detail is not the filter".to_owned();
        found("/rule/detail", "subscription-broader", what, "make them the same");
    }
}

/// Takes a pointer, a code, what is wrong and how to mend it.
type Found<'a> = &'a mut dyn FnMut(&str, &'static str, String, &str);

fn members(pattern: &Pattern, found: Found<'_>) {
    for (name, _) in pattern.members.iter().filter(|(name, _)| !MEMBERS.contains(&name.as_str())) {
        let near = nearest(name, MEMBERS.into_iter());
        let remedy = near.map_or_else(
            || "what the event itself says stands below \"detail\"".to_owned(),
            |near| format!("did you mean {near:?}?"),
        );
        let what = format!("no event on the bus has {name:?} at its top, so none matches");
        found(&format!("/rule/{}", step(name)), "filter-field", what, &remedy);
    }
    if !pattern.choices.is_empty() {
        let what = "a choice at the top is not compared with what was declared".to_owned();
        let remedy = "write it into the filter, and so below \"detail\", or make two subscriptions";
        found("/rule/$or", "filter-form", what, remedy);
    }
}

/// The types stand there in full: exactly those that were declared.
fn types(subscription: &Subscription<'_>, pattern: &Pattern, found: Found<'_>) {
    let rule = "subscription-broader";
    let Some(matchers) = leaf(pattern, "detail-type") else {
        let what = "without a detail-type it matches every event of the bus".to_owned();
        found("/rule", rule, what, "add \"detail-type\" with the declared types");
        return;
    };
    let declared: BTreeSet<&str> = subscription.types().collect();
    for (index, matcher) in matchers.iter().enumerate() {
        let at = format!("/rule/detail-type/{index}");
        match matcher {
            Matcher::Exactly(Value::String(name)) if declared.contains(name.as_str()) => {}
            Matcher::Exactly(Value::String(name)) => {
                let what = format!("it matches {name}, which is not declared");
                found(&at, rule, what, "declare the type, or remove it here");
            }
            _ => {
                let what = "it is no type in full, so that it may match types to come".to_owned();
                found(&at, rule, what, "write each declared type in full");
            }
        }
    }
    let lets = |name: &str| matchers.iter().any(|m| matching::takes(m, &Value::from(name)));
    for name in declared.into_iter().filter(|name| !lets(name)) {
        let what = format!("it does not match {name}, which is declared");
        found("/rule/detail-type", rule, what, "add it, or declare it no longer");
    }
}

/// Each type comes from a publisher whose source can match, and each alternative is one of them.
fn sources(tree: &Tree, subscription: &Subscription<'_>, pattern: &Pattern, found: Found<'_>) {
    let rule = "filter-value";
    if !pattern.members.iter().any(|(name, _)| name == "source") {
        return;
    }
    let Some(matchers) = leaf(pattern, "source") else {
        let what = "a source is a text, so none matches".to_owned();
        found("/rule/source", rule, what, "write a list: [{\"prefix\": \"PUBLISHER/\"}]");
        return;
    };
    let types: Vec<(&str, Vec<String>)> =
        subscription.types().map(|name| (name, register::publishers(tree, name))).collect();
    let known: BTreeSet<&str> =
        types.iter().flat_map(|(_, names)| names).map(String::as_str).collect();
    if known.is_empty() {
        return;
    }
    let listed: Vec<String> = known.iter().map(|name| format!("{name}/")).collect();
    let remedy = format!("its sources begin with {}", listed.join(" or "));
    let mut one_can = false;
    for (index, matcher) in matchers.iter().enumerate() {
        if known.iter().any(|name| can_come_from(matcher, name)) {
            one_can = true;
        } else {
            let what = "nobody who publishes a declared type has such a source".to_owned();
            found(&format!("/rule/source/{index}"), rule, what, &remedy);
        }
    }
    for (name, publishers) in types.iter().filter(|(_, names)| one_can && !names.is_empty()) {
        let lets = |publisher: &String| matchers.iter().any(|m| can_come_from(m, publisher));
        if !publishers.iter().any(lets) {
            let what = format!("nobody who publishes {name} has such a source, so none matches");
            let prefix = |name: &String| json!({ "prefix": format!("{name}/") }).to_string();
            let missing: Vec<String> = publishers.iter().map(prefix).collect();
            found("/rule/source", rule, what, &format!("add {}", missing.join(" or ")));
        }
    }
}

fn leaf<'a>(pattern: &'a Pattern, name: &str) -> Option<&'a [Matcher]> {
    pattern.members.iter().find_map(|(other, node)| match node {
        Node::Leaf(matchers) if other == name => Some(matchers.as_slice()),
        _ => None,
    })
}

/// Whether an alternative takes the source of some instance of a publisher. Where it takes more
/// than a word to say, it is taken for possible.
fn can_come_from(matcher: &Matcher, publisher: &str) -> bool {
    let begin = format!("{publisher}/");
    match matcher {
        Matcher::Exactly(Value::String(source)) => is_source(source, &begin),
        Matcher::Exactly(_) | Matcher::Numeric(_) | Matcher::Cidr(_) => false,
        Matcher::Exists(there) => *there,
        Matcher::AnythingBut(_) => true,
        Matcher::NoText(forms) => !forms.iter().any(|form| takes_all(form, &begin)),
        Matcher::Text(form) => match form {
            // What ignores case was read in lower case, as publishers' names are.
            Text::Prefix { text, .. } => begins(text, &begin),
            Text::Suffix { text, .. } => ends(text, &begin),
            Text::AnyCase(source) => is_source(source, &begin),
            Text::Wildcard(parts) => match parts.as_slice() {
                [source] => is_source(source, &begin),
                [first, .., last] => begins(first, &begin) && ends(last, &begin),
                [] => false,
            },
        },
    }
}

fn is_source(source: &str, begin: &str) -> bool {
    source.strip_prefix(begin).is_some_and(|instance| {
        instance.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && is_part(instance)
    })
}

/// Whether sources that begin with `begin` can begin with this text.
fn begins(text: &str, begin: &str) -> bool {
    begin.starts_with(text) || is_source(text, begin)
}

/// Whether sources that begin with `begin` can end with this text.
fn ends(text: &str, begin: &str) -> bool {
    match text.rfind('/').map(|at| text.split_at(at + 1)) {
        Some((name, instance)) => {
            begin.ends_with(name) && is_source(&format!("{begin}{instance}"), begin)
        }
        None => is_part(text),
    }
}

fn is_part(text: &str) -> bool {
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    text.len() <= LONGEST_INSTANCE && text.bytes().all(fits)
}

/// Whether every source that begins with `begin` has this form.
fn takes_all(form: &Text, begin: &str) -> bool {
    match form {
        Text::Prefix { text, .. } => begin.starts_with(text.as_str()),
        Text::Wildcard(parts) => {
            parts.len() > 1
                && parts.last().is_some_and(String::is_empty)
                && matching::has(form, begin)
        }
        Text::Suffix { text, .. } => text.is_empty(),
        Text::AnyCase(_) => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_source_is_a_publishers_name_and_an_instance() {
        let can = |alternative: Value| {
            let pattern = pattern::read(&json!({ "source": [alternative] })).unwrap();
            can_come_from(leaf(&pattern, "source").unwrap().first().unwrap(), "acme.parcels")
        };
        for possible in [
            json!("acme.parcels/blue-1"),
            json!({ "prefix": "acme." }),
            json!({ "prefix": "acme.parcels/" }),
            json!({ "prefix": "acme.parcels/blue" }),
            json!({ "prefix": { "equals-ignore-case": "ACME.parcels/B" } }),
            json!({ "suffix": "-1" }),
            json!({ "suffix": "parcels/blue" }),
            json!({ "equals-ignore-case": "acme.parcels/BLUE" }),
            json!({ "wildcard": "acme.*" }),
            json!({ "wildcard": "*/blue-*" }),
            json!({ "anything-but": "acme.parcels/blue-1" }),
            json!({ "anything-but": { "prefix": "acme.delivery/" } }),
            json!({ "exists": true }),
        ] {
            assert!(can(possible.clone()), "{possible}");
        }
        for impossible in [
            json!("acme.parcels"),
            json!("acme.parcels/"),
            json!("acme.delivery/blue-1"),
            json!(1),
            json!(null),
            json!({ "prefix": "acme.parcel/" }),
            json!({ "prefix": "acme.parcels/blue/" }),
            json!({ "suffix": "delivery/blue" }),
            json!({ "suffix": "parcels/" }),
            json!({ "equals-ignore-case": "ACME.PARCELS" }),
            json!({ "wildcard": "acme.d*" }),
            json!({ "anything-but": { "prefix": "acme." } }),
            json!({ "anything-but": { "wildcard": "acme.*" } }),
            json!({ "numeric": [">", 1] }),
            json!({ "exists": false }),
        ] {
            assert!(!can(impossible.clone()), "{impossible}");
        }
    }
}
