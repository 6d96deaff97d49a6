//! What the vendors' processes say, taken in from one after the other: a vendor that says much
//! fills a line of its own, and another one's frame waits for at most one of each.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::process::{Closed, Event};

/// Frames of one vendor that wait for the loop.
const LINE: usize = 16;
/// Bytes of one vendor's frames that wait for the loop. The longest frame fits twice.
const LINE_BYTES: usize = 4 << 20;

/// All vendors' lines.
#[derive(Debug, Default)]
pub struct Intake {
    lines: Vec<mpsc::Receiver<Event>>,
    /// Whose turn it is.
    turn: usize,
}

impl Intake {
    /// A line for one more vendor; it ends with its last sender.
    pub fn open(&mut self) -> mpsc::Sender<Event> {
        let (line, receiver) = mpsc::channel(LINE);
        self.lines.push(receiver);
        line
    }

    /// What is next, vendors in turn. `None`: there is no line.
    pub async fn recv(&mut self) -> Option<Event> {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Event>> {
        for _ in 0..self.lines.len() {
            let at = self.place();
            match self.lines.get_mut(at).map(|line| line.poll_recv(context)) {
                Some(Poll::Ready(Some(event))) => {
                    self.turn = at + 1;
                    return Poll::Ready(Some(event));
                }
                Some(Poll::Ready(None)) => {
                    self.lines.remove(at);
                    self.turn = at;
                }
                Some(Poll::Pending) | None => self.turn = at + 1,
            }
        }
        if self.lines.is_empty() { Poll::Ready(None) } else { Poll::Pending }
    }

    /// The same, if it is there already.
    pub fn try_recv(&mut self) -> Option<Event> {
        for _ in 0..self.lines.len() {
            let at = self.place();
            self.turn = at + 1;
            let event = self.lines.get_mut(at).and_then(|line| line.try_recv().ok());
            if event.is_some() {
                return event;
            }
        }
        None
    }

    fn place(&self) -> usize {
        if self.turn < self.lines.len() { self.turn } else { 0 }
    }

    /// Takes no more: who sends is told that the core ends.
    pub fn close(&mut self) {
        for line in &mut self.lines {
            line.close();
        }
    }
}

/// The bytes of one life's frames that wait for the loop.
#[derive(Debug)]
pub(super) struct Budget(Arc<Semaphore>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LINE_BYTES)))
    }
}

impl Budget {
    /// Waits until a frame of so many bytes fits beside those that wait.
    ///
    /// # Errors
    /// The core ends.
    pub async fn weigh(&self, bytes: usize, line: &mpsc::Sender<Event>) -> Result<Weight, Closed> {
        let bytes = u32::try_from(bytes.min(LINE_BYTES)).unwrap_or(u32::MAX);
        tokio::select! {
            permit = Arc::clone(&self.0).acquire_many_owned(bytes) => {
                permit.map(|permit| Weight(Some(permit))).map_err(|_| Closed)
            }
            () = line.closed() => Err(Closed),
        }
    }
}

/// What a frame takes of its vendor's budget, until it is dropped.
#[derive(Debug, Default)]
pub struct Weight(
    #[expect(dead_code, reason = "it gives back when it is dropped")] Option<OwnedSemaphorePermit>,
);

#[cfg(test)]
mod tests;
