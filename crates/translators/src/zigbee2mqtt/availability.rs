//! Whether a device, or the bridge itself, says that it can be reached.

use serde_json::Value;

use super::tables::{AVAILABILITIES, look_up};
use crate::observation::{Observation, What};

/// `{"state":"online"}` or the bare word. Whatever is not exactly `online` is offline; beside
/// what is not a known word stands an anomaly. An empty payload removes the retained statement:
/// nothing says any more that the device is there.
pub(super) fn observe(address: &str, part: &str, payload: &[u8]) -> Vec<Observation> {
    let known = word(payload).and_then(|word| look_up(AVAILABILITIES, &word));
    let mut found =
        vec![What::Availability { part: part.to_owned(), online: known.unwrap_or(false) }];
    if known.is_none() && !payload.is_empty() {
        found.push(What::Anomaly {
            field: part.to_owned(),
            detail: "neither online nor offline".to_owned(),
        });
    }
    found
        .into_iter()
        .map(|what| Observation { address: address.to_owned(), device_time: None, what })
        .collect()
}

fn word(payload: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(payload).ok()?;
    match serde_json::from_str(text) {
        Ok(Value::Object(members)) => members.get("state")?.as_str().map(str::to_owned),
        Ok(Value::String(word)) => Some(word),
        Ok(_) => None,
        Err(_) => Some(text.to_owned()),
    }
}
