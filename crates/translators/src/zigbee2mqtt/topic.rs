//! What a topic is about.
//!
//! Friendly names may contain slashes, so a topic is read from its end, except for commands:
//! zigbee2mqtt takes the first `set` or `get` level behind a name as the command, whatever
//! follows. A device whose name has such a level can therefore not be told from a command; it
//! counts as one, and what it reports is not read.

/// The longest topic, in bytes.
pub const MAX_TOPIC: usize = 512;

/// What a topic below the base is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route<'a> {
    /// State and acts of the device of this name.
    Device(&'a str),
    /// Whether the device of this name can be reached.
    Availability(&'a str),
    /// A copy of the `action` of the device's own message.
    ActionCopy,
    /// Something that zigbee2mqtt carries out: device commands and bridge requests.
    Command,
    /// Whether the bridge itself runs.
    BridgeState,
    /// The bridge's inventory.
    BridgeDevices,
    /// The bridge's log.
    BridgeLogging,
    /// The bridge's description of itself, or an answer to a request; not read.
    BridgeOther,
}

/// `None`: not a topic of this bridge.
pub(super) fn route<'a>(base: &str, topic: &'a str) -> Option<Route<'a>> {
    let rest = topic.strip_prefix(base)?.strip_prefix('/')?;
    if let Some(bridge) = rest.strip_prefix("bridge/") {
        return Some(match bridge {
            "state" => Route::BridgeState,
            "devices" => Route::BridgeDevices,
            "logging" => Route::BridgeLogging,
            _ if bridge.starts_with("request/") => Route::Command,
            _ => Route::BridgeOther,
        });
    }
    if has_command_level(rest) {
        return Some(Route::Command);
    }
    match rest.rsplit_once('/') {
        Some((name, "availability")) => is_name(name).then_some(Route::Availability(name)),
        Some((name, "action")) => is_name(name).then_some(Route::ActionCopy),
        _ => is_name(rest).then_some(Route::Device(rest)),
    }
}

/// Whether a level behind the first is `set` or `get`.
fn has_command_level(rest: &str) -> bool {
    rest.split('/').skip(1).any(|level| matches!(level, "set" | "get"))
}

/// Whether zigbee2mqtt could call a device so.
fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name != "bridge"
        && !name.starts_with('/')
        && !name.ends_with('/')
        && !name.contains(['#', '+'])
        && !name.chars().any(char::is_control)
}

/// Whether a device of this name is heard and can be asked: its topic is a device's topic, and
/// fits.
pub(super) fn is_addressable(base: &str, name: &str) -> bool {
    let topic = format!("{base}/{name}");
    topic.len() + "/availability".len() <= MAX_TOPIC
        && route(base, &topic) == Some(Route::Device(name))
}
