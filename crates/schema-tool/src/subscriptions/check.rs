//! What is wrong with subscriptions.

use std::collections::BTreeSet;

use doorward_schema_repository::places::step;
use doorward_schema_repository::references::nearest;
use doorward_schema_repository::{Form, Repository, Tree, compose};
use serde_json::{Map, Value, json};

use super::pattern::{Comparison, Matcher, Node, Pattern};
use super::{Subscription, all, fields, matching, pattern, rule};
use crate::finding::Finding;

const MEMBERS: [&str; 9] =
    ["account", "region", "owner", "summary", "types", "filter", "fields", "rule", "queue"];

/// All of them. `repository` is what binaries are built from: what is on the bus.
pub fn check(tree: &Tree, repository: &Repository) -> Vec<Finding> {
    let mut out = Vec::new();
    for subscription in all(tree) {
        form(&subscription, &mut out);
        exchanges(tree, repository, &subscription, &mut out);
        filter(repository, &subscription, &mut out);
        rule::check(tree, &subscription, &mut out);
        for (index, pointer) in subscription.fields().enumerate() {
            let known = subscription.types().any(|t| fields::has_field(repository, t, pointer));
            if !known {
                out.push(Finding::at(
                    subscription.document,
                    &format!("/fields/{index}"),
                    "subscription-field",
                    format!("none of its types has {pointer}"),
                    "name a field from the top of the event: /data/…",
                ));
            }
        }
    }
    out.sort();
    out.dedup();
    out
}

fn form(subscription: &Subscription<'_>, out: &mut Vec<Finding>) {
    let document = subscription.document;
    let mut found = |at: &str, what: String, remedy: &str| {
        out.push(Finding::at(document, at, "subscription-form", what, remedy));
    };
    let none = Map::new();
    let members = document.value.as_object().unwrap_or(&none);
    for member in members.keys().filter(|member| !MEMBERS.contains(&member.as_str())) {
        let near = nearest(member, MEMBERS.into_iter());
        let remedy =
            near.map_or_else(|| "remove it".to_owned(), |n| format!("did you mean {n:?}?"));
        found(&format!("/{}", step(member)), format!("{member:?} is no member"), &remedy);
    }
    let text = |member: &str| members.get(member).and_then(Value::as_str).unwrap_or_default();
    for member in ["owner", "summary"] {
        if text(member).is_empty() {
            found("", format!("{member:?} is missing"), "say whose it is and what for");
        }
    }
    let account = text("account");
    if account.len() != 12 || !account.bytes().all(|b| b.is_ascii_digit()) {
        found("/account", format!("{account:?} is no account"), "write its 12 digits as a text");
    }
    let region: Vec<&str> = text("region").split('-').collect();
    let is_region = region.len() >= 3
        && region.last().is_some_and(|n| n.len() == 1 && n.bytes().all(|b| b.is_ascii_digit()))
        && region.iter().all(|part| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        });
    if !is_region {
        found("/region", format!("{:?} is no region", text("region")), "write it as eu-central-1");
    }
    for member in ["types", "fields"] {
        let list = members.get(member).and_then(Value::as_array);
        if list.is_none_or(|list| list.is_empty() || !list.iter().all(Value::is_string)) {
            found(&format!("/{member}"), format!("no list of {member}"), "name at least one");
        }
    }
}

/// Each type is there, and its audience allows this team.
fn exchanges(
    tree: &Tree,
    repository: &Repository,
    subscription: &Subscription<'_>,
    out: &mut Vec<Finding>,
) {
    let team = subscription.team.as_str();
    let document = subscription.document;
    let mut seen = BTreeSet::new();
    for (index, name) in subscription.types().enumerate() {
        let at = format!("/types/{index}");
        let mut found = |what: String, remedy: String| {
            out.push(Finding::at(document, &at, "subscription-type", what, remedy));
        };
        if !seen.insert(name) {
            found(format!("{name} stands there twice"), "remove one".to_owned());
        }
        let Some(source) = repository.find(name) else {
            let near = nearest(name, repository.types.iter().map(|source| source.name.as_str()));
            let remedy = near.map_or_else(
                || "name types below schemas/, each in full".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            found(format!("there is no type {name}"), remedy);
            continue;
        };
        let manifest = tree.types.get(name).and_then(|folder| folder.manifest.as_ref());
        let owner = manifest.and_then(|m| m.value.get("owner")).and_then(Value::as_str);
        let named = manifest.and_then(|m| m.value.get("restricted_to")).and_then(Value::as_array);
        let named = named.is_some_and(|teams| teams.iter().any(|t| t == team));
        let allowed = match source.audience.as_str() {
            "restricted" => owner == Some(team) || named,
            "operational" => is_party(tree, team),
            _ => true,
        };
        if !allowed {
            let audience = &source.audience;
            let remedy = if audience == "restricted" {
                format!("ask {} for a place in its restricted_to", owner.unwrap_or("its owner"))
            } else {
                "register the team: as a publisher's owner, or as a type's".to_owned()
            };
            found(format!("{name} is {audience}: {team} may not receive it"), remedy);
        }
    }
}

/// Whether the team owns a publisher or a type.
fn is_party(tree: &Tree, team: &str) -> bool {
    let publishers = tree.publishers.as_ref().and_then(|d| d.value.get("publishers"));
    let publishers = publishers.and_then(Value::as_array).into_iter().flatten();
    let manifests = tree.types.values().filter_map(|folder| Some(&folder.manifest.as_ref()?.value));
    publishers.chain(manifests).any(|entry| entry.get("owner").is_some_and(|owner| owner == team))
}

/// The filter asks for what the schemas of all its types have.
fn filter(repository: &Repository, subscription: &Subscription<'_>, out: &mut Vec<Finding>) {
    let document = subscription.document;
    let Some(value) = document.value.get("filter") else { return };
    let pattern = match pattern::read(value) {
        Ok(pattern) => pattern,
        Err(wrong) => {
            let at = format!("/filter{}", wrong.at);
            let remedy = "write an event pattern over the event: {\"data\": {\"reason\": [\"…\"]}}";
            out.push(Finding::at(document, &at, "filter-form", wrong.what, remedy));
            return;
        }
    };
    for name in subscription.types() {
        let Some(source) = repository.find(name) else { continue };
        let Ok(schema) = compose(repository, source, Form::Writer) else { continue };
        let walk = Walk { subscription, name, root: &schema };
        walk.object(&pattern, &[&schema], "/filter", "", out);
    }
}

struct Walk<'a> {
    subscription: &'a Subscription<'a>,
    name: &'a str,
    root: &'a Value,
}

impl Walk<'_> {
    fn found(
        &self,
        at: &str,
        rule: &'static str,
        what: &str,
        remedy: impl Into<String>,
        out: &mut Vec<Finding>,
    ) {
        let what = format!("{}: {what}", self.name);
        out.push(Finding::at(self.subscription.document, at, rule, what, remedy));
    }

    fn object(
        &self,
        pattern: &Pattern,
        schemas: &[&Value],
        at: &str,
        field: &str,
        out: &mut Vec<Finding>,
    ) {
        for branches in &pattern.choices {
            for (index, branch) in branches.iter().enumerate() {
                self.object(branch, schemas, &format!("{at}/$or/{index}"), field, out);
            }
        }
        for (name, node) in &pattern.members {
            let at = format!("{at}/{}", step(name));
            let field = format!("{field}/{}", step(name));
            let below: Vec<(&Value, bool)> =
                schemas.iter().flat_map(|schema| fields::under(self.root, schema, name)).collect();
            if below.is_empty() {
                let what = format!("its events have no {field}, so none matches");
                let known = fields::names(self.root, schemas);
                let near = nearest(name, known.iter().map(String::as_str));
                let remedy = match near {
                    _ if field == "/detail" => {
                        "leave \"detail\" out: a filter is over the event, what a delivery has in it"
                            .to_owned()
                    }
                    Some(near) => format!("did you mean {near:?}?"),
                    None => "mend the name, or leave the type to a subscription of its own".to_owned(),
                };
                self.found(&at, "filter-field", &what, remedy, out);
                continue;
            }
            let inner: Vec<&Value> = below.iter().map(|(schema, _)| *schema).collect();
            match node {
                Node::Inner(pattern) => self.object(pattern, &inner, &at, &field, out),
                Node::Leaf(matchers) => {
                    let always = below.iter().all(|(_, required)| *required);
                    self.leaf(matchers, &inner, always, &at, &field, out);
                }
            }
        }
    }

    fn leaf(
        &self,
        matchers: &[Matcher],
        schemas: &[&Value],
        always: bool,
        at: &str,
        field: &str,
        out: &mut Vec<Finding>,
    ) {
        let leaves: Vec<&Map<String, Value>> =
            schemas.iter().flat_map(|schema| fields::leaves(self.root, schema)).collect();
        if leaves.is_empty() {
            let what = format!("{field} is an object, and patterns match leaves only");
            self.found(at, "filter-field", &what, "name a member of it", out);
            return;
        }
        for (index, matcher) in matchers.iter().enumerate() {
            let at = format!("{at}/{index}");
            if *matcher == Matcher::Exists(false) && always {
                let what = format!("{field} is always there");
                self.found(&at, "filter-value", &what, "remove the alternative", out);
            }
            if !leaves.iter().any(|leaf| self.possible(matcher, leaf)) {
                let known: Vec<String> = leaves
                    .iter()
                    .filter_map(|leaf| leaf.get("enum")?.as_array())
                    .flatten()
                    .map(Value::to_string)
                    .collect();
                let near = match matcher {
                    Matcher::Exactly(Value::String(word)) => {
                        nearest(word, known.iter().map(|word| word.trim_matches('"')))
                    }
                    _ => None,
                };
                let remedy = match near {
                    Some(near) => format!("did you mean {near:?}?"),
                    None if known.is_empty() => "see `explain` for what the field holds".to_owned(),
                    None => format!("write one of {}", known.join(", ")),
                };
                let what = format!("{field} never holds that");
                self.found(&at, "filter-value", &what, remedy, out);
            }
        }
    }

    /// Whether a leaf of this schema can be taken.
    fn possible(&self, matcher: &Matcher, leaf: &Map<String, Value>) -> bool {
        let words = leaf.get("enum").and_then(Value::as_array);
        let kind = leaf.get("type").and_then(Value::as_str);
        match matcher {
            Matcher::Exists(_) => true,
            // What it leaves out must be there to be left out.
            Matcher::AnythingBut(values) => values.iter().all(|value| self.valid(value, leaf)),
            Matcher::Exactly(value) => self.valid(value, leaf),
            Matcher::Numeric(comparisons) => {
                matches!(kind, Some("integer" | "number")) && overlaps(comparisons, leaf)
            }
            Matcher::Text(_) | Matcher::NoText(_) | Matcher::Cidr(_) => match words {
                Some(words) => words.iter().any(|word| matching::takes(matcher, word)),
                None => kind == Some("string"),
            },
        }
    }

    fn valid(&self, value: &Value, leaf: &Map<String, Value>) -> bool {
        let mut schema = json!({ "allOf": [leaf] });
        if let (Some(members), Some(definitions)) =
            (schema.as_object_mut(), self.root.get("definitions"))
        {
            members.insert("definitions".to_owned(), definitions.clone());
        }
        jsonschema::draft4::new(&schema).is_ok_and(|validator| validator.is_valid(value))
    }
}

fn overlaps(comparisons: &[(Comparison, f64)], leaf: &Map<String, Value>) -> bool {
    let bound = |keyword: &str| leaf.get(keyword).and_then(Value::as_f64);
    let least = bound("minimum").unwrap_or(f64::NEG_INFINITY);
    let most = bound("maximum").unwrap_or(f64::INFINITY);
    comparisons.iter().all(|(comparison, number)| match comparison {
        Comparison::Less => least < *number,
        Comparison::LessOrEqual => least <= *number,
        Comparison::Equal => least <= *number && *number <= most,
        Comparison::GreaterOrEqual => *number <= most,
        Comparison::Greater => *number < most,
    })
}
