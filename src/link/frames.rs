//! What core and vendor process say to each other.

use doorward_translators::{Observation, RefusalReason};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    /// Present where the message, or a part of it, could not be translated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
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
    Signal(Signal),
    /// The connection to the broker, or the serial line, came or went.
    Connection {
        up: bool,
        epoch: u32,
        detail: String,
    },
    /// Progress of the process's loop, at least every 2 s; `turns` grows with each turn.
    Heartbeat {
        turns: u64,
        unacknowledged: u32,
    },
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
}

/// One device to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadRequest {
    pub endpoint: EndpointId,
    pub address: String,
}
