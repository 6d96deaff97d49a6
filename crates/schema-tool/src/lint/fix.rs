//! What `lint --fix` mends without asking: traps whose meaning is beyond doubt. Everything else is
//! for people, since a schema says what somebody meant.

use std::collections::BTreeSet;

use doorward_schema_repository::bundle;
use doorward_schema_repository::walk::each_schema;
use doorward_schema_repository::{Document, Tree};
use serde_json::{Map, Value, json};

/// The files that change, with their new text. With names, those of these types alone.
pub fn fix(tree: &Tree, only: &BTreeSet<String>) -> Vec<(String, String)> {
    let wanted = |name: &String| only.is_empty() || only.contains(name);
    let core = tree.core.values().filter(|_| only.is_empty());
    let folders = || tree.types.iter().filter(move |(name, _)| wanted(name));
    let next = folders().filter_map(|(_, folder)| folder.next.as_ref());
    let changed = core.chain(next).filter_map(|document| {
        let mut value = document.value.clone();
        each_schema(&mut value, &mut mend);
        (value != document.value).then(|| (document.file.clone(), bundle::text(&value)))
    });
    let manifests = folders().filter_map(|(name, folder)| {
        let Document { file, value, .. } = folder.manifest.as_ref()?;
        let mut mended = value.clone();
        let members = mended.as_object_mut()?;
        if members.contains_key("type") {
            members.insert("type".to_owned(), json!(name));
        }
        (mended != *value).then(|| (file.clone(), bundle::text(&mended)))
    });
    changed.chain(manifests).collect()
}

/// One schema; the order of its members stays.
fn mend(schema: &mut Map<String, Value>) {
    let old = std::mem::take(schema);
    let integer = old.get("type") == Some(&json!("integer"));
    for (keyword, value) in old.clone() {
        match (keyword.as_str(), value) {
            ("const", value) if !old.contains_key("enum") => {
                schema.insert("enum".to_owned(), json!([value]));
            }
            ("$defs", value) if !old.contains_key("definitions") => {
                schema.insert("definitions".to_owned(), value);
            }
            ("exclusiveMinimum", Value::Number(number)) if !old.contains_key("minimum") => {
                schema.insert("minimum".to_owned(), whole(Value::Number(number), integer));
                schema.insert("exclusiveMinimum".to_owned(), json!(true));
            }
            ("exclusiveMaximum", Value::Number(number)) if !old.contains_key("maximum") => {
                schema.insert("maximum".to_owned(), whole(Value::Number(number), integer));
                schema.insert("exclusiveMaximum".to_owned(), json!(true));
            }
            ("minimum" | "maximum" | "multipleOf", value) => {
                schema.insert(keyword, whole(value, integer));
            }
            ("enum", Value::Array(words)) => {
                let words = words.into_iter().map(|word| whole(word, integer)).collect();
                schema.insert(keyword, Value::Array(words));
            }
            ("$comment", _) => {}
            (_, value) => {
                schema.insert(keyword, value);
            }
        }
    }
}

/// `2.0` as `2`, where an integer is meant.
fn whole(value: Value, integer: bool) -> Value {
    /// Up to here a double holds every integer.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value.as_f64() {
        Some(number)
            if integer && value.is_f64() && number.fract() == 0.0 && number.abs() < EXACT =>
        {
            let text = format!("{number:.0}");
            text.parse::<i64>().map_or(value, |number| json!(number))
        }
        _ => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traps_of_one_meaning_are_mended() {
        let mut schema = json!({
            "type": "object",
            "properties": {
                "a": { "const": "x", "type": "string" },
                "b": { "type": "integer", "exclusiveMinimum": 1.0, "maximum": 5.0 },
                "const": { "type": "number", "maximum": 2.0, "minimum": 0.5 },
            },
        });
        each_schema(&mut schema, &mut mend);
        let mended = json!({
            "type": "object",
            "properties": {
                "a": { "enum": ["x"], "type": "string" },
                "b": { "type": "integer", "minimum": 1, "exclusiveMinimum": true, "maximum": 5 },
                "const": { "type": "number", "maximum": 2.0, "minimum": 0.5 },
            },
        });
        assert_eq!(schema, mended);
    }
}
