//! From bytes to JSON, with the bounds and the refusals that all topics share.

use serde_json::{Map, Value};

use crate::observation::{Refusal, RefusalReason};
use crate::text::{MAX_DETAIL, bounded};

/// The longest payload of an ordinary topic, in bytes.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// A refusal. `detail` may hold the topic, never anything of the payload.
pub(crate) fn refusal(reason: RefusalReason, detail: &str, sensitive: bool) -> Refusal {
    Refusal { reason, detail: bounded(detail, MAX_DETAIL), sensitive }
}

/// Any JSON. `serde_json`'s limit of 128 levels bounds the recursion.
pub(crate) fn json(payload: &[u8], sensitive: bool) -> Result<Value, Refusal> {
    let text = std::str::from_utf8(payload).map_err(|error| {
        let detail = format!("byte {}", error.valid_up_to());
        refusal(RefusalReason::InvalidUtf8, &detail, sensitive)
    })?;
    serde_json::from_str(text).map_err(|error| Refusal {
        reason: RefusalReason::MalformedJson,
        detail: format!("line {}, column {}", error.line(), error.column()),
        sensitive,
    })
}

/// A JSON object.
pub(crate) fn object(payload: &[u8], sensitive: bool) -> Result<Map<String, Value>, Refusal> {
    match json(payload, sensitive)? {
        Value::Object(members) => Ok(members),
        other => Err(refusal(
            RefusalReason::UnexpectedShape,
            &format!("{} where an object belongs", type_of(&other)),
            sensitive,
        )),
    }
}

/// The member's value; null counts as absent.
pub(crate) fn member<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).filter(|value| !value.is_null())
}

/// What JSON calls this value.
pub(crate) const fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
