//! How large an event of a type can get.
//!
//! Counted in bytes of JSON text without spaces, from the bounds of the writer's form: every
//! member is there, every array and map is full, every text is as long as it may be and made of
//! the characters that take most room, with what is not ASCII escaped. A pattern that bounds its
//! own length counts where it is the tighter bound.

use serde_json::{Map, Value};

use super::pattern;
use doorward_schema_repository::places::step;
use doorward_schema_repository::walk::referenced;

/// The most bytes of an event.
pub const LARGEST: u64 = 64 * 1024;
/// The most levels of an event.
pub const DEEPEST: u64 = 16;
/// Deeper references are taken for a circle.
const MOST_STEPS: u32 = 64;
/// The longest shortest writing of a double, as of `-2.2250738585072014e-308`.
const LONGEST_DOUBLE: u64 = 24;

/// The worst case of a schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worst {
    pub bytes: u64,
    pub levels: u64,
    /// What takes part in it: JSON pointers of an instance, with `*` for every item.
    pub parts: Vec<(String, u64)>,
}

/// The worst case of a self-contained schema, or the pointer of what has no bound.
pub fn worst(schema: &Value) -> Result<Worst, String> {
    let none = Map::new();
    let definitions = schema.get("definitions").and_then(Value::as_object).unwrap_or(&none);
    let walk = Walk { definitions };
    let mut parts = Vec::new();
    let (bytes, levels) = walk.schema(schema, "", &mut parts, 0)?;
    parts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(Worst { bytes, levels, parts })
}

struct Walk<'a> {
    definitions: &'a Map<String, Value>,
}

type Parts = Vec<(String, u64)>;

impl Walk<'_> {
    fn schema(
        &self,
        schema: &Value,
        at: &str,
        parts: &mut Parts,
        steps: u32,
    ) -> Result<(u64, u64), String> {
        let unbounded = || if at.is_empty() { "/".to_owned() } else { at.to_owned() };
        if steps > MOST_STEPS {
            return Err(unbounded());
        }
        let members = schema.as_object().ok_or_else(unbounded)?;
        if let Some(name) = referenced(members) {
            let target = self.definitions.get(name).ok_or_else(unbounded)?;
            return self.schema(target, at, parts, steps + 1);
        }
        if let Some(words) = members.get("enum").and_then(Value::as_array) {
            let bytes = words.iter().map(written).max().unwrap_or_default();
            parts.push((at.to_owned(), bytes));
            return Ok((bytes, 0));
        }
        for keyword in ["oneOf", "anyOf"] {
            if let Some(branches) = members.get(keyword).and_then(Value::as_array) {
                return self.widest(branches, at, parts, steps);
            }
        }
        let number = |keyword: &str| members.get(keyword).and_then(Value::as_u64);
        let bytes = match members.get("type").and_then(Value::as_str) {
            Some("null") => 4,
            Some("boolean") => 5,
            Some("integer") => {
                let bounds = ["minimum", "maximum"].map(|keyword| members.get(keyword));
                let widths = bounds.into_iter().flatten().map(written);
                widths.max().filter(|_| bounds.iter().all(Option::is_some)).ok_or_else(unbounded)?
            }
            Some("number") => LONGEST_DOUBLE,
            Some("string") => text(members).ok_or_else(unbounded)?,
            Some("array") => {
                let most = number("maxItems").ok_or_else(unbounded)?;
                let items = members.get("items").ok_or_else(unbounded)?;
                let mut inner = Parts::new();
                let (item, levels) =
                    self.schema(items, &format!("{at}/*"), &mut inner, steps + 1)?;
                let bytes = filled(2, most, item);
                parts.push((at.to_owned(), bytes));
                parts.extend(inner.into_iter().map(|(at, b)| (at, b.saturating_mul(most))));
                return Ok((bytes, levels + 1));
            }
            Some("object") => return self.object(members, at, parts, steps),
            _ => match members.get("allOf").and_then(Value::as_array) {
                Some(branches) => {
                    let known = branches.iter().filter_map(|branch| {
                        let mut inner = Parts::new();
                        let found = self.schema(branch, at, &mut inner, steps + 1).ok()?;
                        Some((found, inner))
                    });
                    let (found, inner) = known.min_by_key(|(f, _)| f.0).ok_or_else(unbounded)?;
                    parts.extend(inner);
                    return Ok(found);
                }
                None => return Err(unbounded()),
            },
        };
        parts.push((at.to_owned(), bytes));
        Ok((bytes, 0))
    }

    fn widest(
        &self,
        branches: &[Value],
        at: &str,
        parts: &mut Parts,
        steps: u32,
    ) -> Result<(u64, u64), String> {
        let mut most = (0, 0);
        let mut of_most = Parts::new();
        for branch in branches {
            let mut inner = Parts::new();
            let (bytes, levels) = self.schema(branch, at, &mut inner, steps + 1)?;
            if bytes >= most.0 {
                of_most = inner;
            }
            most = (most.0.max(bytes), most.1.max(levels));
        }
        parts.extend(of_most);
        Ok(most)
    }

    fn object(
        &self,
        members: &Map<String, Value>,
        at: &str,
        parts: &mut Parts,
        steps: u32,
    ) -> Result<(u64, u64), String> {
        let unbounded = || if at.is_empty() { "/".to_owned() } else { at.to_owned() };
        let most = members.get("maxProperties").and_then(Value::as_u64);
        let (mut bytes, mut levels, mut count) = (2u64, 0, 0u64);
        let mut inner = Parts::new();
        let properties = members.get("properties").and_then(Value::as_object);
        for (name, schema) in properties.into_iter().flatten() {
            let at = format!("{at}/{}", step(name));
            let (value, below) = self.schema(schema, &at, &mut inner, steps + 1)?;
            let key = name.chars().map(pattern::width).sum::<u64>() + 3;
            bytes = bytes.saturating_add(key).saturating_add(value);
            levels = levels.max(below);
            count += 1;
        }
        bytes = bytes.saturating_add(count.saturating_sub(1));
        let patterns = members.get("patternProperties").and_then(Value::as_object);
        if let Some(patterns) = patterns.filter(|patterns| !patterns.is_empty()) {
            let most = most.ok_or_else(unbounded)?.saturating_sub(count);
            let mut widest = 0u64;
            for (key, schema) in patterns {
                let shape = pattern::read(key).map_err(|_| unbounded())?;
                let key = shape.bytes.ok_or_else(unbounded)? + 3;
                let mut entry = Parts::new();
                let (value, below) =
                    self.schema(schema, &format!("{at}/*"), &mut entry, steps + 1)?;
                widest = widest.max(key.saturating_add(value));
                levels = levels.max(below);
                inner.extend(entry.into_iter().map(|(at, b)| (at, b.saturating_mul(most))));
            }
            bytes = filled(bytes, most, widest);
        } else if properties.is_none() {
            return Err(unbounded());
        }
        parts.push((at.to_owned(), bytes));
        parts.append(&mut inner);
        Ok((bytes, levels + 1))
    }
}

/// `frame` bytes around so many parts of that size, with commas between.
fn filled(frame: u64, most: u64, each: u64) -> u64 {
    frame.saturating_add(most.saturating_mul(each.saturating_add(1))).saturating_sub(most.min(1))
}

/// The bytes of a text with its quotes.
fn text(schema: &Map<String, Value>) -> Option<u64> {
    let longest = schema.get("maxLength").and_then(Value::as_u64);
    let shape = schema.get("pattern").and_then(Value::as_str);
    let shape = shape.and_then(|pattern| pattern::read(pattern).ok());
    let widest = shape.map_or(pattern::WIDEST, |shape| shape.widest);
    let of_length = longest.map(|longest| longest.saturating_mul(widest));
    let of_pattern = shape.and_then(|shape| shape.bytes);
    let bytes = match (of_length, of_pattern) {
        (Some(length), Some(pattern)) => length.min(pattern),
        (length, pattern) => length.or(pattern)?,
    };
    Some(bytes.saturating_add(2))
}

/// The bytes of a given value.
fn written(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.chars().map(pattern::width).sum::<u64>() + 2,
        other => other.to_string().len() as u64,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use serde_json::json;

    use super::*;

    /// What the schema counts for, beside a document that is its worst case.
    fn counts_for(schema: &Value, largest: &Value) {
        let text = largest.to_string();
        let bytes: u64 =
            text.chars().map(|c| if c.is_ascii() { 1 } else { pattern::width(c) }).sum();
        assert_eq!(worst(schema).unwrap().bytes, bytes, "{schema} {text}");
    }

    #[test]
    fn the_worst_case_is_that_of_the_largest_document() {
        let string = json!({ "type": "string", "maxLength": 3, "pattern": "^[a-z]*$" });
        counts_for(&string, &json!("abc"));
        counts_for(&json!({ "type": "string", "maxLength": 2 }), &json!("\u{1f511}\u{1f511}"));
        counts_for(&json!({ "type": "integer", "minimum": -10, "maximum": 9 }), &json!(-10));
        counts_for(&json!({ "enum": ["a", "bcd"] }), &json!("bcd"));
        let array = json!({ "type": "array", "maxItems": 3, "items": string });
        counts_for(&array, &json!(["abc", "abc", "abc"]));
        counts_for(&json!({ "type": "array", "maxItems": 0, "items": string }), &json!([]));
        let object =
            json!({ "type": "object", "properties": { "a": { "type": "boolean" }, "b": array } });
        counts_for(&object, &json!({ "a": false, "b": ["abc", "abc", "abc"] }));
        let map = json!({
            "type": "object", "maxProperties": 2,
            "patternProperties": { "^[a-z]{1,2}$": { "type": "null" } },
        });
        counts_for(&map, &json!({ "ab": null, "cd": null }));
        let either = json!({ "oneOf": [{ "type": "null" }, { "$ref": "#/definitions/A" }],
            "definitions": { "A": string } });
        counts_for(&either, &json!("abc"));
    }

    #[test]
    fn what_has_no_bound_is_named() {
        let open = json!({ "type": "object", "properties": { "a": {
            "type": "array", "maxItems": 2, "items": { "type": "string" } } } });
        assert_eq!(worst(&open), Err("/a/*".to_owned()));
        let circle = json!({ "$ref": "#/definitions/A", "definitions": {
            "A": { "type": "array", "maxItems": 1, "items": { "$ref": "#/definitions/A" } } } });
        assert!(worst(&circle).is_err());
    }

    #[test]
    fn the_largest_parts_come_first() {
        let object = json!({ "type": "object", "properties": {
            "small": { "type": "boolean" }, "large": { "type": "string", "maxLength": 10 } } });
        let worst = worst(&object).unwrap();
        let names: Vec<&str> = worst.parts.iter().map(|(at, _)| at.as_str()).collect();
        assert_eq!(names, ["", "/large", "/small"]);
        assert_eq!(worst.levels, 1);
    }
}
