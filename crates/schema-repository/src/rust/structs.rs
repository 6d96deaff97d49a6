//! Writes the Rust structs: typify over a copy of the bundle in which strings and numbers have
//! no bounds, so that they stay `String`, `i64` and `f64`. The validator is the authority on
//! bounds. Shared enumerations are ours (see `catalogue`) and only referred to; one that a type
//! writes out for itself stays a `String`, so that a reader keeps a word that it does not know.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use typify::{TypeSpace, TypeSpaceImpl, TypeSpaceSettings};

use crate::repository::Repository;
use crate::walk::{each_schema, pascal_case, referenced};

/// Keywords that would make typify write a type of its own for a plain value.
const BOUNDS: [&str; 18] = [
    "not",
    "enum",
    "default",
    "title",
    "maxLength",
    "minLength",
    "pattern",
    "minimum",
    "maximum",
    // True or false in Draft-04, a number to typify.
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minProperties",
    "maxProperties",
];

pub fn generate(repository: &Repository) -> Result<String, Box<dyn Error>> {
    let enumerations: Vec<&str> = repository.enumerations().map(|(name, ..)| name).collect();
    let mut settings = TypeSpaceSettings::default();
    settings.with_derive("PartialEq".to_owned()).with_map_type("::std::collections::BTreeMap");
    for name in &enumerations {
        let path = format!("super::vocabulary::{name}");
        settings.with_replacement(name, path, [TypeSpaceImpl::Display].into_iter());
    }

    let mut plain = BTreeMap::new();
    let mut definitions = Map::new();
    for (name, schema) in &repository.definitions {
        let is_struct = schema.get("properties").is_some();
        if is_struct {
            definitions.insert(name.clone(), schema.clone());
        } else if enumerations.contains(&name.as_str()) {
            definitions.insert(name.clone(), json!({ "type": "object" }));
        } else {
            plain.insert(name.as_str(), schema);
        }
    }
    // Origin and envelope have types of their own, with ids and instants instead of strings.
    definitions.remove("GatewayOrigin");
    definitions.remove("ClockInterval");
    definitions.remove("Publisher");
    definitions.remove("TraceContext");
    for source in &repository.types {
        definitions.insert(pascal_case(&source.name), source.data.clone());
    }
    for definition in definitions.values_mut() {
        each_schema(definition, &mut |schema| {
            if let Some(target) = referenced(schema).and_then(|name| plain.get(name))
                && let Value::Object(target) = target
            {
                *schema = target.clone();
            }
            schema.retain(|keyword, _| {
                !BOUNDS.contains(&keyword.as_str()) && !keyword.starts_with("x-")
            });
            if let Some(Value::Object(mut named)) = schema.remove("patternProperties")
                && let Some(key) = named.keys().next().cloned()
                && let Some(value) = named.remove(&key)
            {
                schema.insert("additionalProperties".to_owned(), plain_value(value, &plain));
            }
        });
    }

    let mut space = TypeSpace::new(&settings);
    let read = |schema: Value| serde_json::from_value(schema);
    for (name, definition) in &definitions {
        let alone = read(json!({ "definitions": { name: definition } }));
        alone.map_err(|why| format!("{name} cannot be a Rust type: {why}; write it plainer"))?;
    }
    space.add_root_schema(read(json!({ "definitions": definitions }))?)?;
    let mut text = space.to_stream().to_string();
    text.push('\n');
    text.push_str(&traits(repository)?);
    Ok(text)
}

/// What ties the structs to their types and statements.
fn traits(repository: &Repository) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut visits = String::new();
    for source in &repository.types {
        let name = pascal_case(&source.name);
        writeln!(
            text,
            "impl crate::types::EventData for {name} {{\n    \
             const TYPE: crate::types::EventType = crate::types::EventType::{name};\n    \
             const SCHEMA_VERSION: &'static str = {:?};\n}}",
            source.version
        )?;
        if let Some(statement) = &source.statement {
            writeln!(
                text,
                "impl crate::types::Authority for {name} {{ type Statement = {statement}; }}"
            )?;
        }
        writeln!(visits, "            Self::{name} => visitor.visit::<{name}>(),")?;
    }
    for name in repository.statements() {
        writeln!(
            text,
            "impl crate::types::Statement for {name} {{\n    \
             const NAME: &'static str = {name:?};\n    \
             const SCHEMA: &'static str = \
             include_str!(concat!(env!(\"OUT_DIR\"), \"/{name}.statement.json\"));\n}}"
        )?;
    }
    writeln!(
        text,
        "impl crate::types::EventType {{\n    \
         /// Calls the visitor with the type of this event type's data.\n    \
         pub fn visit<V: crate::types::Visitor>(self, visitor: V) -> V::Output {{\n        \
         match self {{\n{visits}        }}\n    }}\n}}"
    )?;
    Ok(text)
}

fn plain_value(value: Value, plain: &BTreeMap<&str, &Value>) -> Value {
    let name = value.as_object().and_then(referenced);
    match name.and_then(|name| plain.get(name)) {
        Some(target) => (*target).clone(),
        None => value,
    }
}
