//! `bridge/devices`: which devices there are, by identities that survive renaming.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::topic::is_addressable;
use crate::observation::{
    Device, MAX_DEVICES, MAX_LABEL, Observation, Refusal, RefusalReason, What,
};
use crate::payload::{json, member, refusal, type_of};
use crate::text::bounded;
use crate::vocabulary::Capability;

/// The access bit of an expose that can be set.
const SETTABLE: u64 = 0b010;

/// Members that one of our capabilities stands for.
const EXPOSES: &[(&str, Capability)] = &[
    ("contact", Capability::Position),
    ("garage_door_contact", Capability::Position),
    ("door_state", Capability::Position),
    ("battery", Capability::Battery),
    ("battery_low", Capability::Battery),
    ("action", Capability::Operation),
    ("last_unlock_source", Capability::Operation),
    ("last_lock_source", Capability::Operation),
    ("tamper", Capability::Tamper),
];

/// The whole list. An entry that cannot be taken over makes the list incomplete, so that nothing
/// is taken for gone because it could not be read; one anomaly counts them.
pub(super) fn observe(base: &str, payload: &[u8]) -> Result<Vec<Observation>, Refusal> {
    let entries = match json(payload, false)? {
        Value::Array(entries) => entries,
        other => {
            return Err(refusal(
                RefusalReason::UnexpectedShape,
                &format!("{} where the list of devices belongs", type_of(&other)),
                false,
            ));
        }
    };
    let mut devices: Vec<Device> = Vec::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut left_out = 0_usize;
    for entry in &entries {
        let Some(members) = entry.as_object() else {
            left_out += 1;
            continue;
        };
        if text(members, "type") == Some("Coordinator") {
            continue;
        }
        match device(base, members) {
            Some(device) if devices.len() < MAX_DEVICES && is_new(&mut taken, &device) => {
                devices.push(device);
            }
            _ => left_out += 1,
        }
    }
    let mut found = vec![What::Inventory { devices, complete: left_out == 0 }];
    if left_out > 0 {
        found.push(What::Anomaly {
            field: "bridge/devices".to_owned(),
            detail: format!(
                "{left_out} left out: no usable identity or name, listed twice, or too many"
            ),
        });
    }
    Ok(found
        .into_iter()
        .map(|what| Observation { address: String::new(), device_time: None, what })
        .collect())
}

/// Neither the identity nor the name stands for another device already. (A name never has the
/// form of a foreign identity: zigbee2mqtt calls an unnamed device by its own.)
fn is_new(taken: &mut BTreeSet<String>, device: &Device) -> bool {
    if taken.contains(&device.identity) || taken.contains(&device.address) {
        return false;
    }
    taken.insert(device.identity.clone());
    taken.insert(device.address.clone());
    true
}

/// `None`: nothing that could be bound to an endpoint.
fn device(base: &str, members: &Map<String, Value>) -> Option<Device> {
    let identity = text(members, "ieee_address").filter(|address| is_ieee_address(address))?;
    let address = text(members, "friendly_name").filter(|name| is_addressable(base, name))?;
    let definition = member(members, "definition").and_then(Value::as_object);
    let label = |ours: &str, devices_own: &str| {
        definition
            .and_then(|definition| text(definition, ours))
            .or_else(|| text(members, devices_own))
            .map(|label| bounded(label, MAX_LABEL))
            .filter(|label| !label.is_empty())
    };
    Some(Device {
        identity: identity.to_owned(),
        address: address.to_owned(),
        manufacturer: label("vendor", "manufacturer"),
        model: label("model", "model_id"),
        capabilities: definition.map(capabilities).unwrap_or_default(),
    })
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    member(members, name).and_then(Value::as_str)
}

/// `0x` and sixteen hexadecimal digits, in lower case as zigbee2mqtt writes them.
fn is_ieee_address(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| {
        digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// What the definition's exposes tell, by the property that stands on the wire: a property with
/// an endpoint's suffix is not one that is read.
fn capabilities(definition: &Map<String, Value>) -> Vec<Capability> {
    let mut found = BTreeSet::new();
    for expose in objects(definition, "exposes") {
        if text(expose, "type") == Some("lock") {
            for feature in objects(expose, "features") {
                match text(feature, "property") {
                    Some("lock_state") => {
                        found.insert(Capability::Lock);
                    }
                    Some("state") if is_settable(feature) => {
                        found.insert(Capability::Actuator);
                    }
                    _ => {}
                }
            }
        } else if let Some(property) = text(expose, "property") {
            found.extend(
                EXPOSES
                    .iter()
                    .filter(|(name, _)| *name == property)
                    .map(|(_, capability)| *capability),
            );
        }
    }
    found.into_iter().collect()
}

fn objects<'a>(
    members: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = &'a Map<String, Value>> {
    member(members, name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
}

fn is_settable(feature: &Map<String, Value>) -> bool {
    member(feature, "access").and_then(Value::as_u64).is_some_and(|access| access & SETTABLE != 0)
}
