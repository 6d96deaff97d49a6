//! Composes envelope, origin and data into the schema of a whole event, and derives from it what
//! a writer is bound to and what a reader accepts.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::repository::{Direction, Repository, TypeSource};
use crate::walk::{each_schema, referenced};

/// The longest word of an open enumeration that a reader accepts.
const LONGEST_WORD: u64 = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Enumerations hold, objects are closed.
    Writer,
    /// Open enumerations are bounded strings, unknown members are accepted.
    Reader,
}

impl Form {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Reader => "reader",
        }
    }
}

/// The self-contained schema of a whole event of this type.
pub fn compose(repository: &Repository, source: &TypeSource, form: Form) -> Result<Value, String> {
    let name = &source.name;
    let mut event = repository.envelope.clone();
    let properties = event.get_mut("properties").and_then(Value::as_object_mut);
    let properties = properties.ok_or("core/Envelope.json: no properties")?;
    properties.insert("type".to_owned(), json!({ "enum": [name], "x-closed": true }));
    if form == Form::Writer {
        let version = json!({ "enum": [source.version], "x-closed": true });
        properties.insert("schema_version".to_owned(), version);
    }
    if source.direction.may_have_origin() {
        properties.insert("gateway".to_owned(), json!({ "$ref": "#/definitions/GatewayOrigin" }));
    }
    let mut data = source.data.clone();
    if source.direction == Direction::ToGateway {
        each_schema(&mut data, &mut |schema| derive(schema, Form::Writer));
    }
    properties.insert("data".to_owned(), data);

    let required = event.get_mut("required").and_then(Value::as_array_mut);
    let required = required.ok_or("core/Envelope.json: nothing is required")?;
    required.push(json!("data"));
    if source.direction == Direction::FromGateway {
        required.push(json!("gateway"));
    }

    finish(repository, name, event, form)
}

/// The self-contained schema of a statement: closed, since it carries authority.
pub fn statement(repository: &Repository, name: &str) -> Result<Value, String> {
    let definition = repository.definitions.get(name);
    let definition = definition.ok_or_else(|| format!("no definition {name}"))?.clone();
    finish(repository, name, definition, Form::Writer)
}

/// Adds the definitions that a schema needs, checks its bounds and derives its form.
fn finish(
    repository: &Repository,
    name: &str,
    mut schema: Value,
    form: Form,
) -> Result<Value, String> {
    let definitions = reachable(repository, &mut schema)?;
    let Value::Object(members) = &mut schema else {
        return Err(format!("{name}: not an object"));
    };
    members.insert("$schema".to_owned(), json!("http://json-schema.org/draft-04/schema#"));
    members.insert("definitions".to_owned(), Value::Object(definitions));

    let mut unbounded = Vec::new();
    each_schema(&mut schema, &mut |inner| {
        check_bounds(inner, &mut unbounded);
        derive(inner, form);
    });
    if unbounded.is_empty() {
        Ok(schema)
    } else {
        Err(format!("{name}: without a bound: {unbounded:?}"))
    }
}

/// Turns one schema into its form and drops what only people read.
pub fn derive(schema: &mut Map<String, Value>, form: Form) {
    let closed = schema.get("x-closed") == Some(&json!(true));
    if form == Form::Reader && schema.contains_key("enum") && !closed {
        schema.remove("enum");
        schema.insert("minLength".to_owned(), json!(1));
        schema.insert("maxLength".to_owned(), json!(LONGEST_WORD));
    }
    let has_members = schema.contains_key("properties") || schema.contains_key("patternProperties");
    if has_members && form == Form::Writer {
        schema.entry("additionalProperties").or_insert(json!(false));
    }
    schema.retain(|keyword, _| {
        !keyword.starts_with("x-") && !matches!(keyword.as_str(), "title" | "description")
    });
}

/// The definitions that `event` needs, directly or through others.
fn reachable(repository: &Repository, event: &mut Value) -> Result<Map<String, Value>, String> {
    let mut wanted = references(event);
    let mut found = Map::new();
    while let Some(name) = wanted.pop_first() {
        if found.contains_key(&name) {
            continue;
        }
        let definition = repository.definitions.get(&name);
        let mut definition = definition.ok_or_else(|| format!("no definition {name}"))?.clone();
        wanted.append(&mut references(&mut definition));
        found.insert(name, definition);
    }
    Ok(found)
}

fn references(schema: &mut Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    each_schema(schema, &mut |inner| names.extend(referenced(inner).map(str::to_owned)));
    names
}

/// Every string, array, map and number of an event has a bound.
fn check_bounds(schema: &Map<String, Value>, unbounded: &mut Vec<String>) {
    let has = |keyword: &str| schema.contains_key(keyword);
    let bounded = match schema.get("type").and_then(Value::as_str) {
        Some("string") => has("enum") || has("maxLength"),
        Some("array") => has("maxItems"),
        Some("integer" | "number") => has("minimum") && has("maximum"),
        Some("object") => has("properties") || has("maxProperties"),
        _ => true,
    };
    if !bounded {
        unbounded.push(Value::Object(schema.clone()).to_string());
    }
}
