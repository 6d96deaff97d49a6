//! What a translator is given and what it answers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::vocabulary::{
    AlarmKind, Capability, CredentialKind, LockState, OperationKind, OperationSource, Position,
};

/// Most devices of one inventory.
pub const MAX_DEVICES: usize = 4096;

/// The longest name of a manufacturer or model, in bytes.
pub const MAX_LABEL: usize = 128;

/// Most observations of one message.
pub const MAX_OBSERVATIONS: usize = 32;

/// One message from the devices' side, as it stood on the wire.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The whole MQTT topic.
    pub topic: &'a str,
    /// The bytes, unchecked.
    pub payload: &'a [u8],
    /// The broker delivered it from its store at subscription; its age is unknown.
    pub retained: bool,
}

/// How far a state in a message may be trusted as of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// The device said this in this very message.
    Reported,
    /// The ecosystem repeats its last known value with every message, or the broker kept it:
    /// a change is a fact, a repetition proves nothing about now.
    Cached,
    /// The device's side infers it, from its own command or from the time passed: no sensor said so.
    Assumed,
}

/// One statement about one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The device as its ecosystem addresses it on the wire (zigbee2mqtt: the friendly name).
    /// The gateway resolves it to an endpoint id. Empty: the whole vendor.
    pub address: String,
    /// When the device's side says that it happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_time: Option<Timestamp>,
    pub what: What,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    Lock {
        state: LockState,
        quality: Quality,
    },
    Position {
        position: Position,
        quality: Quality,
    },
    /// Somebody or something operated the device: one per act.
    Operation {
        operation: Operation,
    },
    /// The device repeats its last operation in every message: an act only when it differs
    /// from the last one seen.
    LatchedOperation {
        operation: Operation,
    },
    Credential {
        change: CredentialChange,
    },
    /// `percent`: 0–100. `low`: the device's own low-battery flag.
    Battery {
        percent: Option<f64>,
        low: Option<bool>,
    },
    /// `active: None`: the device says that it does not know.
    Alarm {
        alarm: AlarmKind,
        active: Option<bool>,
        quality: Quality,
    },
    /// Whether an opener refuses its remote controls. It says nothing of the door, and is no lock.
    /// `None`: the device says that it does not know.
    RemoteLockout {
        active: Option<bool>,
    },
    /// One of the topics whose AND says whether the device can be reached. `part` names the topic.
    Availability {
        part: String,
        online: bool,
    },
    /// Devices that the ecosystem's own inventory lists. `complete`: devices not in it are gone.
    Inventory {
        devices: Vec<Device>,
        complete: bool,
    },
    /// The ecosystem's bridge reports that something sent to the device failed. `detail` is
    /// already free of values that could hold a code.
    CommandFailed {
        detail: String,
    },
    /// A value that no table maps; the state it belongs to is reported as unknown beside this.
    Anomaly {
        field: String,
        detail: String,
    },
}

impl What {
    /// Whether it is a report that the newer of two stands for, where both tell of the same. Of an
    /// alarm both that it began and that it ended count, since one that was short is one all the
    /// same.
    pub fn is_same_kind(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Lock { .. }, Self::Lock { .. })
            | (Self::Position { .. }, Self::Position { .. })
            | (Self::Battery { .. }, Self::Battery { .. })
            | (Self::RemoteLockout { .. }, Self::RemoteLockout { .. })
            | (Self::Inventory { .. }, Self::Inventory { .. }) => true,
            (Self::LatchedOperation { operation: a }, Self::LatchedOperation { operation: b }) => {
                a.kind == b.kind
            }
            (Self::Alarm { alarm: a, active: x, .. }, Self::Alarm { alarm: b, active: y, .. }) => {
                (a, x) == (b, y)
            }
            (Self::Availability { part: a, .. }, Self::Availability { part: b, .. }) => a == b,
            _ => false,
        }
    }
}

/// Who or what operated a lock, as far as the device says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    pub kind: OperationKind,
    pub outcome: Outcome,
    pub source: OperationSource,
    /// The device's own user slot (ZCL user id); never a name or a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_slot: Option<u32>,
}

/// Whether the device carried an operation out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    InvalidCredential,
    NotPermittedAtThisTime,
    /// The device does not say, or says it in a word that no table maps.
    Unknown,
}

/// A credential programmed or removed at the device itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialChange {
    pub credential: CredentialKind,
    /// True: set or changed. False: removed.
    pub present: bool,
    pub source: OperationSource,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_slot: Option<u32>,
}

/// A device in an ecosystem's inventory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The device's own identity (IEEE address): survives renaming.
    pub identity: String,
    /// As in [`Observation::address`].
    pub address: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manufacturer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    pub capabilities: Vec<Capability>,
}

/// Why a message became no observation. The gateway quarantines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason:?}: {detail}")]
pub struct Refusal {
    pub reason: RefusalReason,
    /// Where and what, never the offending value of a sensitive field.
    pub detail: String,
    /// The payload may hold a code: only its length and a keyed digest may be kept.
    pub sensitive: bool,
}

/// The classes of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// Longer than the translator's bound.
    TooLarge,
    InvalidUtf8,
    MalformedJson,
    /// JSON, but not of the type or shape that the ecosystem documents.
    UnexpectedShape,
    /// A topic that this translator has no meaning for.
    UnknownTopic,
    /// A retained message on a command topic: it runs again whenever the broker restarts.
    RetainedCommand,
    /// Bytes on a serial line that are no frame of its protocol: garbage, or a wrong checksum.
    MalformedFrame,
    /// The device answered that it cannot do what was asked.
    DeviceException,
}
