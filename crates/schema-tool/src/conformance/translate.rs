//! Schemas of Draft-06 and Draft-07 written in Draft-04, where that is exactly possible. Other
//! people's test data is mostly newer than the draft that the platform's bus speaks; a keyword that
//! cannot be carried over makes a pair not applicable, and never disappears.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// The draft that a schema is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    Draft04,
    /// Draft-06 too: it has no keyword that Draft-07 reads otherwise.
    Draft07,
}

/// The deepest nesting of a schema that is translated.
const MOST_DEPTH: usize = 90;

/// Keywords that say nothing of validity.
const ANNOTATIONS: [&str; 10] = [
    "$schema",
    "$comment",
    "title",
    "description",
    "default",
    "examples",
    "readOnly",
    "writeOnly",
    "deprecated",
    "$id",
];
/// Keywords of later drafts, which Draft-07 ignores and which a writer surely meant.
const LATER: [&str; 9] = [
    "unevaluatedProperties",
    "unevaluatedItems",
    "dependentSchemas",
    "dependentRequired",
    "prefixItems",
    "minContains",
    "maxContains",
    "$dynamicRef",
    "$recursiveRef",
];
/// Formats that both drafts' validators check alike.
const SAME_FORMATS: [&str; 8] =
    ["date-time", "email", "ipv4", "ipv6", "uri", "date", "time", "regex"];
/// Formats that Draft-07 checks and Draft-04 does not, or not in the same way.
const OTHER_FORMATS: [&str; 9] = [
    "hostname",
    "idn-email",
    "idn-hostname",
    "uri-reference",
    "iri",
    "iri-reference",
    "uri-template",
    "json-pointer",
    "relative-json-pointer",
];

/// A schema in Draft-04 that accepts the same documents, or why there is none.
pub fn translate(schema: &Value, dialect: Dialect) -> Result<Value, String> {
    let mut names = BTreeMap::new();
    let keyword = if dialect == Dialect::Draft07 { "$id" } else { "id" };
    name(schema, keyword, "#", 0, &mut names);
    any(schema, &Reading { dialect, names }, 0)
}

/// How a schema is read.
struct Reading {
    dialect: Dialect,
    /// Subschemas that gave themselves a name (`"$id": "#door"`), by it: where they stand.
    names: BTreeMap<String, String>,
}

fn name(
    value: &Value,
    keyword: &str,
    at: &str,
    depth: usize,
    names: &mut BTreeMap<String, String>,
) {
    if depth > MOST_DEPTH {
        return;
    }
    let below = |token: &str| {
        format!("{at}/{}", token.replace('~', "~0").replace('/', "~1").replace('%', "%25"))
    };
    match value {
        Value::Object(members) => {
            let own = members.get(keyword).and_then(Value::as_str);
            if let Some(own) = own.filter(|own| own.starts_with('#')) {
                names.insert(own.to_owned(), at.to_owned());
            }
            members.iter().for_each(|(k, v)| name(v, keyword, &below(k), depth + 1, names));
        }
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(n, v)| name(v, keyword, &below(&n.to_string()), depth + 1, names));
        }
        _ => {}
    }
}

fn any(schema: &Value, reading: &Reading, depth: usize) -> Result<Value, String> {
    if depth > MOST_DEPTH {
        return Err("nested too deep".to_owned());
    }
    match schema {
        Value::Bool(true) if reading.dialect == Dialect::Draft07 => Ok(json!({})),
        Value::Bool(false) if reading.dialect == Dialect::Draft07 => Ok(json!({ "not": {} })),
        Value::Object(members) => object(members, reading, depth),
        other => Err(format!("{other} is no schema")),
    }
}

fn object(schema: &Map<String, Value>, reading: &Reading, depth: usize) -> Result<Value, String> {
    let mut out = Map::new();
    // What the keywords of the same name have no room for.
    let mut also: Vec<Value> = Vec::new();
    let below = |value: &Value| any(value, reading, depth + 1);
    let map = |value: &Value| -> Result<Value, String> {
        let members = value.as_object().ok_or_else(|| format!("{value} is no map of schemas"))?;
        members
            .iter()
            .map(|(k, v)| Ok((k.clone(), below(v)?)))
            .collect::<Result<Map<_, _>, String>>()
            .map(Value::Object)
    };
    let list = |value: &Value| -> Result<Value, String> {
        let items = value.as_array().ok_or_else(|| format!("{value} is no list of schemas"))?;
        items.iter().map(below).collect::<Result<Vec<_>, _>>().map(Value::Array)
    };
    let newer = reading.dialect == Dialect::Draft07;
    for (keyword, value) in schema {
        match keyword.as_str() {
            word if ANNOTATIONS.contains(&word) && (newer || word != "$id") => {}
            "$ref" => {
                let target = value.as_str().and_then(|name| reading.names.get(name));
                out.insert(keyword.clone(), target.map_or_else(|| value.clone(), |at| json!(at)));
            }
            "definitions" | "$defs" | "properties" | "patternProperties" => {
                out.insert(keyword.clone(), map(value)?);
            }
            "dependencies" => dependencies(value, &mut out, &below)?,
            "allOf" => {
                if let Value::Array(items) = list(value)? {
                    out.insert(keyword.clone(), Value::Array(items));
                }
            }
            "anyOf" | "oneOf" => {
                out.insert(keyword.clone(), list(value)?);
            }
            "not" => {
                out.insert(keyword.clone(), below(value)?);
            }
            "items" => match value {
                Value::Array(items) if items.is_empty() => {
                    // No place has a schema of its own: what holds of the rest holds of all.
                    match schema.get("additionalItems") {
                        None | Some(Value::Bool(true)) => {}
                        Some(Value::Bool(false)) => {
                            out.insert(keyword.clone(), json!({ "not": {} }));
                        }
                        Some(rest) => {
                            out.insert(keyword.clone(), below(rest)?);
                        }
                    }
                }
                Value::Array(_) => {
                    out.insert(keyword.clone(), list(value)?);
                }
                _ => {
                    out.insert(keyword.clone(), below(value)?);
                }
            },
            "additionalItems"
                if schema
                    .get("items")
                    .is_some_and(|items| items.as_array().is_some_and(Vec::is_empty)) => {}
            "additionalItems" | "additionalProperties" => {
                out.insert(
                    keyword.clone(),
                    if value.is_boolean() { value.clone() } else { below(value)? },
                );
            }
            "type" => types(value, newer, &mut out, &mut also),
            "required" => {
                let names = value.as_array().ok_or_else(|| "required is no list".to_owned())?;
                if !names.is_empty() {
                    out.insert(keyword.clone(), json!(distinct(names)));
                }
            }
            "enum" => {
                let words = value.as_array().ok_or_else(|| "enum is no list".to_owned())?;
                if words.is_empty() {
                    also.push(json!({ "not": {} }));
                } else {
                    out.insert(keyword.clone(), json!(distinct(words)));
                }
            }
            "const" if newer => also.push(json!({ "enum": [value] })),
            "exclusiveMinimum" | "exclusiveMaximum" if newer => {
                if !value.is_number() {
                    return Err(format!("{keyword} is no number"));
                }
                let plain = if keyword == "exclusiveMinimum" { "minimum" } else { "maximum" };
                also.push(json!({ plain: value, keyword: true }));
            }
            "contains" if newer => {
                also.push(json!({ "not": { "type": "array", "items": { "not": below(value)? } } }));
            }
            "propertyNames" if newer => names(value, &mut also)?,
            "if" if newer => {
                let condition = below(value)?;
                let then = schema.get("then").map_or(Ok(json!({})), below)?;
                let otherwise = schema.get("else").map_or(Ok(json!({})), below)?;
                also.push(json!({ "anyOf": [
                    { "allOf": [condition.clone(), then] },
                    { "allOf": [{ "not": condition }, otherwise] },
                ] }));
            }
            // Read with `if`; and no keyword of the newer drafts.
            "then" | "else" | "id" if newer => {}
            "format" if newer => {
                let name = value.as_str().unwrap_or_default();
                if OTHER_FORMATS.contains(&name) {
                    return Err(format!("format {name} is not checked alike by both drafts"));
                }
                if SAME_FORMATS.contains(&name) {
                    out.insert(keyword.clone(), value.clone());
                }
            }
            "contentEncoding" | "contentMediaType" if newer => {
                return Err(format!("{keyword} is asserted by some validators and not by others"));
            }
            word if newer && LATER.contains(&word) => {
                return Err(format!("{keyword} belongs to a later draft"));
            }
            _ => {
                out.insert(keyword.clone(), value.clone());
            }
        }
    }
    if schema.contains_key("$ref") {
        // Beside a reference nothing counts, but what is defined there can be referred to.
        out.retain(|keyword, _| matches!(keyword.as_str(), "$ref" | "definitions" | "$defs"));
        also.clear();
    }
    if !also.is_empty() {
        match out.entry("allOf").or_insert_with(|| json!([])) {
            Value::Array(all) => all.append(&mut also),
            _ => return Err("allOf is no list".to_owned()),
        }
    }
    Ok(Value::Object(out))
}

fn dependencies(
    value: &Value,
    out: &mut Map<String, Value>,
    below: &dyn Fn(&Value) -> Result<Value, String>,
) -> Result<(), String> {
    let members = value.as_object().ok_or_else(|| "dependencies is no map".to_owned())?;
    let mut kept = Map::new();
    for (name, dependency) in members {
        match dependency {
            Value::Array(names) if names.is_empty() => {}
            Value::Array(names) => {
                kept.insert(name.clone(), json!(distinct(names)));
            }
            schema => {
                kept.insert(name.clone(), below(schema)?);
            }
        }
    }
    out.insert("dependencies".to_owned(), Value::Object(kept));
    Ok(())
}

/// An integer of Draft-06 and later is any whole number, 2.0 too: a number without a remainder.
fn types(value: &Value, newer: bool, out: &mut Map<String, Value>, also: &mut Vec<Value>) {
    let words: Vec<&str> = match value {
        Value::String(word) => vec![word],
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !newer || !words.contains(&"integer") || words.contains(&"number") {
        let value = match value {
            Value::Array(words) => json!(distinct(words)),
            other => other.clone(),
        };
        out.insert("type".to_owned(), value);
        return;
    }
    let words: Vec<&str> =
        words.into_iter().map(|w| if w == "integer" { "number" } else { w }).collect();
    out.insert("type".to_owned(), if value.is_string() { json!("number") } else { json!(words) });
    also.push(json!({ "multipleOf": 1 }));
}

/// What names of members must be, said by patterns over names.
fn names(schema: &Value, also: &mut Vec<Value>) -> Result<(), String> {
    let only = |pattern: &str| json!({ "patternProperties": { pattern: {} }, "additionalProperties": false });
    let members = match schema {
        Value::Bool(true) => return Ok(()),
        Value::Bool(false) => {
            also.push(json!({ "maxProperties": 0 }));
            return Ok(());
        }
        Value::Object(members) => members,
        other => return Err(format!("{other} is no schema")),
    };
    for (keyword, value) in members {
        match keyword.as_str() {
            word if ANNOTATIONS.contains(&word) => {}
            "type" => {
                let strings = value == "string"
                    || value.as_array().is_some_and(|a| a.contains(&json!("string")));
                if !strings {
                    also.push(json!({ "maxProperties": 0 }));
                }
            }
            "pattern" => also.push(only(value.as_str().unwrap_or_default())),
            "minLength" => also.push(only(&format!("^[\\s\\S]{{{value},}}$"))),
            "maxLength" => also.push(only(&format!("^[\\s\\S]{{0,{value}}}$"))),
            "enum" | "const" => {
                let words = value.as_array().filter(|_| keyword == "enum").cloned();
                let words = words.unwrap_or_else(|| vec![value.clone()]);
                let allowed =
                    words.iter().filter_map(Value::as_str).map(|word| (word.to_owned(), json!({})));
                let allowed: Map<String, Value> = allowed.collect();
                also.push(json!({ "properties": allowed, "additionalProperties": false }));
            }
            other => return Err(format!("propertyNames with {other} cannot be said by patterns")),
        }
    }
    Ok(())
}

fn distinct(values: &[Value]) -> Vec<Value> {
    let mut kept: Vec<Value> = Vec::new();
    for value in values {
        let same = |other: &Value| {
            other == value
                || matches!((other.as_f64(), value.as_f64()), (Some(a), Some(b)) if a.to_bits() == b.to_bits())
        };
        if !kept.iter().any(same) {
            kept.push(value.clone());
        }
    }
    kept
}
