//! A `PutEvents` of which only some entries arrive.

use serde_json::{Value, json};

/// The one target whose answers tell of each entry.
pub(super) const TARGET: &str = "AWSEvents.PutEvents";

/// The request with the entries at even places only; `None` if it is no such request.
pub(super) fn even(request: &[u8]) -> Option<Vec<u8>> {
    let mut request: Value = serde_json::from_slice(request).ok()?;
    let entries = request.get_mut("Entries")?.as_array_mut()?;
    *entries = entries.drain(..).step_by(2).collect();
    Some(request.to_string().into_bytes())
}

/// The answer to the whole request, from the upstream's answer to the even entries; `None` if that
/// does not tell of them.
pub(super) fn merged(request: &[u8], answer: &[u8], code: &str) -> Option<Vec<u8>> {
    let request: Value = serde_json::from_slice(request).ok()?;
    let asked = request.get("Entries")?.as_array()?.len();
    let mut answer: Value = serde_json::from_slice(answer).ok()?;
    let told = answer.get_mut("Entries")?.as_array_mut()?;
    if told.len() != asked.div_ceil(2) {
        return None;
    }
    let mut told_of_even = std::mem::take(told).into_iter();
    let entries: Vec<Value> = (0..asked)
        .filter_map(|place| match place % 2 {
            0 => told_of_even.next(),
            _ => Some(json!({"ErrorCode": code, "ErrorMessage": "on demand"})),
        })
        .collect();
    let failed = answer.get("FailedEntryCount")?.as_u64()? + (asked / 2) as u64;
    let merged = json!({"FailedEntryCount": failed, "Entries": entries});
    Some(merged.to_string().into_bytes())
}
