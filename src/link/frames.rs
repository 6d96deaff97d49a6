//! What core and vendor process say to each other.

use std::time::Duration;

use doorward_translators::{Act, Observation, RefusalReason};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Layer;
use super::setup::VendorSetup;
use crate::domain::ids::EndpointId;

/// SHA-256 of vendor, topic and payload, first 16 bytes, as lower-case hex on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 16]);

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(self.0)))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        // Digits only: the number's own parser would take a sign, too.
        let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(serde::de::Error::custom("a digest is 32 hexadecimal digits"));
        }
        u128::from_str_radix(&text, 16)
            .map(|value| Self(value.to_be_bytes()))
            .map_err(serde::de::Error::custom)
    }
}

/// One message of the devices, translated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Grows by one from 1 within one life of the vendor process.
    pub n: u64,
    /// Of the source message.
    pub digest: Digest,
    /// The translator named what makes the message the same as one handed over before, and the
    /// digest is of that. Else it is of the whole message, which is known again only if it carries
    /// its own time.
    #[serde(default)]
    pub identified: bool,
    /// Which connection it came over; grows within one life of the process.
    pub epoch: u32,
    /// It came without a packet id (MQTT QoS 0): the broker drops such messages while nobody
    /// is connected.
    pub lossy: bool,
    pub retained: bool,
    /// When the vendor process had it in hand.
    pub received_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub observations: Vec<Observation>,
    /// Earlier messages of the same device that were left out, since this one tells anew all that
    /// they told: of a device beyond its rate, and never an act.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stands_for: u32,
    /// Present where the message, or a part of it, could not be translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
const fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// What is kept of a message that could not be translated whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The topic, or the part of a serial line; at most 256 bytes of it.
    pub source: String,
    /// `None`: translated, but for the anomalies among the observations.
    pub refusal: Option<RefusalReason>,
    pub detail: String,
    /// The payload's length in bytes.
    pub bytes: u64,
    /// The first bytes of the payload with runs of 3–12 digits masked, escaped as in a Rust
    /// byte string. Absent where the payload may hold a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
    /// HMAC-SHA-256 under this installation's key, first 16 bytes: tells whether two payloads
    /// are the same without saying what they are.
    pub keyed_digest: Digest,
}

/// From a vendor process to the core.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum VendorFrame {
    /// The first frame.
    Hello {
        protocol: u32,
        build: String,
    },
    /// The process has locked itself down; told once, before anything of a device. What it says of
    /// itself: a process that was taken over before that may lie.
    Sandbox {
        layers: Vec<Layer>,
    },
    Signal(Signal),
    /// The connection to the broker, or the serial line, came or went.
    Connection {
        up: bool,
        epoch: u32,
        detail: String,
    },
    /// How far the process's loop is, every second: messages that it took from its devices' side in
    /// all, those that wait there, and signals that the core has not acknowledged.
    Heartbeat {
        handled: u64,
        waiting: u32,
        unacknowledged: u32,
    },
    /// How a command that the core gave goes on.
    Command(CommandTold),
}

/// How a command goes on: at most one `dispatched`, then exactly one of the others, which ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandTold {
    /// Of the [`CommandOrder`].
    pub id: Uuid,
    pub state: CommandProgress,
    /// For people; no payload, and nothing that could hold a code.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// How far a command has come (spec: commands).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum CommandProgress {
    /// It is about to be written. Told before the first byte, so where this was not told when the
    /// process is known to have ended by itself, nothing was written.
    Dispatched,
    /// The vendor's side has received it: PUBACK with success, or the board's echo. It says nothing
    /// about the door.
    Acknowledged,
    /// Surely nothing acted on it, before or after `dispatched`.
    Rejected { reason: CommandRefusal },
    /// It was written, and nobody knows what became of it: the connection, the line or the time went
    /// before an answer. It is not written again.
    Indeterminate,
}

impl CommandProgress {
    /// Whether nothing follows it.
    pub const fn is_end(self) -> bool {
        !matches!(self, Self::Dispatched)
    }
}

/// Why a command surely acted on nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CommandRefusal {
    /// The ecosystem has no form for the act whose outcome is sure.
    NoSafeForm,
    /// No device of this vendor, or not under this address.
    UnknownDevice,
    /// There is no connection or no line, the board does not answer, or the broker says that nobody
    /// is subscribed to the command's topic.
    NotConnected,
    /// Less was left of the deadline than the transport can bound: a second over MQTT.
    TooLate,
    /// The device is held by an act, or too many commands wait.
    Busy,
    /// The broker did not take the publication over.
    RefusedByBroker,
    /// The board answered that it does not do this.
    DeviceException,
}

impl CommandRefusal {
    /// As on the link.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoSafeForm => "no_safe_form",
            Self::UnknownDevice => "unknown_device",
            Self::NotConnected => "not_connected",
            Self::TooLate => "too_late",
            Self::Busy => "busy",
            Self::RefusedByBroker => "refused_by_broker",
            Self::DeviceException => "device_exception",
        }
    }
}

/// From the core to a vendor process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum CoreFrame {
    /// The first frame.
    Hello { protocol: u32, build: String, setup: Box<VendorSetup> },
    /// Every signal up to and including `through` is durable, quarantined or shed by rule.
    Ack { through: u64 },
    /// Read these devices' state again, by their addresses in the ecosystem.
    Read { devices: Vec<ReadRequest> },
    /// Make a device act, at most once. Answered by [`CommandTold`] of the same id.
    Command(CommandOrder),
}

/// The longest that a command can be carried out after it was given (spec: a request's lifetime is
/// at most 60 s).
pub const MAX_VALID: Duration = Duration::from_secs(60);

/// One act at one device. It is carried out at most once or not at all, and kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOrder {
    /// One command, one id, whatever becomes of it.
    pub id: Uuid,
    /// The device; one of the vendor's own, or the process ends.
    pub endpoint: EndpointId,
    /// The device as its ecosystem addresses it.
    pub address: String,
    pub act: Act,
    /// What was left of its deadline when the core handed it over, in milliseconds; what is beyond
    /// [`MAX_VALID`] does not count.
    pub valid_for_ms: u64,
    /// When that was, in milliseconds of the machine's own clock since its start
    /// ([`super::since_boot_ms`]), which both processes read: a process that stood still does not
    /// take an old command for a new one.
    pub written_at_ms: u64,
}

impl CommandOrder {
    /// A command of which `left` is left of the deadline now. To be handed over at once.
    pub fn now(id: Uuid, endpoint: EndpointId, address: String, act: Act, left: Duration) -> Self {
        let valid_for_ms = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        let written_at_ms = super::since_boot_ms();
        Self { id, endpoint, address, act, valid_for_ms, written_at_ms }
    }

    /// What is left of the deadline now, in whole milliseconds.
    pub fn left(&self) -> Duration {
        let passed = super::since_boot_ms().saturating_sub(self.written_at_ms);
        let valid = Duration::from_millis(self.valid_for_ms).min(MAX_VALID);
        valid.saturating_sub(Duration::from_millis(passed))
    }
}

/// One device to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadRequest {
    pub endpoint: EndpointId,
    pub address: String,
}

#[cfg(test)]
mod tests;
