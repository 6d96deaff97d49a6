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
mod tables;
mod topic;

use serde::{Deserialize, Serialize};

pub use crate::payload::MAX_PAYLOAD;
pub use topic::MAX_TOPIC;

use crate::ecosystem::{Fault, Lists, Native, Opened, Setup, Transport, Wire, read_table};
use crate::observation::{Message, Observation, Refusal, RefusalReason};
use crate::payload::{self, refusal};
use crate::translator::{CannotAct, Publication, Subscription, Topics, Translator};
use crate::vocabulary::Act;
use topic::{Route, is_addressable, route};

/// The part of availability that a device's own topic is.
const DEVICE_PART: &str = "availability";

/// The part of availability that the bridge is.
const BRIDGE_PART: &str = "bridge";

/// What zigbee2mqtt carries out: of devices whose names have up to three levels, and of the bridge.
/// Of names with more, a command that the broker keeps is found when the session is new.
const COMMANDS: [&str; 4] = ["+/set/#", "+/+/set/#", "+/+/+/set/#", "bridge/request/#"];

/// What the bridge answers beside: requests for a device's state.
const QUESTIONS: [&str; 3] = ["+/get/#", "+/+/get/#", "+/+/+/get/#"];

/// What it says, of devices whose names have one level: below a name with more, no filter would
/// tell a state from a command.
const SAID: [&str; 14] = [
    "+",
    "+/availability",
    "+/action",
    "bridge/state",
    "bridge/info",
    "bridge/devices",
    "bridge/groups",
    "bridge/definitions",
    "bridge/extensions",
    "bridge/converters",
    "bridge/health",
    "bridge/event",
    "bridge/logging",
    "bridge/response/#",
];

/// Where devices whose names have one level are asked and commanded.
const ASKED: [&str; 2] = ["+/get", "+/set"];

/// The longest payload of a topic on which the bridge describes itself, in bytes.
pub const MAX_BRIDGE_PAYLOAD: usize = 1024 * 1024;

/// The longest base topic, in bytes: leaves room for names.
const MAX_BASE_TOPIC: usize = 128;

/// Its line in the list of ecosystems.
pub const ECOSYSTEM: Native = Native { name: "zigbee2mqtt", transport: Transport::Mqtt, open };

/// How this bridge is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

fn open(setup: &Setup) -> Result<Opened, Vec<Fault>> {
    let mut faults = Vec::new();
    let settings = read_table::<Settings>(&setup.settings, "settings", &mut faults);
    let translator = settings.and_then(|settings| match Zigbee2Mqtt::new(settings) {
        Ok(translator) => Some(translator),
        Err(error) => {
            let remedy = "use zigbee2mqtt's own mqtt.base_topic";
            faults.push(Fault::error("settings.base_topic", error.to_string(), remedy));
            None
        }
    });
    for (index, endpoint) in setup.endpoints.iter().enumerate() {
        let unknown = endpoint.settings.keys();
        faults.extend(unknown.map(|key| Fault::unknown_key(format!("endpoint.{index}.{key}"))));
        if translator.as_ref().is_some_and(|known| !known.is_address(&endpoint.address)) {
            faults.push(Fault::error(
                format!("endpoint.{index}.address"),
                format!("no device can be called {:?}", endpoint.address),
                "use zigbee2mqtt's friendly name, without the base topic, '#' and '+'",
            ));
        }
    }
    match translator {
        Some(translator) if faults.iter().all(|fault| fault.warning) => Ok(Opened {
            wire: Wire::Mqtt(Box::new(translator)),
            lists: Some(Lists {
                is_identity: is_ieee_address,
                described: "an IEEE address as zigbee2mqtt shows it (0x and 16 digits, lower case)",
            }),
            warnings: faults,
        }),
        _ => Err(faults),
    }
}

/// A Zigbee device's identity as zigbee2mqtt writes it.
fn is_ieee_address(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| {
        digits.len() == 16 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
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
        let of = |commands: bool| {
            move |below: &str| Subscription { filter: format!("{}/{below}", self.base), commands }
        };
        let states = ["bridge/devices", "#"].map(of(false));
        states.into_iter().chain(COMMANDS.map(of(true))).collect()
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
    fn read_request(&self, address: &str) -> Option<Publication> {
        self.is_address(address).then(|| {
            let topic = format!("{}/{address}/get", self.base);
            Publication { topic, payload: br#"{"state":""}"#.to_vec() }
        })
    }

    fn is_address(&self, address: &str) -> bool {
        is_addressable(&self.base, address)
    }

    /// Locks alone: a garage door on this bridge is a relay whose pulse toggles.
    fn command(&self, address: &str, act: Act) -> Result<Publication, CannotAct> {
        if !self.is_address(address) {
            return Err(CannotAct::UnknownDevice(address.to_owned()));
        }
        let payload: &[u8] = match act {
            Act::Lock => br#"{"state":"LOCK"}"#,
            Act::Unlock => br#"{"state":"UNLOCK"}"#,
            Act::Open | Act::Close | Act::Stop => return Err(CannotAct::NoSafeForm(act)),
        };
        let topic = format!("{}/{address}/set", self.base);
        Ok(Publication { topic, payload: payload.to_vec() })
    }

    fn topics(&self) -> Topics {
        let below = |filters: &[&str]| -> Vec<String> {
            filters.iter().map(|filter| format!("{}/{filter}", self.base)).collect()
        };
        Topics {
            said: below(&SAID),
            heard: below(&[&COMMANDS[..], &QUESTIONS].concat()),
            asked: below(&ASKED),
        }
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
