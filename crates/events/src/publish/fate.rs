//! What becomes of an event: accepted by the bus, or returned with the reason.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::bus::Outgoing;
use crate::types::EventType;
use crate::validate::Invalid;

/// An event that the bus has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The event's id.
    pub event_id: Uuid,
    /// The event's type.
    pub event_type: EventType,
    /// The bus's own id for it; `None` where the bus gives none.
    pub bus_id: Option<String>,
    /// How often it was handed to the bus, this time included. More than 1: it may be there twice,
    /// with the same id.
    pub attempts: u32,
    /// From its place in the queue to the bus's answer.
    pub latency: Duration,
}

/// An event that is returned, with what it takes to hand it in again.
///
/// Neither its message nor its `Debug` form shows the event's text, which may hold personal data.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event_type} {event_id}: {why}")]
pub struct Refusal {
    /// The event's id.
    pub event_id: Uuid,
    /// The event's type.
    pub event_type: EventType,
    /// Why it is returned.
    pub why: Why,
    /// `None` where the event is invalid, so that it was never sealed.
    pub(super) event: Option<Arc<Outgoing>>,
}

/// Why an event is returned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The schema, or the list of registered publishers, refuses it. Nothing has left.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// The queue has no room; only [`try_send`](super::Publisher::try_send) says so.
    #[error("the queue is full: send waits for room")]
    Full,
    /// The bus will never take it.
    #[error("the bus refuses it: {code}: {message}")]
    Refused {
        /// The bus's error code.
        code: String,
        /// What the bus says about it, bounded.
        message: String,
    },
    /// The bus did not take it for [`Settings::give_up_after`](super::Settings::give_up_after).
    /// With attempts it may have arrived all the same.
    #[error("given up after {after:?} and {attempts} attempts: {code}: {message}")]
    GaveUp {
        /// The error code of the last attempt; of the publisher's last trouble where there was no
        /// attempt.
        code: String,
        /// What the bus said about it, bounded.
        message: String,
        /// How often it was handed to the bus.
        attempts: u32,
        /// How long it was in the queue.
        after: Duration,
    },
    /// The publisher is closed, or ended with this event in its queue. With attempts it may have
    /// arrived all the same.
    #[error("the publisher is closed; it was handed to the bus {attempts} times")]
    Closed {
        /// How often it was handed to the bus.
        attempts: u32,
    },
}

impl Refusal {
    /// The event's exact text; `None` where it is invalid. Keep it, or hand the refusal to
    /// [`resend`](super::Publisher::resend).
    pub fn text(&self) -> Option<&Arc<str>> {
        self.event.as_ref().map(|event| &event.detail)
    }

    /// The whole entry as it would have gone to the bus; `None` where the event is invalid.
    pub fn outgoing(&self) -> Option<&Outgoing> {
        self.event.as_deref()
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("event_id", &self.event_id)
            .field("event_type", &self.event_type)
            .field("why", &self.why)
            .finish_non_exhaustive()
    }
}

/// The one fate of an event.
pub type Fate = Result<Accepted, Refusal>;

/// The future fate of an event in the queue.
///
/// It always resolves: at the latest when the publisher ends. Dropped, it cancels nothing: the
/// event goes its way, and a refusal is told to [`Hooks::refused`](super::Hooks::refused) only.
#[derive(Debug)]
#[must_use = "it resolves to the event's fate; dropped, a refusal is told to the hooks only"]
pub struct Pending {
    event_id: Uuid,
    event_type: EventType,
    fate: oneshot::Receiver<Fate>,
}

impl Pending {
    pub(super) fn new(
        event_id: Uuid,
        event_type: EventType,
        fate: oneshot::Receiver<Fate>,
    ) -> Self {
        Self { event_id, event_type, fate }
    }

    /// The event's id.
    pub fn event_id(&self) -> Uuid {
        self.event_id
    }

    /// The event's type.
    pub fn event_type(&self) -> EventType {
        self.event_type
    }
}

impl Future for Pending {
    type Output = Fate;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Fate> {
        let fate = Pin::new(&mut self.fate).poll(context);
        // Whatever drops an entry answers for it first; without that, nothing is known of it.
        fate.map(|fate| {
            fate.unwrap_or_else(|_| {
                Err(Refusal {
                    event_id: self.event_id,
                    event_type: self.event_type,
                    why: Why::Closed { attempts: 0 },
                    event: None,
                })
            })
        })
    }
}
