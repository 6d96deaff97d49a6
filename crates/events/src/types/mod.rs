//! The event types and their data, generated from the schema repository at build time.

mod catalogue;
pub mod vocabulary;

pub use catalogue::{Audience, Direction, EventType, UnknownEventType};
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

/// The data of a type that carries authority: one signed statement, and copies of some of its
/// members for routing. Readers refuse what they do not know in it.
pub trait Authority: EventData {
    /// What is signed.
    type Statement: Statement;
}

/// What an issuer signs.
pub trait Statement: Serialize + DeserializeOwned {
    /// The name of its definition in `schemas/core/statements.json`.
    const NAME: &'static str;
    /// Its self-contained Draft-04 schema, closed for readers too.
    const SCHEMA: &'static str;
}

/// Code that is the same for every event type; see [`EventType::visit`].
pub trait Visitor {
    /// What a visit gives.
    type Output;

    /// Called with the type of the data.
    fn visit<D: EventData>(self) -> Self::Output;
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
