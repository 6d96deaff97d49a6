//! How long a device may say nothing before it is missed: `silence` of a vendor's file, and of one
//! device in it. It is `doorward check`'s alone to look: no device is taken for dead by it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use jiff::SignedDuration;
use serde_json::{Map, Value};

use super::Finding;
use super::length::length;
use super::source::Source;
use crate::domain::ids::{EndpointId, VendorId};

/// A device on a battery says at least once in this time that it is there; zigbee2mqtt waits as
/// long before it calls one dead.
const USUAL: SignedDuration = SignedDuration::from_hours(25);
/// What may be meant.
const RANGE: RangeInclusive<SignedDuration> =
    SignedDuration::from_mins(1)..=SignedDuration::from_hours(366 * 24);

/// How long the devices of one vendor may be silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silences {
    all: SignedDuration,
    own: BTreeMap<EndpointId, SignedDuration>,
}

impl Default for Silences {
    fn default() -> Self {
        Self { all: USUAL, own: BTreeMap::new() }
    }
}

impl Silences {
    /// The bound of one device.
    pub fn of(&self, endpoint: &EndpointId) -> SignedDuration {
        self.own.get(endpoint).copied().unwrap_or(self.all)
    }
}

/// Takes the settings out of the file: what is left of a device's table is its ecosystem's.
pub(super) fn read(
    source: &Source,
    vendor: &VendorId,
    all: Option<&str>,
    endpoints: &mut [Map<String, Value>],
    findings: &mut Vec<Finding>,
) -> Silences {
    let mut silences = Silences::default();
    if let Some(all) = all.and_then(|text| bounded(source, "silence", text, findings)) {
        silences.all = all;
    }
    for (index, table) in endpoints.iter_mut().enumerate() {
        let Some(said) = table.remove("silence") else { continue };
        let key = format!("endpoint.{index}.silence");
        let Value::String(said) = said else {
            findings.push(source.error(key, "text in quotes belongs here", "write it as \"25h\""));
            continue;
        };
        let Some(own) = bounded(source, &key, &said, findings) else { continue };
        // A device without an identity is told of where identities are read.
        if let Some(Value::String(id)) = table.get("id") {
            silences.own.insert(EndpointId::of(vendor, id), own);
        }
    }
    silences
}

fn bounded(
    source: &Source,
    key: &str,
    text: &str,
    findings: &mut Vec<Finding>,
) -> Option<SignedDuration> {
    let read = length(text).and_then(|read| {
        let within = RANGE.contains(&read).then_some(read);
        within.ok_or_else(|| "it is not between a minute and 366 days".to_owned())
    });
    match read {
        Ok(read) => Some(read),
        Err(why) => {
            let remedy = "a number and its unit, as \"25h\" or \"3d\"; leave it out for 25 hours";
            findings.push(source.error(key, format!("{text:?}: {why}"), remedy));
            None
        }
    }
}
