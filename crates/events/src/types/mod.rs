//! The event types and their data, generated from the schema repository at build time.

mod catalogue;
pub mod vocabulary;

pub use catalogue::{Audience, EventType, UnknownEventType};
pub use structs::*;
pub use vocabulary::*;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The `data` of one event type.
pub trait EventData: Serialize + DeserializeOwned {
    /// The type that this is the data of.
    const TYPE: EventType;
    /// MAJOR.MINOR of the schema that this build writes.
    const SCHEMA_VERSION: &'static str;
}

/// One struct per type and per shared part, named after its schema.
#[allow(
    warnings,
    clippy::all,
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "generated code"
)]
mod structs {
    include!(concat!(env!("OUT_DIR"), "/structs.rs"));
}
