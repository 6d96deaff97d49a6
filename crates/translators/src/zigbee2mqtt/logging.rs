//! `bridge/logging`: the only place where zigbee2mqtt says that a command failed.
//!
//! Log lines repeat what was sent, codes included. Of a line only the name of the device, the
//! key and a class of our own get out.

use super::topic::is_addressable;
use crate::observation::{Observation, Refusal, RefusalReason, What};
use crate::payload::{member, object, refusal};
use crate::text::masked;

/// The longest key or name in a detail, in bytes.
const MAX_KEY: usize = 64;

/// Parts of an error and the class they stand for; the first that fits.
const CLASSES: &[(&str, &str)] = &[
    ("not allowed, choose between", "value not allowed"),
    ("is not an allowed value", "value not allowed"),
    ("timed out", "no answer in time"),
    ("imeout", "no answer in time"),
    ("no response", "no answer in time"),
    ("No network route", "device not reachable"),
    ("NO_NETWORK_ROUTE", "device not reachable"),
    ("MAC_NO_ACK", "device not reachable"),
    ("Status '", "refused by the device"),
];

/// The class of every other error.
const OTHER: &str = "failed";

/// Failed commands. Other lines, and lines that the broker kept, are of no consequence.
pub(super) fn observe(
    base: &str,
    payload: &[u8],
    retained: bool,
) -> Result<Vec<Observation>, Refusal> {
    let members = object(payload, true)?;
    let text = |name: &str| {
        member(&members, name).and_then(|value| value.as_str()).ok_or_else(|| {
            let detail = format!("no word in {name}");
            refusal(RefusalReason::UnexpectedShape, &detail, true)
        })
    };
    if text("level")? != "error" || retained {
        return Ok(Vec::new());
    }
    let message = text("message")?;
    let message = message.strip_prefix("z2m: ").unwrap_or(message);
    let failure = publish_failed(base, message)
        .or_else(|| unknown_entity(message))
        .or_else(|| invalid_message(message));
    Ok(failure.into_iter().collect())
}

/// `Publish 'set' 'KEY' to 'NAME' failed: …`
fn publish_failed(base: &str, message: &str) -> Option<Observation> {
    let rest = message.strip_prefix("Publish '")?;
    let (verb, rest) = rest.split_once("' '")?;
    let (key, rest) = rest.split_once("' to '")?;
    let (name, error) = rest.split_once("' failed: ")?;
    if !matches!(verb, "set" | "get") {
        return None;
    }
    let key = if key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        masked(key, MAX_KEY)
    } else {
        "?".to_owned()
    };
    let class =
        CLASSES.iter().find(|(part, _)| error.contains(part)).map_or(OTHER, |(_, class)| *class);
    let address = if is_addressable(base, name) { name } else { "" };
    Some(command_failed(address, format!("{verb} {key}: {class}")))
}

/// `Entity 'NAME' is unknown`
fn unknown_entity(message: &str) -> Option<Observation> {
    let name = message.strip_prefix("Entity '")?.strip_suffix("' is unknown")?;
    let name = masked(name, MAX_KEY);
    Some(command_failed("", format!("unknown entity '{name}'")))
}

/// `Invalid message 'TEXT', skipping...`
fn invalid_message(message: &str) -> Option<Observation> {
    message
        .starts_with("Invalid message '")
        .then(|| command_failed("", "invalid message".to_owned()))
}

fn command_failed(address: &str, detail: String) -> Observation {
    Observation {
        address: address.to_owned(),
        device_time: None,
        what: What::CommandFailed { detail },
    }
}
