//! The bounded queue between those who send and the publisher's task: room, closing, counting.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::time::Instant;

use super::entry::{Entry, Room};
use super::fate::{Fate, Pending, Refusal, Why};
use super::hooks::Hooks;
use super::stats::{Flushed, Stats};
use crate::bus::{Outgoing, entry_size};
use crate::draft::Draft;
use crate::types::EventType;

/// What the handles, the task and the handshakes share.
pub(super) struct Queue {
    source: Arc<str>,
    hooks: Arc<dyn Hooks>,
    entries: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    state: Mutex<State>,
    /// Wakes the task: something was sent, is to be flushed or is closed.
    changed: Notify,
    first_handshake: watch::Sender<Option<Fate>>,
    ended: watch::Sender<bool>,
}

struct State {
    /// Sent, and not yet seen by the task.
    inbox: Vec<Entry>,
    next_number: u64,
    /// The callers' events in the queue.
    own: u64,
    flushes: Vec<Flush>,
    /// Events before this number leave without lingering.
    hurry_before: u64,
    /// Closed; the task ends then at the latest.
    ends_at: Option<Instant>,
    /// What was left at the end, where somebody asks for it.
    left: Option<Vec<Refusal>>,
    stats: Stats,
}

/// Somebody waits for the fates of the events before a number.
struct Flush {
    before: u64,
    so_far: watch::Sender<Flushed>,
}

/// An event that may go into the queue.
#[derive(Clone)]
pub(super) struct Ready {
    pub(super) event: Arc<Outgoing>,
    pub(super) event_type: EventType,
    pub(super) is_handshake: bool,
}

impl Ready {
    /// Never in the queue.
    pub(super) fn closed(self) -> Refusal {
        self.refusal(Why::Closed { attempts: 0 })
    }

    pub(super) fn refusal(self, why: Why) -> Refusal {
        Refusal {
            event_id: self.event.id,
            event_type: self.event_type,
            why,
            event: Some(self.event),
        }
    }
}

impl State {
    /// Follows the fates of the callers' events in the queue, which no longer linger.
    fn follow(&mut self) -> watch::Receiver<Flushed> {
        let so_far = Flushed { left: self.own, ..Flushed::default() };
        let (sender, receiver) = watch::channel(so_far);
        self.hurry_before = self.next_number;
        if self.own > 0 {
            self.flushes.push(Flush { before: self.next_number, so_far: sender });
        }
        receiver
    }
}

impl Queue {
    pub(super) fn new(
        source: Arc<str>,
        hooks: Arc<dyn Hooks>,
        entries: usize,
        bytes: usize,
    ) -> Self {
        Self {
            source,
            hooks,
            entries: Arc::new(Semaphore::new(entries)),
            bytes: Arc::new(Semaphore::new(bytes)),
            state: Mutex::new(State {
                inbox: Vec::new(),
                next_number: 0,
                own: 0,
                flushes: Vec::new(),
                hurry_before: 0,
                ends_at: None,
                left: None,
                stats: Stats::default(),
            }),
            changed: Notify::new(),
            first_handshake: watch::Sender::new(None),
            ended: watch::Sender::new(false),
        }
    }

    pub(super) fn hooks(&self) -> &dyn Hooks {
        &*self.hooks
    }

    /// The entry that a draft becomes.
    pub(super) fn ready(&self, draft: &Draft, is_handshake: bool) -> Ready {
        let event = Outgoing {
            id: draft.id(),
            source: Arc::clone(&self.source),
            detail_type: draft.event_type().as_str(),
            detail: draft.finish().into(),
            trace_header: draft.trace_header(),
        };
        Ready { event: Arc::new(event), event_type: draft.event_type(), is_handshake }
    }

    /// Waits for room, first come, first served.
    pub(super) async fn send(&self, ready: Ready) -> Result<Pending, Refusal> {
        let bytes = entry_size(&ready.event);
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        let entry = Arc::clone(&self.entries).acquire_owned().await;
        let Ok(entry) = entry else { return Err(ready.closed()) };
        let held = Arc::clone(&self.bytes).acquire_many_owned(wanted).await;
        let Ok(held) = held else { return Err(ready.closed()) };
        self.put(ready, bytes, entry, held)
    }

    /// Refuses instead of waiting.
    pub(super) fn try_send(&self, ready: Ready) -> Result<Pending, Refusal> {
        let bytes = entry_size(&ready.event);
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        if self.state().ends_at.is_some() {
            return Err(ready.closed());
        }
        let entry = Arc::clone(&self.entries).try_acquire_owned();
        let held = Arc::clone(&self.bytes).try_acquire_many_owned(wanted);
        match (entry, held) {
            (Ok(entry), Ok(held)) => self.put(ready, bytes, entry, held),
            _ => Err(ready.refusal(Why::Full)),
        }
    }

    fn put(
        &self,
        ready: Ready,
        bytes: usize,
        entry: OwnedSemaphorePermit,
        held: OwnedSemaphorePermit,
    ) -> Result<Pending, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let event_type = ready.event_type;
        let pending = Pending::new(ready.event.id, event_type, receiver);
        let depth = {
            let mut state = self.state();
            if state.ends_at.is_some() {
                drop(state);
                return Err(ready.closed());
            }
            let place = (state.next_number, Instant::now());
            let room = (bytes, Room { _entry: entry, _bytes: held });
            let Ready { event, event_type, is_handshake } = ready;
            state.next_number += 1;
            state.own += u64::from(!is_handshake);
            state.inbox.push(Entry::new(event, event_type, room, place, is_handshake, sender));
            state.stats.came(bytes)
        };
        self.changed.notify_one();
        self.hooks.queued(event_type, bytes);
        self.hooks.depth(depth.0, depth.1);
        Ok(pending)
    }

    /// An event has its fate: it is counted, the hooks are told, then whoever waits.
    pub(super) fn settle(&self, entry: Entry, fate: Fate) {
        let depth = {
            let mut state = self.state();
            let accepted = fate.is_ok();
            if !entry.is_handshake {
                state.own = state.own.saturating_sub(1);
                let number = entry.number;
                // Who no longer waits is forgotten.
                state.flushes.retain(|flush| !flush.so_far.is_closed());
                for flush in state.flushes.iter().filter(|flush| number < flush.before) {
                    flush.so_far.send_modify(|so_far| so_far.count(accepted));
                }
            }
            if let (Err(refusal), false, Some(left)) = (&fate, entry.is_handshake, &mut state.left)
                && matches!(refusal.why, Why::Closed { .. })
            {
                left.push(refusal.clone());
            }
            state.stats.went(entry.bytes, accepted)
        };
        match &fate {
            Ok(accepted) => self.hooks.accepted(accepted),
            Err(refusal) => self.hooks.refused(refusal),
        }
        if entry.is_handshake {
            self.hooks.handshake(&fate);
            self.first_handshake.send_if_modified(|first| {
                let is_first = first.is_none();
                first.get_or_insert_with(|| fate.clone());
                is_first
            });
        }
        self.hooks.depth(depth.0, depth.1);
        let refusal = fate.as_ref().err().map(ToString::to_string);
        let is_handshake = entry.is_handshake;
        let told = entry.tell(fate);
        match refusal {
            Some(refusal) if is_handshake => tracing::warn!(refusal, "a handshake is returned"),
            Some(refusal) if !told => {
                tracing::warn!(refusal, "an event is returned and nobody waits for its fate");
            }
            _ => {}
        }
    }

    /// What was sent since the last time.
    pub(super) fn collect(&self) -> Vec<Entry> {
        std::mem::take(&mut self.state().inbox)
    }

    /// When the task ends at the latest, and before which number nothing lingers.
    pub(super) fn orders(&self) -> (Option<Instant>, u64) {
        let state = self.state();
        (state.ends_at, state.hurry_before)
    }

    /// Until something was sent, is to be flushed or is closed.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Changes the figures, under the lock.
    pub(super) fn record(&self, change: impl FnOnce(&mut Stats)) {
        change(&mut self.state().stats);
    }

    pub(super) fn stats(&self) -> Stats {
        self.state().stats.clone()
    }

    /// Sends what is in the queue without lingering and follows its fates.
    pub(super) fn flush(&self) -> watch::Receiver<Flushed> {
        let so_far = self.state().follow();
        self.changed.notify_one();
        so_far
    }

    /// Takes nothing more, ends when the queue is empty or else then, and follows the fates.
    pub(super) fn close(&self, within: Duration, keep_left: bool) -> watch::Receiver<Flushed> {
        let so_far = {
            let mut state = self.state();
            let now = Instant::now();
            // A time beyond the clock's end is no bound; a day is as good.
            let at = now.checked_add(within).unwrap_or(now + Duration::from_secs(86_400));
            state.ends_at = Some(state.ends_at.map_or(at, |before| before.min(at)));
            if keep_left && state.left.is_none() {
                state.left = Some(Vec::new());
            }
            state.follow()
        };
        self.entries.close();
        self.bytes.close();
        self.changed.notify_one();
        so_far
    }

    /// What was left at the end.
    pub(super) fn left(&self) -> Vec<Refusal> {
        self.state().left.clone().unwrap_or_default()
    }

    /// The task has ended, whatever ended it: nobody waits for it any longer.
    pub(super) fn end(&self) {
        drop(self.close(Duration::ZERO, false));
        let (inbox, flushes) = {
            let mut state = self.state();
            state.own = 0;
            state.stats.ended();
            (std::mem::take(&mut state.inbox), std::mem::take(&mut state.flushes))
        };
        drop(inbox);
        drop(flushes);
        self.ended.send_replace(true);
    }

    /// The fate of the first handshake; `None` if the task ended before it had one.
    pub(super) async fn first_handshake(&self) -> Option<Fate> {
        let mut first = self.first_handshake.subscribe();
        tokio::select! {
            biased;
            Ok(fate) = first.wait_for(Option::is_some) => fate.clone(),
            () = self.ended() => None,
        }
    }

    /// Until the task has ended.
    pub(super) async fn ended(&self) {
        let mut ended = self.ended.subscribe();
        // The sender is in `self`.
        let _ = ended.wait_for(|ended| *ended).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
