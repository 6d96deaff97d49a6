//! One walk over a schema that knows which members hold schemas and which hold names, so that a
//! property called `title` or `enum` is never taken for a keyword.

use serde_json::{Map, Value};

use crate::places::step;

const NAMED: [&str; 3] = ["properties", "patternProperties", "definitions"];
const SINGLE: [&str; 3] = ["items", "additionalProperties", "not"];
const LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];

/// Applies `change` to every subschema, innermost first.
pub fn each_schema(schema: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    let Value::Object(members) = schema else { return };
    for (keyword, value) in members.iter_mut() {
        let keyword = keyword.as_str();
        match value {
            Value::Object(named) if NAMED.contains(&keyword) => {
                for inner in named.values_mut() {
                    each_schema(inner, change);
                }
            }
            Value::Array(list) if LISTS.contains(&keyword) => {
                for inner in list {
                    each_schema(inner, change);
                }
            }
            inner if SINGLE.contains(&keyword) => each_schema(inner, change),
            _ => {}
        }
    }
    change(members);
}

/// Shows `look` every subschema with its JSON pointer, outermost first.
pub fn each_schema_at(schema: &Value, look: &mut dyn FnMut(&str, &Map<String, Value>)) {
    visit(schema, &mut String::new(), look);
}

fn visit(schema: &Value, at: &mut String, look: &mut dyn FnMut(&str, &Map<String, Value>)) {
    let Value::Object(members) = schema else { return };
    look(at, members);
    let mut below = |step: &str, inner: &Value| {
        let length = at.len();
        at.push_str(step);
        visit(inner, at, look);
        at.truncate(length);
    };
    for (keyword, value) in members {
        let word = keyword.as_str();
        match value {
            Value::Object(named) if NAMED.contains(&word) => {
                for (name, inner) in named {
                    below(&format!("/{word}/{}", step(name)), inner);
                }
            }
            Value::Array(list) if LISTS.contains(&word) => {
                for (index, inner) in list.iter().enumerate() {
                    below(&format!("/{word}/{index}"), inner);
                }
            }
            inner if SINGLE.contains(&word) => below(&format!("/{word}"), inner),
            _ => {}
        }
    }
}

/// The name that a bundled `$ref` points to.
pub fn referenced(schema: &Map<String, Value>) -> Option<&str> {
    schema.get("$ref")?.as_str()?.strip_prefix("#/definitions/")
}

/// `lock_state` or `entry.lock` as a Rust type or variant name.
pub fn pascal_case(name: &str) -> String {
    name.split(['_', '.', '-'])
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}
