//! The list of event types that this build knows, with what their schemas say about them.

use std::fmt;
use std::str::FromStr;

/// Who may receive a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Every subscriber of the tenant.
    Public,
    /// Those who run gateways.
    Operational,
    /// Named subscribers only.
    Restricted,
}

/// Who sends a type to whom. A type goes one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From a gateway: it carries the gateway's origin.
    FromGateway,
    /// From a service to a gateway: it carries authority, and a signed statement.
    ToGateway,
    /// From a service to others.
    BetweenServices,
    /// From every publisher.
    Platform,
}

/// The name is none that this build knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type")]
pub struct UnknownEventType;

macro_rules! event_types {
    ($(#[doc = $summary:literal] $variant:ident {
        name: $name:literal, version: $version:literal, audience: $audience:ident,
        personal: $personal:literal, direction: $direction:ident,
        writer: $writer:expr, reader: $reader:expr
    })+) => {
        /// An event type.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum EventType { $(#[doc = $summary] $variant),+ }

        impl EventType {
            /// Every type, in the order of [`EventType::index`].
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// The type's name as it stands in events and, on the bus, as `DetailType`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// MAJOR.MINOR of the schema that this build writes.
            pub const fn schema_version(self) -> &'static str {
                match self { $(Self::$variant => $version),+ }
            }

            /// Who may receive it.
            pub const fn audience(self) -> Audience {
                match self { $(Self::$variant => Audience::$audience),+ }
            }

            /// Whether its events are personal data.
            pub const fn is_personal(self) -> bool {
                match self { $(Self::$variant => $personal),+ }
            }

            /// Who sends it to whom.
            pub const fn direction(self) -> Direction {
                match self { $(Self::$variant => Direction::$direction),+ }
            }

            /// What it says, in one sentence.
            pub const fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary),+ }
            }

            /// The self-contained Draft-04 schema of a whole event that a writer is bound to.
            pub const fn writer_schema(self) -> &'static str {
                match self { $(Self::$variant => $writer),+ }
            }

            /// The self-contained Draft-04 schema of a whole event that a reader accepts.
            pub const fn reader_schema(self) -> &'static str {
                match self { $(Self::$variant => $reader),+ }
            }
        }

        impl FromStr for EventType {
            type Err = UnknownEventType;

            fn from_str(name: &str) -> Result<Self, UnknownEventType> {
                match name { $($name => Ok(Self::$variant),)+ _ => Err(UnknownEventType) }
            }
        }
    };
}

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

impl EventType {
    /// How many types there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Whether only gateways publish it, so that a whole event has an origin.
    pub const fn needs_origin(self) -> bool {
        matches!(self.direction(), Direction::FromGateway)
    }

    /// A dense number from 0 to [`EventType::COUNT`]` - 1`. It may change with every build: for
    /// tables in memory, never to be stored.
    pub const fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
