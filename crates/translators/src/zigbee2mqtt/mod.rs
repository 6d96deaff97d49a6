//! zigbee2mqtt (MQTT bridge of Zigbee devices).
//!
//! Its topics are documented under "MQTT topics and messages"; the words in its messages come
//! from zigbee-herdsman-converters. One subscription covers all: friendly names may have any
//! number of levels. So commands of others pass here too; they are never read, and one that the
//! broker keeps is refused, since it runs again whenever the broker restarts.

mod availability;
mod codes;
mod device;
mod inventory;
mod logging;
mod payload;
mod tables;
mod text;
mod topic;

use serde::{Deserialize, Serialize};

pub use device::MAX_OBSERVATIONS;
pub use inventory::{MAX_DEVICES, MAX_LABEL};
pub use payload::{MAX_BRIDGE_PAYLOAD, MAX_PAYLOAD};
pub use text::MAX_DETAIL;
pub use topic::MAX_TOPIC;

use crate::observation::{Message, Observation, Refusal, RefusalReason, Subscription, Translator};
use payload::refusal;
use topic::{Route, is_addressable, route};

/// The part of availability that a device's own topic is.
const DEVICE_PART: &str = "availability";

/// The part of availability that the bridge is.
const BRIDGE_PART: &str = "bridge";

/// The longest base topic, in bytes: leaves room for names.
const MAX_BASE_TOPIC: usize = 128;

/// How this bridge is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// zigbee2mqtt's `mqtt.base_topic`.
    #[serde(default = "default_base_topic")]
    pub base_topic: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self { base_topic: default_base_topic() }
    }
}

fn default_base_topic() -> String {
    "zigbee2mqtt".to_owned()
}

/// Settings that no bridge can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    #[error("base_topic is empty; zigbee2mqtt's own default is \"zigbee2mqtt\"")]
    EmptyBaseTopic,
    #[error("base_topic holds the wildcard '{0}'; give the one topic from mqtt.base_topic")]
    Wildcard(char),
    #[error("base_topic begins or ends with a slash; leave it out")]
    OuterSlash,
    #[error("base_topic holds a control character")]
    ControlCharacter,
    #[error("base_topic begins with '$', which is the broker's own")]
    BrokerTopic,
    #[error("base_topic is longer than 128 bytes")]
    TooLong,
}

/// The translator of one zigbee2mqtt instance.
#[derive(Debug, Clone)]
pub struct Zigbee2Mqtt {
    base: String,
}

impl Zigbee2Mqtt {
    /// Checks the base topic.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let base = settings.base_topic;
        if base.is_empty() {
            return Err(SettingsError::EmptyBaseTopic);
        }
        if let Some(wildcard) = base.chars().find(|c| matches!(c, '#' | '+')) {
            return Err(SettingsError::Wildcard(wildcard));
        }
        if base.starts_with('/') || base.ends_with('/') {
            return Err(SettingsError::OuterSlash);
        }
        if base.chars().any(char::is_control) {
            return Err(SettingsError::ControlCharacter);
        }
        if base.starts_with('$') {
            return Err(SettingsError::BrokerTopic);
        }
        if base.len() > MAX_BASE_TOPIC {
            return Err(SettingsError::TooLong);
        }
        Ok(Self { base })
    }

    fn route<'a>(&self, topic: &'a str) -> Option<Route<'a>> {
        if topic.len() > MAX_TOPIC {
            return None;
        }
        route(&self.base, topic)
    }
}

impl Translator for Zigbee2Mqtt {
    fn subscriptions(&self) -> Vec<Subscription> {
        // The inventory first: it says whose the messages are that the broker kept.
        vec![
            Subscription { filter: format!("{}/bridge/devices", self.base) },
            Subscription { filter: format!("{}/#", self.base) },
        ]
    }

    fn translate(&self, message: &Message<'_>) -> Result<Vec<Observation>, Refusal> {
        let Some(route) = self.route(message.topic) else {
            return Err(refusal(RefusalReason::UnknownTopic, message.topic, true));
        };
        if route == Route::Command {
            return command(message);
        }
        let sensitive = is_sensitive(&route, message.payload);
        let limit = longest(&route);
        if message.payload.len() > limit {
            let detail = format!("longer than {} KiB", limit / 1024);
            return Err(refusal(RefusalReason::TooLarge, &detail, sensitive));
        }
        match route {
            Route::Device(_) if message.payload.is_empty() => Ok(Vec::new()),
            Route::Device(name) => {
                let members = payload::object(message.payload, sensitive)?;
                Ok(device::observe(name, &members, message.retained))
            }
            Route::Availability(name) => {
                Ok(availability::observe(name, DEVICE_PART, message.payload))
            }
            Route::BridgeState => Ok(availability::observe("", BRIDGE_PART, message.payload)),
            Route::BridgeDevices => inventory::observe(&self.base, message.payload),
            Route::BridgeLogging => logging::observe(&self.base, message.payload, message.retained),
            Route::ActionCopy | Route::BridgeOther | Route::Command => Ok(Vec::new()),
        }
    }

    /// Sleepy devices answer when they next wake, if at all.
    fn read_request(&self, address: &str) -> Option<(String, Vec<u8>)> {
        is_addressable(&self.base, address).then(|| {
            let topic = format!("{}/{address}/get", self.base);
            (topic, br#"{"state":""}"#.to_vec())
        })
    }

    fn is_sensitive(&self, topic: &str, payload: &[u8]) -> bool {
        self.route(topic).is_none_or(|route| is_sensitive(&route, payload))
    }
}

/// Somebody's command: never read. Empty and retained, it removes one that the broker kept.
fn command(message: &Message<'_>) -> Result<Vec<Observation>, Refusal> {
    if message.retained && !message.payload.is_empty() {
        return Err(refusal(RefusalReason::RetainedCommand, message.topic, true));
    }
    Ok(Vec::new())
}

/// Some devices' messages hold codes (`expose_pin`, `last_used_pin_code`), and say so. The bridge's
/// log and its answers repeat what was sent to it; its `info` holds its configuration.
fn is_sensitive(route: &Route<'_>, payload: &[u8]) -> bool {
    match route {
        Route::Device(name) => codes::may_be_in(payload) || codes::may_be_in(name.as_bytes()),
        Route::Command | Route::BridgeLogging | Route::BridgeOther => true,
        Route::Availability(_) | Route::ActionCopy | Route::BridgeState | Route::BridgeDevices => {
            false
        }
    }
}

const fn longest(route: &Route<'_>) -> usize {
    match route {
        Route::BridgeDevices | Route::BridgeOther => MAX_BRIDGE_PAYLOAD,
        _ => MAX_PAYLOAD,
    }
}
