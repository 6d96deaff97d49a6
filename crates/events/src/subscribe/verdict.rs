//! What becomes of a delivery, and why one is put aside.

use std::fmt;
use std::time::Duration;

use uuid::Uuid;

use crate::LIBRARY_VERSION;
use crate::text::bounded_text;
use crate::validate::Rejected;

/// The longest attribute of a dead letter, in characters.
pub const MAX_ATTRIBUTE: usize = 256;

/// What becomes of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is settled: handled, a duplicate, or to be ignored.
    Acknowledge,
    /// It must come again, not before this has passed. Never acknowledge it.
    Again {
        /// Zero: at once.
        after: Duration,
    },
    /// It can never succeed here: put it aside, and only then acknowledge it.
    DeadLetter(Reason),
}

/// Why an event is not handed to a handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Why {
    /// The message is not JSON.
    NotJson,
    /// JSON, but nothing that `EventBridge` delivers.
    NotADelivery,
    /// A delivery whose `detail` is no event: its head cannot be read.
    NotAnEvent,
    /// Longer than a delivery or an event may be.
    TooLarge,
    /// Nested deeper than an event may be.
    TooDeep,
    /// The event's `type` is not the delivery's `detail-type`.
    WrongType,
    /// The event's publisher is not the delivery's `source`.
    WrongSource,
    /// The delivery's account is none of its publisher's.
    WrongAccount,
    /// Its tenant is none of this subscriber's.
    WrongTenant,
    /// Its publisher is not registered for this type.
    Unregistered,
    /// A type that this build does not know.
    UnknownType,
    /// A known type without a handler.
    UnhandledType,
    /// A newer minor version than this build's.
    NewerMinor,
    /// Another major version than this build's.
    OtherMajor,
    /// Its type's schema refuses it.
    RefusedBySchema,
    /// The handler said [`Failure::Never`](super::Failure::Never).
    RefusedByHandler,
    /// Marked as a test.
    Test,
    /// Older than one already seen for its entry.
    OlderThanSeen,
}

impl Why {
    /// Every reason.
    pub const ALL: [Self; 18] = [
        Self::NotJson,
        Self::NotADelivery,
        Self::NotAnEvent,
        Self::TooLarge,
        Self::TooDeep,
        Self::WrongType,
        Self::WrongSource,
        Self::WrongAccount,
        Self::WrongTenant,
        Self::Unregistered,
        Self::UnknownType,
        Self::UnhandledType,
        Self::NewerMinor,
        Self::OtherMajor,
        Self::RefusedBySchema,
        Self::RefusedByHandler,
        Self::Test,
        Self::OlderThanSeen,
    ];

    /// The reason as it stands in dead letters and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::NotADelivery => "not_a_delivery",
            Self::NotAnEvent => "not_an_event",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::WrongType => "wrong_type",
            Self::WrongSource => "wrong_source",
            Self::WrongAccount => "wrong_account",
            Self::WrongTenant => "wrong_tenant",
            Self::Unregistered => "unregistered",
            Self::UnknownType => "unknown_type",
            Self::UnhandledType => "unhandled_type",
            Self::NewerMinor => "newer_minor",
            Self::OtherMajor => "other_major",
            Self::RefusedBySchema => "refused_by_schema",
            Self::RefusedByHandler => "refused_by_handler",
            Self::Test => "test",
            Self::OlderThanSeen => "older_than_seen",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a delivery is put aside, with what is known of it. It never holds the value of a field of
/// `data`, and no text of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Why.
    pub why: Why,
    /// JSON pointer to the first field that is wrong; empty: the event as a whole.
    pub pointer: Option<String>,
    /// The event's type, if it has the form of one.
    pub event_type: Option<String>,
    /// The version that its writer had, if it has the form of one.
    pub schema_version: Option<String>,
    /// The event's id, if it is a UUID.
    pub event_id: Option<Uuid>,
}

impl Reason {
    pub(super) fn bare(why: Why) -> Self {
        Self { why, pointer: None, event_type: None, schema_version: None, event_id: None }
    }

    /// What a dead letter tells beside its body: `reason`, `library_version`, `consumer`, and as
    /// far as they are known `pointer`, `type`, `schema_version` and `event_id`. At most seven,
    /// each at most [`MAX_ATTRIBUTE`] printable ASCII characters and never empty.
    pub fn attributes(&self, consumer: &str) -> Vec<(&'static str, String)> {
        let known = [
            ("reason", Some(self.why.as_str().to_owned())),
            // An attribute is never empty; `/` alone would be the member with the empty name.
            ("pointer", self.pointer.clone().filter(|pointer| !pointer.is_empty())),
            ("type", self.event_type.clone()),
            ("schema_version", self.schema_version.clone()),
            ("library_version", Some(LIBRARY_VERSION.to_owned())),
            ("consumer", Some(consumer.to_owned())),
            ("event_id", self.event_id.map(|id| id.to_string())),
        ];
        let printable = |text: String| {
            let printable = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
            bounded_text(&text, MAX_ATTRIBUTE).chars().map(printable).collect()
        };
        known.into_iter().filter_map(|(name, text)| Some((name, printable(text?)))).collect()
    }
}

/// What a rejection by [`crate::read`] means, and where.
pub(super) fn of_rejected(rejected: &Rejected) -> (Why, Option<String>) {
    match rejected {
        Rejected::TooLarge { .. } => (Why::TooLarge, None),
        Rejected::TooDeep => (Why::TooDeep, None),
        Rejected::Malformed { .. } => (Why::NotJson, None),
        Rejected::NoType => (Why::NotAnEvent, Some("/type".to_owned())),
        Rejected::UnknownType => (Why::UnknownType, Some("/type".to_owned())),
        Rejected::OtherType { .. } => (Why::WrongType, Some("/type".to_owned())),
        Rejected::Invalid(invalid) => {
            (Why::RefusedBySchema, invalid.errors.first().map(|error| error.pointer.clone()))
        }
    }
}
