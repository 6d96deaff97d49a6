//! Translators turn what a device ecosystem puts on the wire into [`Observation`]s.
//!
//! A translator is pure: no I/O and no clock. Whatever needs a durable memory (edges of latched
//! fields, the AND over availability topics, which address belongs to which endpoint) is the
//! gateway's.

pub mod ecosystem;
pub mod modbus;
mod observation;
mod payload;
pub mod profile;
mod text;
mod translator;
mod vocabulary;
pub mod zigbee2mqtt;

pub use ecosystem::{EndpointSetup, Fault, Opened, Place, Setup, Transport, Wire};
pub use observation::{
    CredentialChange, Device, MAX_DEVICES, MAX_LABEL, MAX_OBSERVATIONS, Message, Observation,
    Operation, Outcome, Quality, Refusal, RefusalReason, What,
};
pub use text::MAX_DETAIL;
pub use translator::{
    Acted, CannotAct, LineDriver, LineFault, MAX_LINE_RAW, Publication, Report, Step, Subscription,
    Topics, Translator,
};
pub use vocabulary::{
    Act, AlarmKind, Capability, CredentialKind, LockState, OperationKind, OperationSource, Position,
};
