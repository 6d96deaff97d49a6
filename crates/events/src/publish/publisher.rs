//! The handle with which a service publishes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::fate::{Fate, Pending, Refusal, Why};
use super::hooks::Hooks;
use super::queue::{Queue, Ready};
use super::settings::Settings;
use super::start::{self, StartError};
use super::stats::{Closing, Flushed, Stats};
use super::task::Task;
use crate::bus::Bus;
use crate::envelope::{Envelope, PublisherId};
use crate::types::EventData;
use crate::validate::{FieldError, Invalid};

/// Publishes events; see [the module](super) for what it promises.
///
/// A clone is another handle of the same publisher. When the last handle is dropped without
/// [`Publisher::close`], the queue is emptied for [`Settings::grace`] and what is left then is
/// returned.
#[derive(Clone)]
pub struct Publisher {
    id: PublisherId,
    queue: Arc<Queue>,
    /// The first handshake.
    first: Ready,
    _alive: Arc<Alive>,
}

/// Dropped with the last handle.
struct Alive {
    queue: Arc<Queue>,
    grace: Duration,
}

impl Drop for Alive {
    fn drop(&mut self) {
        drop(self.queue.close(self.grace, false));
    }
}

impl Publisher {
    /// Starts a publisher: one task of this runtime.
    ///
    /// `tenant` and `version`, the service's own, are for its handshakes. `hooks` may be
    /// `Arc::new(())`. The first handshake is in the queue when this returns: [`Publisher::ready`]
    /// says what became of it.
    pub fn start(
        bus: Arc<dyn Bus>,
        id: PublisherId,
        tenant: impl Into<Arc<str>>,
        version: &str,
        settings: Settings,
        hooks: Arc<dyn Hooks>,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(|_| StartError::NoRuntime)?;
        let queue = || {
            let source = id.source().into();
            Arc::new(Queue::new(source, hooks, settings.queue_entries, settings.queue_bytes))
        };
        let (handshakes, draft) = start::check(&id, &tenant.into(), version, &settings, queue)?;
        let queue = Arc::clone(&handshakes.queue);
        let first = queue.ready(&draft, true);
        let alive = Alive { queue: Arc::clone(&queue), grace: settings.grace };
        // An empty queue has room for any event, by the settings' check.
        if let Ok(pending) = queue.try_send(first.clone()) {
            let task = Task::new(bus, Arc::clone(&queue), settings);
            runtime.spawn(task.run(handshakes, pending));
        }
        Ok(Self { id, queue, first, _alive: Arc::new(alive) })
    }

    /// Who publishes.
    pub fn id(&self) -> &PublisherId {
        &self.id
    }

    /// An envelope of something that happens now in this tenant, with a new id. A trace context is
    /// set by the caller or comes with [`Envelope::caused_by`]; none is made up.
    pub fn envelope(&self, tenant: impl Into<Arc<str>>) -> Envelope {
        Envelope::now(self.id.clone(), tenant)
    }

    /// Publishes an event and waits for its fate: the bus has it, or why not.
    ///
    /// Waits for room as [`Publisher::send`] does. Dropped after that, it cancels nothing.
    pub async fn publish<D: EventData>(&self, envelope: Envelope, data: &D) -> Fate {
        self.send(envelope, data).await?.await
    }

    /// Puts an event into the queue, waiting for room, first come, first served. What waits for
    /// room is the caller's and does not count against the bounds.
    ///
    /// Refused: [`Why::Invalid`], before anything leaves, and [`Why::Closed`]. Dropped before it
    /// is ready, it has sent nothing.
    pub async fn send<D: EventData>(
        &self,
        envelope: Envelope,
        data: &D,
    ) -> Result<Pending, Refusal> {
        let ready = self.seal(envelope, data)?;
        self.at_the_door(self.queue.send(ready).await)
    }

    /// As [`Publisher::send`], but refuses with [`Why::Full`] where that would wait.
    pub fn try_send<D: EventData>(&self, envelope: Envelope, data: &D) -> Result<Pending, Refusal> {
        let ready = self.seal(envelope, data)?;
        self.at_the_door(self.queue.try_send(ready))
    }

    /// Hands a returned event in again, with the same id and the same bytes, waiting for room.
    ///
    /// A refusal that never was an event is refused again, as [`Why::Invalid`]; so is one of
    /// another publisher.
    pub async fn resend(&self, refusal: Refusal) -> Result<Pending, Refusal> {
        let Refusal { event_id, event_type, why, event } = refusal;
        let Some(event) = event else {
            return Err(Refusal { event_id, event_type, why, event: None });
        };
        let ready = Ready { event, event_type, is_handshake: false };
        if ready.event.source != self.first.event.source {
            let invalid = Invalid { event_type, errors: vec![foreign()] };
            return self.at_the_door(Err(ready.refusal(Why::Invalid(invalid))));
        }
        self.at_the_door(self.queue.send(ready).await)
    }

    /// Until the bus has taken the first handshake, or refused it: whether this publisher may
    /// publish at all. It stays what it was first.
    ///
    /// Nothing waits for this: other events go their way before it and after a refusal.
    pub async fn ready(&self) -> Result<(), Refusal> {
        match self.queue.first_handshake().await {
            Some(fate) => fate.map(drop),
            None => Err(self.first.clone().closed()),
        }
    }

    /// Sends what is in the queue without lingering, and waits until all of that has its fate, but
    /// no longer than `deadline`.
    pub async fn flush(&self, deadline: Duration) -> Flushed {
        let mut so_far = self.queue.flush();
        // Too late, or the task has ended: either way the figures say it.
        let _ = tokio::time::timeout(deadline, so_far.wait_for(|so_far| so_far.left == 0)).await;
        *so_far.borrow()
    }

    /// Takes nothing more, from any handle; empties the queue, but no longer than `deadline`; then
    /// ends. What is left is returned here and to whoever waits for it.
    ///
    /// It goes on when this future is dropped. Of several deadlines the earliest counts.
    pub async fn close(&self, deadline: Duration) -> Closing {
        let so_far = self.queue.close(deadline, true);
        self.queue.ended().await;
        let (left, so_far) = (self.queue.left(), *so_far.borrow());
        let returned = so_far.refused.saturating_sub(left.len() as u64);
        Closing { accepted: so_far.accepted, refused: returned, left }
    }

    /// The figures as they are now.
    pub fn stats(&self) -> Stats {
        self.queue.stats()
    }

    fn seal<D: EventData>(&self, envelope: Envelope, data: &D) -> Result<Ready, Refusal> {
        let (event_id, event_type) = (envelope.id, D::TYPE);
        let draft = if envelope.publisher == self.id {
            envelope.seal(data)
        } else {
            Err(Invalid { event_type, errors: vec![foreign()] })
        };
        let sealed = draft.map(|draft| self.queue.ready(&draft, false)).map_err(|invalid| {
            Refusal { event_id, event_type, why: Why::Invalid(invalid), event: None }
        });
        self.at_the_door(sealed)
    }

    /// Counts a refusal of an event that never came into the queue.
    fn at_the_door<T>(&self, entered: Result<T, Refusal>) -> Result<T, Refusal> {
        if let Err(refusal) = &entered {
            self.queue.record(|stats| stats.turned_away += 1);
            self.queue.hooks().refused(refusal);
        }
        entered
    }
}

/// `Source` on the bus and the event would name two publishers.
fn foreign() -> FieldError {
    FieldError {
        pointer: "/publisher".to_owned(),
        message: "is not the publisher that sends it".to_owned(),
        schema_path: String::new(),
    }
}

impl fmt::Debug for Publisher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Publisher").field("id", &self.id).finish_non_exhaustive()
    }
}
