//! Bounds: a gateway's disk, a queue's message and a reader's memory have one, so every text,
//! array, number and map says its own.

use doorward_schema_repository::Document;
use doorward_schema_repository::places::step;
use doorward_schema_repository::walk::each_schema_at;
use serde_json::{Map, Value};

use super::pattern;
use crate::finding::Finding;

/// The bounds of one document.
pub fn check(document: &Document, out: &mut Vec<Finding>) {
    each_schema_at(&document.value, &mut |at, schema| {
        for (what, remedy) in missing(schema) {
            out.push(Finding::at(document, at, "bound-missing", what, remedy));
        }
        let keys = schema.get("patternProperties").and_then(Value::as_object);
        for key in keys.into_iter().flat_map(Map::keys) {
            if pattern::read(key).is_ok_and(|shape| shape.anchored && shape.longest.is_none()) {
                out.push(Finding::at(
                    document,
                    &format!("{at}/patternProperties/{}", step(key)),
                    "bound-missing",
                    "a map whose keys have no bound",
                    "write {0,63} instead of * or +",
                ));
            }
        }
    });
}

fn missing(schema: &Map<String, Value>) -> Vec<(&'static str, &'static str)> {
    let has = |keyword: &str| schema.contains_key(keyword);
    let kinds: Vec<&str> = match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut missing = Vec::new();
    for kind in kinds {
        match kind {
            "string" if !has("enum") && !has("maxLength") => {
                missing.push(("a string without a bound", "add \"maxLength\""));
            }
            "array" if !has("maxItems") => {
                missing.push(("an array without a bound", "add \"maxItems\""));
            }
            "array" if !has("items") => {
                missing.push(("an array of anything", "add \"items\""));
            }
            "integer" | "number" if !(has("enum") || has("minimum") && has("maximum")) => {
                missing.push(("a number without bounds", "add \"minimum\" and \"maximum\""));
            }
            "object" if has("patternProperties") && !has("maxProperties") => {
                missing.push(("a map without a bound", "add \"maxProperties\""));
            }
            "object" if !has("properties") && !has("patternProperties") => {
                missing.push((
                    "an object with any members",
                    "add \"properties\", or \"patternProperties\" and \"maxProperties\"",
                ));
            }
            _ => {}
        }
    }
    missing
}
