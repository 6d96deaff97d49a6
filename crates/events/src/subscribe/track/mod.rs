//! What is missing, what is out of order, and which journals two machines write.

mod forks;
mod gaps;
mod order;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use uuid::Uuid;

pub use forks::FORK_MEMORY;
pub use gaps::MOST_RANGES;

use self::gaps::{Seen, Told};
use self::order::Newest;
use super::context::Order;
use super::delivery::Head;
use super::hooks::{Fork, Gap, GapEnd, Hooks};
use super::store::{Store, StoreError};
use crate::envelope::Envelope;
use crate::origin::GatewayOrigin;
use crate::types::{EventType, GatewayHeartbeat};

/// How often a document is written anew when other processes write it at the same time.
const TRIES: u32 = 32;
/// Documents that this process may change at once; further ones wait for their turn.
const TURNS: usize = 64;

/// How far beyond what is known an event may stand of which only the head was read; one further
/// off moves nothing, and neither does one of a journal that is not yet known.
pub(super) const MOST_AHEAD: u64 = 1_000_000;

/// What was read of an event that moves a tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// All of it, by its schema.
    Event,
    /// Its head: its version is not this build's. See [`MOST_AHEAD`].
    Head,
}

/// What is tracked beside idempotency. Each costs calls of the store for every event of a
/// gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracking {
    /// Missing events: one load, and one swap for each event that comes for the first time. It
    /// needs `gateway.heartbeat` in the queue to tell the lost from the late.
    pub gaps: bool,
    /// The order of an entry's events: one load, and one swap for each newest.
    pub order: bool,
    /// Forked journals: one write.
    pub forks: bool,
}

impl Tracking {
    /// Everything.
    pub const ALL: Self = Self { gaps: true, order: true, forks: true };
    /// Nothing: [`Order::Unknown`] for every event.
    pub const NONE: Self = Self { gaps: false, order: false, forks: false };
}

/// One consumer's trackers.
pub(super) struct Trackers {
    consumer: Arc<str>,
    store: Arc<dyn Store>,
    hooks: Arc<dyn Hooks>,
    tracking: Tracking,
    /// Within this process, changes of one document wait for each other instead of colliding.
    turns: Vec<Mutex<()>>,
}

impl Trackers {
    pub(super) fn new(
        consumer: Arc<str>,
        store: Arc<dyn Store>,
        hooks: Arc<dyn Hooks>,
        tracking: Tracking,
    ) -> Self {
        let turns = (0..TURNS).map(|_| Mutex::new(())).collect();
        Self { consumer, store, hooks, tracking, turns }
    }

    pub(super) fn gaps(&self) -> bool {
        self.tracking.gaps
    }

    /// An event of a gateway has been delivered, whatever a handler makes of it.
    pub(super) async fn delivered(
        &self,
        head: &Head,
        event_type: EventType,
        trust: Trust,
    ) -> Result<(), StoreError> {
        let Some(origin) = head.origin.filter(|_| self.tracking.gaps) else { return Ok(()) };
        let (sequence, key) = (origin.type_sequence, self.gap_key(head, event_type, &origin));
        let told = self
            .change(&key, |seen: &mut Option<Seen>| {
                let near = |seen: &Seen| seen.reaches(sequence, MOST_AHEAD);
                if trust == Trust::Head && !seen.as_ref().is_some_and(near) {
                    return Vec::new();
                }
                let told = seen.as_mut().map(|seen| seen.event(sequence));
                seen.get_or_insert_with(|| Seen::from_event(sequence));
                told.unwrap_or_default()
            })
            .await?;
        self.tell(head, event_type, &origin, told);
        Ok(())
    }

    /// A gateway says how far it has delivered each of these types.
    pub(super) async fn heartbeat(
        &self,
        head: &Head,
        heartbeat: &GatewayHeartbeat,
        types: impl Iterator<Item = EventType>,
    ) -> Result<(), StoreError> {
        let Some(origin) = head.origin.filter(|_| self.tracking.gaps) else { return Ok(()) };
        for event_type in types {
            // The schema refuses what is negative; a type that it does not name says nothing.
            let through = heartbeat.delivered_through.iter().find_map(|(name, through)| {
                (name.as_str() == event_type.as_str()).then(|| u64::try_from(*through).ok())
            });
            let Some(through) = through.flatten() else { continue };
            let key = self.gap_key(head, event_type, &origin);
            let told = self
                .change(&key, |seen: &mut Option<Seen>| {
                    let told = seen.as_mut().map(|seen| seen.heartbeat(through));
                    seen.get_or_insert_with(|| Seen::from_heartbeat(through));
                    told.unwrap_or_default()
                })
                .await?;
            self.tell(head, event_type, &origin, told);
        }
        Ok(())
    }

    fn tell(&self, head: &Head, event_type: EventType, origin: &GatewayOrigin, told: Vec<Told>) {
        for told in told {
            let (Told::Late(first, last)
            | Told::Lost(first, last)
            | Told::Arrived(first, last)
            | Told::Forgotten(first, last)) = told;
            let gap = Gap {
                instance: head.instance.clone(),
                journal_id: origin.journal_id,
                event_type,
                first,
                last,
                lost: matches!(told, Told::Lost(..)),
            };
            match told {
                Told::Late(..) | Told::Lost(..) => {
                    let Gap { journal_id, first, last, lost, .. } = gap;
                    let instance = &gap.instance;
                    tracing::warn!(
                        ?instance, %journal_id, %event_type, first, last, lost,
                        "events are missing"
                    );
                    self.hooks.gap(&gap);
                }
                Told::Arrived(..) => self.hooks.gap_closed(&gap, GapEnd::Arrived),
                Told::Forgotten(..) => self.hooks.gap_closed(&gap, GapEnd::Forgotten),
            }
        }
    }

    /// Where the event stands among those of its entry.
    pub(super) async fn order(
        &self,
        envelope: &Envelope,
        origin: Option<&GatewayOrigin>,
    ) -> Result<Order, StoreError> {
        let (Some(origin), Some(entry), true) = (origin, &envelope.entry_id, self.tracking.order)
        else {
            return Ok(Order::Unknown);
        };
        let source = envelope.publisher.source();
        // Two texts from outside: the first one's length keeps them apart.
        let key = format!("{}/order/{}/{source}/{entry}", self.consumer, source.len());
        self.change(&key, |newest: &mut Option<Newest>| {
            newest.get_or_insert_default().event(origin.journal_id, origin.sequence, envelope.time)
        })
        .await
    }

    /// Whether another event stands at its place; the hook is told.
    pub(super) async fn forked(
        &self,
        envelope: &Envelope,
        origin: Option<&GatewayOrigin>,
    ) -> Result<bool, StoreError> {
        let Some(origin) = origin.filter(|_| self.tracking.forks) else { return Ok(false) };
        let key = forks::key(&self.consumer, &envelope.publisher.source(), origin);
        let other: Option<Uuid> = forks::other(&*self.store, &key, envelope.id).await?;
        if let Some(other) = other {
            let GatewayOrigin { journal_id, sequence, .. } = origin;
            let (instance, id) = (&envelope.publisher.instance, envelope.id);
            tracing::warn!(?instance, %journal_id, sequence, %id, %other, "two write one journal");
            self.hooks.journal_forked(&Fork {
                instance: envelope.publisher.instance.to_string(),
                journal_id: origin.journal_id,
                sequence: origin.sequence,
                ids: [other, envelope.id],
            });
        }
        Ok(other.is_some())
    }

    fn gap_key(&self, head: &Head, event_type: EventType, origin: &GatewayOrigin) -> String {
        let Self { consumer, .. } = self;
        format!("{consumer}/gaps/{event_type}/{}/{}", origin.journal_id, head.source)
    }

    /// Changes a document; what the change gives is given once it is written. One that cannot be
    /// read is begun anew.
    async fn change<T, R>(
        &self,
        key: &str,
        change: impl Fn(&mut Option<T>) -> R,
    ) -> Result<R, StoreError>
    where
        T: Serialize + DeserializeOwned + Clone + PartialEq,
    {
        let _turn = match self.turns.get(turn(key)) {
            Some(turn) => Some(turn.lock().await),
            None => None,
        };
        for _ in 0..TRIES {
            let there = self.store.load(key).await?;
            let version = there.as_ref().map_or(0, |document| document.version);
            let before: Option<T> =
                there.and_then(|document| serde_json::from_slice(&document.bytes).ok());
            let mut after = before.clone();
            let result = change(&mut after);
            if after == before {
                return Ok(result);
            }
            let bytes = serde_json::to_vec(&after)
                .map_err(|_| StoreError::Failed("a document cannot be written".to_owned()))?;
            if self.store.swap(key, version, &bytes).await? {
                return Ok(result);
            }
        }
        Err(StoreError::Failed("too many write one document at once".to_owned()))
    }
}

fn turn(key: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() % TURNS as u64).unwrap_or_default()
}
