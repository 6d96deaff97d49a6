//! A profile's text, read into tables. Every piece is read by itself, so that one run tells all
//! that is wrong, each with its key.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::faults::Faults;

/// The longest profile, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// Where the reference of all keys is.
pub(super) const REFERENCE: &str = "docs/profiles.md has every key with its meaning";

/// The only form of profiles so far.
const FORMAT: u32 = 1;

/// A whole profile.
#[derive(Deserialize)]
pub(super) struct Profile {
    pub format: u32,
    pub name: String,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    #[serde(default)]
    pub kind: Vec<Map<String, Value>>,
    #[serde(default)]
    pub sample: Vec<Map<String, Value>>,
}

/// `[[kind]]`. The tables in it are read one by one.
#[derive(Deserialize)]
pub(super) struct Kind {
    pub name: String,
    pub address: String,
    pub manufacturer: Option<String>,
    pub model: Option<String>,
    #[serde(default)]
    pub setting: Vec<Map<String, Value>>,
    #[serde(default)]
    pub state: Vec<Map<String, Value>>,
    #[serde(default)]
    pub event: Vec<Map<String, Value>>,
    #[serde(default)]
    pub availability: Vec<Map<String, Value>>,
    #[serde(default)]
    pub ignored: Vec<String>,
    #[serde(default)]
    pub commands: Vec<String>,
    #[serde(default)]
    pub sensitive: Vec<String>,
    pub time: Option<Map<String, Value>>,
    #[serde(default)]
    pub dedup: Vec<String>,
    pub read: Option<Map<String, Value>>,
    #[serde(default)]
    pub command: BTreeMap<String, Map<String, Value>>,
}

/// `[[kind.setting]]`: a choice that an endpoint makes, and what it puts into variables.
#[derive(Deserialize)]
pub(super) struct Setting {
    pub name: String,
    pub default: Option<String>,
    pub options: BTreeMap<String, BTreeMap<String, String>>,
}

/// How a payload is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Payload {
    Text,
    Json,
}

/// What a rule makes of a message in which its pointer finds nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Absent {
    /// The message is a delta: it says nothing of this.
    #[default]
    Ignore,
    /// The message is whole: the device does not know.
    Unknown,
}

/// What becomes of a message that the broker kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Retained {
    /// It is read, as a state of unknown age.
    #[default]
    Keep,
    Drop,
}

/// What a state rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Fact {
    Position,
    Lock,
    RemoteLockout,
    Obstruction,
    Tamper,
    ForcedOpen,
    BatteryPercent,
    BatteryLow,
}

impl Fact {
    /// The word as it stands in a profile.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Position => "position",
            Self::Lock => "lock",
            Self::RemoteLockout => "remote_lockout",
            Self::Obstruction => "obstruction",
            Self::Tamper => "tamper",
            Self::ForcedOpen => "forced_open",
            Self::BatteryPercent => "battery_percent",
            Self::BatteryLow => "battery_low",
        }
    }
}

/// `[[kind.state]]`
#[derive(Deserialize)]
pub(super) struct State {
    pub fact: Fact,
    pub topics: Vec<String>,
    pub payload: Payload,
    pub pointer: Option<String>,
    pub expression: Option<String>,
    pub values: Option<BTreeMap<String, String>>,
    pub choose: Option<String>,
    #[serde(default)]
    pub tables: BTreeMap<String, BTreeMap<String, String>>,
    #[serde(default)]
    pub ignore: Vec<String>,
    #[serde(default)]
    pub absent: Absent,
    #[serde(default)]
    pub optimistic: bool,
    #[serde(default)]
    pub retained: Retained,
}

/// `[[kind.event]]`
#[derive(Deserialize)]
pub(super) struct Event {
    pub topics: Vec<String>,
    pub payload: Payload,
    pub pointer: Option<String>,
    pub expression: Option<String>,
    pub values: BTreeMap<String, Value>,
    #[serde(default)]
    pub ignore: Vec<String>,
    /// Pointer to the number of the user's slot.
    pub user: Option<String>,
}

/// `[[kind.availability]]`
#[derive(Deserialize)]
pub(super) struct Availability {
    pub topic: String,
    pub payload: Payload,
    pub pointer: Option<String>,
    #[serde(default = "availability")]
    pub part: String,
    pub online: Vec<String>,
    pub offline: Vec<String>,
}

fn availability() -> String {
    "availability".to_owned()
}

/// How a device writes the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TimeFormat {
    /// Text with an offset, as `2026-05-04T10:11:12.5Z`.
    Rfc3339,
    /// Seconds since 1970, with or without a fraction.
    UnixS,
}

/// `[kind.time]`
#[derive(Deserialize)]
pub(super) struct Time {
    pub pointer: String,
    pub format: TimeFormat,
}

/// `[kind.read]`
#[derive(Deserialize)]
pub(super) struct Read {
    pub topic: String,
    pub payload: String,
    #[serde(default)]
    pub delay_s: u32,
    pub enabled_by: Option<String>,
}

/// `[kind.command.*]`
#[derive(Deserialize)]
pub(super) struct Command {
    pub topic: String,
    pub payload: String,
}

/// `[[sample]]`: a device, and messages of it.
#[derive(Deserialize)]
pub(super) struct Sample {
    pub kind: String,
    pub address: String,
    #[serde(default)]
    pub settings: Map<String, Value>,
    pub messages: Vec<Map<String, Value>>,
}

/// One of a sample's messages.
#[derive(Deserialize)]
pub(super) struct Told {
    pub topic: String,
    pub payload: String,
    #[serde(default)]
    pub retained: bool,
    pub expect: Map<String, Value>,
}

/// The profile's outermost table.
pub(super) fn read(text: &str, faults: &mut Faults) -> Option<Profile> {
    if text.len() > MAX_TEXT {
        faults.add("", format!("longer than {} KiB", MAX_TEXT / 1024), "split it into two");
        return None;
    }
    let table: Map<String, Value> = match toml::from_str(text) {
        Ok(table) => table,
        Err(error) => {
            let line = error
                .span()
                .and_then(|span| text.get(..span.start))
                .map_or_else(String::new, |before| {
                    format!("line {}: ", before.matches('\n').count() + 1)
                });
            faults.add("", format!("{line}no TOML: {}", error.message()), "correct the line");
            return None;
        }
    };
    let profile: Profile = piece(table, "", faults)?;
    if profile.format != FORMAT {
        faults.add("format", format!("there is no format {}", profile.format), "write format = 1");
        return None;
    }
    Some(profile)
}

/// Reads one table as `T`. What nothing reads is a fault: here a typo would be a rule that does
/// not hold.
pub(super) fn piece<T: DeserializeOwned>(
    table: Map<String, Value>,
    place: &str,
    faults: &mut Faults,
) -> Option<T> {
    let inside = |path: &str| match (place, path) {
        (_, ".") => place.to_owned(),
        ("", path) => path.to_owned(),
        (place, path) => format!("{place}.{path}"),
    };
    let mut unknown = Vec::new();
    let mut ignored =
        |path: serde_ignored::Path<'_>| unknown.push(path.to_string().replace("?.", ""));
    let reader = serde_ignored::Deserializer::new(Value::Object(table), &mut ignored);
    let read = serde_path_to_error::deserialize(reader);
    for key in unknown {
        faults.add(inside(&key), "no such key", "check its spelling and its table, or remove it");
    }
    match read {
        Ok(read) => Some(read),
        Err(error) => {
            let path = error.path().to_string().replace('[', ".").replace(']', "");
            faults.add(inside(&path), error.inner().to_string(), REFERENCE);
            None
        }
    }
}

/// [`piece`] for each of a list of tables; `None` where one could not be read. `bound`: the most
/// that are taken.
pub(super) fn pieces<T: DeserializeOwned>(
    tables: Vec<Map<String, Value>>,
    place: &str,
    bound: usize,
    faults: &mut Faults,
) -> Vec<(String, Option<T>)> {
    if tables.len() > bound {
        faults.add(place, format!("more than {bound}"), "leave some out");
    }
    tables
        .into_iter()
        .take(bound)
        .enumerate()
        .map(|(index, table)| {
            let key = format!("{place}.{index}");
            let read = piece(table, &key, faults);
            (key, read)
        })
        .collect()
}
