//! One walk over a schema that knows which members hold schemas and which hold names, so that a
//! property called `title` or `enum` is never taken for a keyword.

use serde_json::{Map, Value};

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
