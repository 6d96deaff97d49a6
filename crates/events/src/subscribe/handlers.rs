//! Handlers: what one type's events are read as, and what is called with them.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Waker, Poll};

use super::context::{Context, Failure};
use crate::envelope::Envelope;
use crate::origin::GatewayOrigin;
use crate::read::{Received, read};
use crate::types::{EventData, EventType};
use crate::validate::Rejected;

type HandlerFuture = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send>>;
pub(super) type Call = Box<dyn FnOnce(Context) -> HandlerFuture + Send>;
type Reader = Box<dyn Fn(&[u8]) -> Result<Ready, Rejected> + Send + Sync>;

/// The handler of one type.
pub(super) struct Handler {
    read: Reader,
    /// MAJOR.MINOR of the schema that this build reads.
    pub(super) schema_version: &'static str,
    /// Whether a replay may hand it again what it has handled.
    pub(super) repeatable: bool,
}

/// A valid event with everything that its handler needs but the context.
pub(super) struct Ready {
    pub(super) envelope: Envelope,
    pub(super) origin: Option<GatewayOrigin>,
    pub(super) call: Call,
}

impl Handler {
    pub(super) fn new<D, H, F>(handler: H, repeatable: bool) -> Self
    where
        D: EventData + Send + 'static,
        H: Fn(Received<D>, Context) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        let read = Box::new(move |bytes: &[u8]| {
            let event = read::<D>(bytes)?;
            let (envelope, origin) = (event.envelope.clone(), event.origin);
            let handler = Arc::clone(&handler);
            // Inside the future, so that what it panics with is caught there.
            let call: Call =
                Box::new(move |context| Box::pin(async move { handler(event, context).await }));
            Ok(Ready { envelope, origin, call })
        });
        Self { read, schema_version: D::SCHEMA_VERSION, repeatable }
    }

    /// Validates the event in the reader's form.
    pub(super) fn read(&self, detail: &str) -> Result<Ready, Rejected> {
        (self.read)(detail.as_bytes())
    }
}

/// The handler panicked.
#[derive(Debug)]
pub(super) struct Panicked;

/// A running handler; a panic ends it and nothing else.
pub(super) struct Running(HandlerFuture);

impl Running {
    pub(super) fn new(call: Call, context: Context) -> Self {
        Self(call(context))
    }
}

impl Future for Running {
    type Output = Result<Result<(), Failure>, Panicked>;

    fn poll(mut self: Pin<&mut Self>, waker: &mut Waker<'_>) -> Poll<Self::Output> {
        // The future is never polled again after a panic.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(waker))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}

/// At most one handler a type.
#[derive(Default)]
pub(super) struct Handlers {
    table: Vec<Option<Handler>>,
    twice: Option<EventType>,
}

impl Handlers {
    pub(super) fn add(&mut self, event_type: EventType, handler: Handler) {
        self.table.resize_with(EventType::COUNT, || None);
        if let Some(place) = self.table.get_mut(event_type.index())
            && place.replace(handler).is_some()
        {
            self.twice = self.twice.or(Some(event_type));
        }
    }

    /// A type that was added twice.
    pub(super) fn twice(&self) -> Option<EventType> {
        self.twice
    }

    pub(super) fn get(&self, event_type: EventType) -> Option<&Handler> {
        self.table.get(event_type.index())?.as_ref()
    }

    /// The types with a handler.
    pub(super) fn types(&self) -> impl Iterator<Item = EventType> + '_ {
        EventType::ALL.into_iter().filter(|event_type| self.get(*event_type).is_some())
    }
}
