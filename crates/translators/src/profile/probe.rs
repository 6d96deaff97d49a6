//! Whether an expression gives a state where it should give none.
//!
//! A table holds what it holds. An expression can end in an `else`, and so tell a lock as locked for
//! every word that its author did not think of. So each sample is changed, one value at a time, into
//! what no device sends: the state may stay, or be unknown, but never be another.

use serde_json::{Value, json};

use super::meaning::Meaning;
use super::rule::StateRule;
use super::translator::ProfileTranslator;
use crate::observation::{Message, Quality, What};

/// Most values of one payload that are changed.
const MAX_PLACES: usize = 64;

/// What the rule says of a changed message, where it must not: the payload and the state.
pub(super) fn defaults(
    translator: &ProfileTranslator,
    (index, rule): (usize, &StateRule),
    message: &Message<'_>,
) -> Option<(String, What)> {
    rule.reader.expression.as_ref()?;
    let state = |payload: &str| {
        let changed = Message { payload: payload.as_bytes(), ..*message };
        let said = translator.rule_says(index, &changed);
        said.into_iter().find(|what| !matches!(what, What::Anomaly { .. }))
    };
    let text = std::str::from_utf8(message.payload).ok()?;
    let before = state(text);
    let unknown = [Quality::Reported, Quality::Cached, Quality::Assumed]
        .map(|quality| Meaning::unknown(rule.fact).observed(rule.fact, quality));
    changed(text).into_iter().find_map(|payload| {
        let after = state(&payload).filter(|_| before.is_some())?;
        let harmless =
            Some(&after) == before.as_ref() || unknown.iter().flatten().any(|u| *u == after);
        (!harmless).then_some((payload, after))
    })
}

/// The payload with one value after the other replaced by such as no device sends.
fn changed(text: &str) -> Vec<String> {
    let strangers = [
        json!("no such word"),
        json!(987_654_321),
        json!(-0.5),
        json!({}),
        json!(["no such word"]),
    ];
    match serde_json::from_str::<Value>(text) {
        Ok(whole) if whole.is_object() || whole.is_array() => {
            let mut places = Vec::new();
            leaves(&whole, &mut String::new(), &mut places);
            let mut found = Vec::new();
            for place in places {
                for stranger in &strangers {
                    let mut whole = whole.clone();
                    if let Some(value) = whole.pointer_mut(&place) {
                        value.clone_from(stranger);
                        found.push(whole.to_string());
                    }
                }
            }
            found
        }
        _ => ["no such word", "987654321", "-0.5"].map(str::to_owned).into(),
    }
}

/// Pointers to everything that holds nothing else.
fn leaves(value: &Value, at: &mut String, found: &mut Vec<String>) {
    let length = at.len();
    let mut inside = |name: &str, inner: &Value, found: &mut Vec<String>| {
        at.push('/');
        at.push_str(&name.replace('~', "~0").replace('/', "~1"));
        leaves(inner, at, found);
        at.truncate(length);
    };
    match value {
        Value::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(name, inner)| inside(name, inner, found));
        }
        Value::Array(items) if !items.is_empty() => {
            items.iter().enumerate().for_each(|(n, item)| inside(&n.to_string(), item, found));
        }
        _ if found.len() < MAX_PLACES => found.push(at.clone()),
        _ => {}
    }
}
