//! Recognising what a broker hands over twice.
//!
//! MQTT's at-least-once delivery sends again what was not acknowledged when a connection or a
//! process died, also what we had committed by then. Its `DUP` flag and packet ids say nothing
//! reliable, so a message is known by its digest, if it carries its own time: two acts then
//! differ. A message without a time of its own is taken as new each time, since a repeated act
//! would look the same: rather told twice than never.

use std::collections::{HashMap, VecDeque};

use crate::journal::SEEN_WINDOW;
use crate::link::Digest;

/// The digests of the last [`SEEN_WINDOW`] messages.
#[derive(Debug)]
pub struct SeenWindow {
    order: VecDeque<Digest>,
    counts: HashMap<Digest, u32>,
}

impl SeenWindow {
    /// A window as the journal remembers it, oldest first.
    pub fn new(digests: Vec<Digest>) -> Self {
        let mut window = Self { order: VecDeque::new(), counts: HashMap::new() };
        for digest in digests {
            window.push(digest);
        }
        window
    }

    pub fn contains(&self, digest: &Digest) -> bool {
        self.counts.contains_key(digest)
    }

    /// Remembers a message, forgetting the oldest beyond the window.
    pub fn push(&mut self, digest: Digest) {
        self.order.push_back(digest);
        *self.counts.entry(digest).or_default() += 1;
        while self.order.len() as u64 > SEEN_WINDOW {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(count) = self.counts.get_mut(&oldest) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&oldest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let digest = |n: u64| Digest(u128::from(n).to_be_bytes());
        let mut window = SeenWindow::new((0..SEEN_WINDOW).map(digest).collect());
        assert!(window.contains(&digest(0)));
        window.push(digest(SEEN_WINDOW));
        assert!(!window.contains(&digest(0)));
        assert!(window.contains(&digest(1)));
        assert_eq!(window.counts.len() as u64, SEEN_WINDOW);
    }
}
