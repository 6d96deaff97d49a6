//! Profiles: ecosystems over MQTT that a text describes.
//!
//! A profile is TOML. It says which topics a device has, how what stands in them maps to our words,
//! and which messages make it act; it holds no code beside small expressions. Its own samples prove
//! it whenever it is loaded. Every topic is worked out beforehand for each device of the vendor's
//! file, so a message is looked up and never guessed at.

mod endpoint;
mod expression;
mod faults;
mod form;
mod kind;
mod meaning;
mod pattern;
mod probe;
mod rule;
mod rules;
mod sample;
mod source;
mod translator;
mod value;

use std::sync::Arc;

pub use pattern::MAX_TOPIC;
pub use source::MAX_TEXT;
pub use translator::MAX_TOPICS;

use crate::ecosystem::{Fault, Opened, Setup, Wire};
use crate::observation::MAX_DEVICES;
use endpoint::{Endpoint, Places};
use faults::Faults;
use kind::Kind;
use translator::ProfileTranslator;

/// Most kinds of device in a profile.
const MAX_KINDS: usize = 16;

/// The profiles that come with doorward: name and text.
pub const BUILT_IN: &[(&str, &str)] = &[
    ("esphome", include_str!("../../profiles/esphome/profile.toml")),
    ("nuki", include_str!("../../profiles/nuki/profile.toml")),
    ("opengarage", include_str!("../../profiles/opengarage/profile.toml")),
    ("ratgdo", include_str!("../../profiles/ratgdo/profile.toml")),
    ("shelly", include_str!("../../profiles/shelly/profile.toml")),
    ("tasmota", include_str!("../../profiles/tasmota/profile.toml")),
];

/// A profile, checked and proved by its samples.
#[derive(Debug)]
struct Profile {
    name: String,
    kinds: Vec<Kind>,
}

/// Opens the profile that the setup names or brings along.
pub fn open(setup: &Setup) -> Result<Opened, Vec<Fault>> {
    let built_in = BUILT_IN.iter().find(|(name, _)| *name == setup.ecosystem);
    let text = match (built_in, &setup.profile) {
        (Some(_), Some(_)) => {
            let message = format!(
                "{:?} comes with doorward; there is a profile of this name, too",
                setup.ecosystem
            );
            let remedy = "give your profile another name, in its file and here";
            return Err(vec![Fault::error("ecosystem", message, remedy)]);
        }
        (Some((_, text)), None) => *text,
        (None, Some(text)) => text,
        (None, None) => {
            let message = format!("there is no ecosystem {:?}", setup.ecosystem);
            let remedy = "use one of the list, or add its profile";
            return Err(vec![Fault::error("ecosystem", message, remedy)]);
        }
    };
    let mut faults = Faults::default();
    let Some(profile) = load(text, &mut faults) else {
        return Err(faults.into_vec());
    };
    if profile.name != setup.ecosystem {
        let message = format!("the profile calls itself {:?}", profile.name);
        faults.add("name", message, format!("call it {:?}, as its file", setup.ecosystem));
    }
    faults.unknown_settings(setup);
    if setup.endpoints.len() > MAX_DEVICES {
        let message = format!("more than {MAX_DEVICES} devices");
        faults.add_fault(Fault::error("endpoint", message, "split them into two vendors"));
        return Err(faults.into_vec());
    }
    let mut endpoints = Vec::new();
    for (index, endpoint) in setup.endpoints.iter().enumerate() {
        let table = format!("endpoint.{index}");
        let places = Places { table: table.clone(), settings: table.clone() };
        let resolved = Endpoint::resolve(&profile.kinds, endpoint, &places, &mut faults);
        endpoints.extend(resolved.map(|resolved| (table, resolved)));
    }
    let translator = ProfileTranslator::build(profile, endpoints, &mut faults);
    if !faults.none() {
        return Err(faults.into_vec());
    }
    let warnings = faults.into_vec();
    Ok(Opened { wire: Wire::Mqtt(Box::new(translator)), lists: None, warnings })
}

/// Reads a profile and runs its samples. `None`: `faults` says why not.
fn load(text: &str, faults: &mut Faults) -> Option<Arc<Profile>> {
    let raw = source::read(text, faults)?;
    let mut kinds: Vec<Kind> = Vec::new();
    if raw.kind.is_empty() {
        faults.add("kind", "it describes no device", "add a [[kind]]");
    }
    let labels = (raw.manufacturer.as_ref(), raw.model.as_ref());
    for (place, table) in source::pieces(raw.kind, "kind", MAX_KINDS, faults) {
        let kind = table.and_then(|table| kind::load(table, &place, labels, faults));
        if let Some(kind) = kind {
            if kinds.iter().any(|other| other.name == kind.name) {
                faults.add(
                    format!("{place}.name"),
                    "a kind of this name is there already",
                    "choose another",
                );
            }
            kinds.push(kind);
        }
    }
    if !faults.none() {
        return None;
    }
    let profile = Arc::new(Profile { name: raw.name, kinds });
    sample::prove(&profile, raw.sample, faults);
    faults.none().then_some(profile)
}
