//! Translators turn what a device ecosystem puts on the wire into [`Observation`]s.
//!
//! A translator is a pure function: no I/O, no clock, no memory between messages. Whatever
//! needs memory (edges of latched fields, the AND over availability topics, which address
//! belongs to which endpoint) is the gateway's, where it is durable.

mod observation;
mod vocabulary;
pub mod zigbee2mqtt;

pub use observation::{
    CredentialChange, Device, Message, Observation, Operation, Outcome, Quality, Refusal,
    RefusalReason, Subscription, Translator, What,
};
pub use vocabulary::{
    AlarmKind, Capability, CredentialKind, LockState, OperationKind, OperationSource, Position,
};
