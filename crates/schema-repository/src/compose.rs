//! Composes envelope, origin and data into the schema of a whole event, and derives from it what
//! a writer is bound to and what a reader accepts.

use serde_json::{Map, Value, json};

use crate::references::reachable;
use crate::repository::{Definitions, Direction, Repository, TypeSource};
use crate::walk::each_schema;

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
    let (envelope, definitions) = source.surroundings(repository);
    let mut event = envelope.clone();
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

    finish(definitions, name, event, form)
}

/// The self-contained schema of a statement: closed, since it carries authority.
///
/// Where types that carry it are released, it is theirs, and a change in `core/` waits for their
/// next release.
pub fn statement(repository: &Repository, name: &str) -> Result<Value, String> {
    let carries = |source: &&TypeSource| source.statement.as_deref() == Some(name);
    let mut released: Option<(&str, Value)> = None;
    for source in repository.types.iter().filter(carries) {
        let Some(frozen) = &source.frozen else { continue };
        let schema = of_statement(&frozen.definitions, name)?;
        match &released {
            Some((first, other)) if *other != schema => {
                let second = &source.name;
                return Err(format!(
                    "{first} and {second} were released with different statements {name}; release \
                     both"
                ));
            }
            _ => released = Some((&source.name, schema)),
        }
    }
    released.map_or_else(|| of_statement(&repository.definitions, name), |(_, schema)| Ok(schema))
}

/// The closed schema of a statement among these definitions.
pub fn of_statement(definitions: &Definitions, name: &str) -> Result<Value, String> {
    let definition = definitions.get(name).ok_or_else(|| format!("no definition {name}"))?;
    finish(definitions, name, definition.clone(), Form::Writer)
}

/// Adds the definitions that a schema needs, checks its bounds and derives its form.
fn finish(
    definitions: &Definitions,
    name: &str,
    mut schema: Value,
    form: Form,
) -> Result<Value, String> {
    let names = reachable(&schema, definitions).map_err(|name| format!("no definition {name}"))?;
    let needed = |name: String| definitions.get(&name).cloned().map(|schema| (name, schema));
    let needed: Map<String, Value> = names.into_iter().filter_map(needed).collect();
    let Value::Object(members) = &mut schema else {
        return Err(format!("{name}: not an object"));
    };
    members.insert("$schema".to_owned(), json!("http://json-schema.org/draft-04/schema#"));
    members.insert("definitions".to_owned(), Value::Object(needed));

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
