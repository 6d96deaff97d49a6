//! Where a service hangs its metrics: what happens in a publisher, as it happens.

use super::fate::{Accepted, Fate, Refusal};
use crate::types::EventType;

/// Told of everything that happens in a publisher. Every method does nothing unless overridden.
///
/// Called outside the publisher's locks, from the publisher's task or from who sends. A hook must
/// neither block nor panic: the task waits for it, and ends with it.
pub trait Hooks: Send + Sync {
    /// An event has its place in the queue.
    fn queued(&self, _event_type: EventType, _bytes: usize) {}

    /// The bus has an event.
    fn accepted(&self, _accepted: &Accepted) {}

    /// The bus did not take an event, which is kept and tried again.
    fn retried(&self, _event_type: EventType, _code: &str) {}

    /// An event is returned, at the door or out of the queue: once for each refusal, whether or
    /// not somebody still waits for the fate.
    fn refused(&self, _refusal: &Refusal) {}

    /// The bus is too busy; entries leave at this pace from now on.
    fn throttled(&self, _entries_per_second: f64) {}

    /// What is in the queue now, in any state.
    fn depth(&self, _entries: usize, _bytes: usize) {}

    /// What became of a handshake; the methods above are told of it too.
    fn handshake(&self, _fate: &Fate) {}
}

/// No hooks.
impl Hooks for () {}
