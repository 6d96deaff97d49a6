//! What changed, so exactly that an exception for it is one for nothing else.
//!
//! The words of a change hold both values where these are short. Where they do not, a sum of both
//! stands behind the words: a member that came as a text is not the same one as a number.

use std::collections::{BTreeMap, BTreeSet};

use doorward_schema_compatibility::{Change, Side};
use doorward_schema_repository::lock::sha256;
use doorward_schema_repository::references::{named, reachable};
use serde_json::{Map, Value};

/// The characters of a sum that stand behind the words.
const SUM: usize = 16;

/// The words of a change, with a sum of what they leave out.
pub fn of_change(change: &Change, old: &Value, new: &Value) -> String {
    let base = match change.side {
        Side::Old => &change.old_schema,
        Side::New => &change.new_schema,
    };
    let below = change.pointer.strip_prefix(base.as_str()).unwrap_or_default();
    let here = |schema: &Value, at: &str| schema.pointer(&format!("{at}{below}")).cloned();
    let mut values = [here(old, &change.old_schema), here(new, &change.new_schema)];
    if below.starts_with("/required/") || below.starts_with("/enum/") {
        // One of a list: what stands at its place on the other side is another.
        let [was, is] = &mut values;
        match change.side {
            Side::Old => *is = None,
            Side::New => *was = None,
        }
    }
    let told = |value: &Value| {
        let written = change.says.contains(&value.to_string());
        let named_bare = value.as_str().is_some_and(|text| change.says.contains(text));
        (written || named_bare) && named(value).is_empty()
    };
    if values.iter().flatten().all(told) {
        return change.says.clone();
    }
    let [was, is] = values;
    of_all(&change.says, &with_definitions(was, old), &with_definitions(is, new))
}

/// These words, with a sum of both states of a type. The versions do not count: no rule names one.
pub fn of_states(words: &str, old: &Value, new: &Value) -> String {
    let without = |state: &Value| {
        let mut state = state.clone();
        if let Some(version) = state.pointer_mut("/properties/schema_version") {
            *version = Value::Null;
        }
        state
    };
    of_all(words, &without(old), &without(new))
}

/// These words, with a sum of both values.
fn of_all(words: &str, old: &Value, new: &Value) -> String {
    let both = Value::from(vec![sorted(old), sorted(new)]).to_string();
    let sum: String = sha256(both.as_bytes()).chars().take(SUM).collect();
    format!("{words} (sum {sum})")
}

/// A part of a schema, with the definitions that it needs.
fn with_definitions(part: Option<Value>, whole: &Value) -> Value {
    let part = part.unwrap_or_default();
    let all = whole.get("definitions").and_then(Value::as_object);
    let all: BTreeMap<String, Value> =
        all.into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())).collect();
    let needed: BTreeSet<String> = reachable(&part, &all).unwrap_or_default().into_iter().collect();
    let needed = needed.into_iter().filter_map(|name| all.get(&name).cloned());
    std::iter::once(part).chain(needed).collect()
}

/// The same value with its members in the order of their names: another order is no change.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members: BTreeMap<&String, Value> =
                members.iter().map(|(name, value)| (name, sorted(value))).collect();
            let members: Map<String, Value> =
                members.into_iter().map(|(name, value)| (name.clone(), value)).collect();
            Value::Object(members)
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        leaf => leaf.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use doorward_schema_compatibility::changes;
    use serde_json::json;

    use super::*;

    fn words(old: &Value, new: &Value) -> Vec<String> {
        let all = changes(old, new).unwrap();
        all.iter().map(|change| of_change(change, old, new)).collect()
    }

    fn object(properties: &Value) -> Value {
        json!({ "type": "object", "properties": properties })
    }

    fn words_of(all: &[&str]) -> Value {
        json!({ "type": "string", "enum": all })
    }

    #[test]
    fn words_that_hold_both_values_stand_for_themselves() {
        let bound = |most: u32| json!({ "type": "integer", "maximum": most });
        assert_eq!(words(&bound(1000), &bound(100)), ["maximum was 1000 and is 100"]);
        let required =
            |names: Value| json!({ "properties": { "a": {}, "b": {} }, "required": names });
        let all = words(&required(json!(["a"])), &required(json!(["a", "b"])));
        assert_eq!(all, ["the member b was optional and is required"]);
        let words = words(&words_of(&["one", "two"]), &words_of(&["new", "one", "two"]));
        assert_eq!(words.len(), 1);
        assert!(words.iter().all(|told| told.ends_with("allowed were [\"one\",\"two\"]")));
    }

    #[test]
    fn what_the_words_leave_out_is_told_apart() {
        let none = object(&json!({}));
        let text = words(&none, &object(&json!({ "a": { "type": "string", "maxLength": 9 } })));
        let same = words(&none, &object(&json!({ "a": { "maxLength": 9, "type": "string" } })));
        let number = words(&none, &object(&json!({ "a": { "type": "integer" } })));
        assert!(text == same && text != number, "{text:?} {number:?}");

        let long = |end: &str| json!({ "type": "string", "pattern": "a".repeat(100) + end });
        assert_ne!(words(&long("b"), &long("c")), words(&long("b"), &long("d")));

        let referring = |most: u32| {
            let mut schema = object(&json!({ "a": { "$ref": "#/definitions/A" } }));
            schema["definitions"] = json!({ "A": { "type": "string", "maxLength": most } });
            schema
        };
        assert_ne!(words(&none, &referring(5)), words(&none, &referring(6)));
    }

    #[test]
    fn whole_states_are_told_apart_whatever_their_order() {
        let state = json!({ "a": 1, "b": [2] });
        let again = json!({ "b": [2], "a": 1 });
        assert_eq!(of_all("w", &state, &state), of_all("w", &again, &state));
        assert_ne!(of_all("w", &state, &state), of_all("w", &state, &json!({})));
        let version = |word: &str| object(&json!({ "schema_version": { "enum": [word] } }));
        let (one, other) = (version("1.0"), version("1.1"));
        assert_eq!(of_states("w", &one, &state), of_states("w", &other, &state));
    }
}
