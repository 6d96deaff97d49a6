//! The ecosystems that there are, and how one is opened from what a vendor's file says.
//!
//! A new ecosystem is a folder with its translator, its fixtures, and a line in [`NATIVE`]; one that
//! a profile can describe is a folder under `profiles/` and a line in `profile::BUILT_IN`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::translator::{LineDriver, Translator};
use crate::{modbus, profile, zigbee2mqtt};

/// What a vendor's file says of its devices' world.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Setup {
    /// A name out of [`names`], or of the profile in `profile`.
    pub ecosystem: String,
    /// The text of the operator's own profile (TOML), where `ecosystem` names none of ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The table `[settings]`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
    /// The tables `[[endpoint]]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointSetup>,
}

/// A device that the vendor's file lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointSetup {
    /// The device's own identity: its endpoint id without the vendor.
    pub identity: String,
    /// As in [`crate::Observation::address`].
    pub address: String,
    /// What else the table says.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
}

/// How an ecosystem's devices are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transport {
    Mqtt,
    Serial,
}

/// Something wrong with a setup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub place: Place,
    /// Dotted path, as `endpoint.0.unit`; empty: the whole file.
    pub key: String,
    /// It runs all the same.
    pub warning: bool,
    /// A key that nothing reads: a typo.
    pub unknown_key: bool,
    pub message: String,
    pub remedy: String,
}

/// Which text a fault's key is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    VendorFile,
    Profile,
}

impl Fault {
    /// Something in the vendor's file that cannot be used.
    pub fn error(
        key: impl Into<String>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: Place::VendorFile,
            key: key.into(),
            warning: false,
            unknown_key: false,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// A setting that nothing reads: it stops no door.
    pub fn unknown_key(key: impl Into<String>) -> Self {
        let remedy = "check its spelling and its table, or remove it";
        Self {
            unknown_key: true,
            ..Self::error(key, "no such setting; it has no effect", remedy).as_warning()
        }
    }

    /// The same, and it runs all the same.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.warning = true;
        self
    }

    /// The same, of the profile's text.
    #[must_use]
    pub fn in_profile(mut self) -> Self {
        self.place = Place::Profile;
        self
    }
}

/// An ecosystem, opened.
pub struct Opened {
    pub wire: Wire,
    /// Whether the ecosystem itself lists its devices, by identities of this form: then an endpoint
    /// needs no table in the vendor's file. `None`: there are only the devices of the file.
    pub lists: Option<Lists>,
    /// Warnings alone.
    pub warnings: Vec<Fault>,
}

/// The identities that an ecosystem's own inventory can list.
#[derive(Debug, Clone, Copy)]
pub struct Lists {
    pub is_identity: fn(&str) -> bool,
    /// What such an identity is, as in "an IEEE address (0x and 16 digits, lower case)".
    pub described: &'static str,
}

/// By transport.
pub enum Wire {
    Mqtt(Box<dyn Translator>),
    Serial(Box<dyn LineDriver>),
}

/// An ecosystem with code of its own.
pub struct Native {
    pub name: &'static str,
    pub transport: Transport,
    /// `Err` holds at least one fault that is no warning.
    pub open: fn(&Setup) -> Result<Opened, Vec<Fault>>,
}

/// Every ecosystem with code of its own.
pub const NATIVE: &[Native] = &[zigbee2mqtt::ECOSYSTEM, modbus::ECOSYSTEM];

/// The names of all ecosystems that need no profile of the operator's.
pub fn names() -> impl Iterator<Item = &'static str> {
    NATIVE.iter().map(|native| native.name).chain(profile::BUILT_IN.iter().map(|(name, _)| *name))
}

/// How the devices of the ecosystem of this name are reached; profiles speak MQTT.
pub fn transport(name: &str) -> Transport {
    native(name).map_or(Transport::Mqtt, |native| native.transport)
}

/// Opens what `setup` describes. `Err` holds at least one fault that is no warning.
pub fn open(setup: &Setup) -> Result<Opened, Vec<Fault>> {
    match native(&setup.ecosystem) {
        Some(native) => (native.open)(setup),
        None => profile::open(setup),
    }
}

fn native(name: &str) -> Option<&'static Native> {
    NATIVE.iter().find(|native| native.name == name)
}

/// Reads a table of settings as `T`. Keys that nothing reads are warnings in `faults`: a typo stops
/// no door. `place`: the table's own path, as `settings` or `endpoint.0`.
pub fn read_table<T: DeserializeOwned>(
    table: &Map<String, Value>,
    place: &str,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let mut unknown = Vec::new();
    let mut ignored = |path: serde_ignored::Path<'_>| unknown.push(dotted(&path));
    let table = Value::Object(table.clone());
    let reader = serde_ignored::Deserializer::new(table, &mut ignored);
    let read = serde_path_to_error::deserialize(reader);
    faults.extend(unknown.iter().map(|key| Fault::unknown_key(format!("{place}.{key}"))));
    match read {
        Ok(read) => Some(read),
        Err(error) => {
            let remedy = "correct the value; docs/configuration.md has every key with its meaning";
            let key = match error.path().to_string().as_str() {
                "." => place.to_owned(),
                inside => format!("{place}.{inside}"),
            };
            faults.push(Fault::error(key, error.inner().to_string(), remedy));
            None
        }
    }
}

/// The path as it stands in the file. The crate's own form has a question mark for each member that
/// may be missing.
fn dotted(path: &serde_ignored::Path<'_>) -> String {
    use serde_ignored::Path as At;
    let inside = |parent: &At<'_>, key: &str| match dotted(parent) {
        parent if parent.is_empty() => key.to_owned(),
        parent => format!("{parent}.{key}"),
    };
    match path {
        At::Root => String::new(),
        At::Seq { parent, index } => inside(parent, &index.to_string()),
        At::Map { parent, key } => inside(parent, key),
        At::Some { parent } | At::NewtypeStruct { parent } | At::NewtypeVariant { parent } => {
            dotted(parent)
        }
    }
}
