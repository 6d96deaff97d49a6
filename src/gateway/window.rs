//! Recognising what a broker hands over twice.
//!
//! MQTT's at-least-once delivery sends again what was not acknowledged when a connection or a
//! process died, also what we had committed by then. Its `DUP` flag and packet ids say nothing
//! reliable, so a message is known by its digest, if it carries its own time: two acts then
//! differ. A message without a time of its own is taken as new each time, since a repeated act
//! would look the same: rather told twice than never.
//!
//! Brokers send again over a new connection only. What comes twice over one connection was
//! published twice: by a device that is back where it was within the resolution of its clock
//! (a door that bounces), or by a bridge that had lost its own connection. States are taken in,
//! the last one is how it is; acts are not told again.
//!
//! A vendor's process says what the digest of its message is, and may say what it likes. So a part
//! of each digest is the core's own word for the vendor: no vendor hides another one's messages, and
//! one vendor's new connection says nothing of another's.

use std::collections::{HashMap, VecDeque};

use crate::domain::ids::VendorId;
use crate::journal::SEEN_WINDOW;
use crate::link::Digest;

/// What stands for a vendor in its messages' digests: 4 bytes of its name's SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag([u8; 4]);

impl Tag {
    pub fn of(vendor: &VendorId) -> Self {
        let name = ring::digest::digest(&ring::digest::SHA256, vendor.as_str().as_bytes());
        let mut tag = [0; 4];
        tag.iter_mut().zip(name.as_ref()).for_each(|(place, byte)| *place = *byte);
        Self(tag)
    }

    /// The digest as it is remembered: of this vendor, whatever its process said.
    pub fn on(self, mut digest: Digest) -> Digest {
        digest.0.iter_mut().zip(self.0).for_each(|(place, byte)| *place = byte);
        digest
    }

    fn is_on(self, digest: &Digest) -> bool {
        digest.0.starts_with(&self.0)
    }
}

/// The digests of the last [`SEEN_WINDOW`] messages.
#[derive(Debug)]
pub struct SeenWindow {
    order: VecDeque<Digest>,
    counts: HashMap<Digest, Count>,
}

/// How often a message came: over earlier connections and not again since, and over this one.
#[derive(Debug, Default)]
struct Count {
    earlier: u32,
    here: u32,
}

impl Count {
    fn age(&mut self) {
        self.earlier += std::mem::take(&mut self.here);
    }
}

/// What a message turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    New,
    /// The same came over this connection before.
    Repeated,
    /// The broker sends again what came over an earlier connection.
    Redelivered,
}

impl SeenWindow {
    /// A window as the journal remembers it, oldest first.
    pub fn new(digests: Vec<Digest>) -> Self {
        let mut window = Self { order: VecDeque::new(), counts: HashMap::new() };
        for digest in digests {
            window.push(digest);
        }
        window.counts.values_mut().for_each(Count::age);
        window
    }

    /// From now on this vendor's messages come over another connection.
    pub fn reconnected(&mut self, of: Tag) {
        let its = self.counts.iter_mut().filter(|(digest, _)| of.is_on(digest));
        its.for_each(|(_, count)| count.age());
    }

    pub fn contains(&self, digest: &Digest) -> bool {
        self.counts.contains_key(digest)
    }

    /// Whether a message came over an earlier connection, and not again since. Nothing is
    /// remembered of it.
    pub fn came_earlier(&self, digest: &Digest) -> bool {
        self.counts.get(digest).is_some_and(|count| count.earlier > 0)
    }

    /// Takes in a message, and remembers it if it is not one that it remembers.
    pub fn sight(&mut self, digest: Digest) -> Sight {
        let sight = match self.counts.get_mut(&digest) {
            Some(count) if count.earlier > 0 => {
                count.earlier -= 1;
                count.here += 1;
                return Sight::Redelivered;
            }
            Some(_) => Sight::Repeated,
            None => Sight::New,
        };
        self.push(digest);
        sight
    }

    /// Remembers a message, forgetting the oldest beyond the window.
    fn push(&mut self, digest: Digest) {
        self.order.push_back(digest);
        self.counts.entry(digest).or_default().here += 1;
        while self.order.len() as u64 > SEEN_WINDOW {
            let Some(oldest) = self.order.pop_front() else { return };
            let Some(count) = self.counts.get_mut(&oldest) else { continue };
            let of = if count.earlier > 0 { &mut count.earlier } else { &mut count.here };
            *of -= 1;
            if count.earlier + count.here == 0 {
                self.counts.remove(&oldest);
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
        assert_eq!(window.sight(digest(SEEN_WINDOW)), Sight::New);
        assert!(!window.contains(&digest(0)));
        assert!(window.contains(&digest(1)));
        assert_eq!(window.counts.len() as u64, SEEN_WINDOW);
    }
    #[test]
    fn what_came_over_an_earlier_connection_is_redelivered_as_often_as_it_came() {
        let tag = Tag::of(&VendorId::new("v"));
        let (a, b) = (tag.on(Digest([1; 16])), tag.on(Digest([2; 16])));
        let mut window = SeenWindow::new(Vec::new());
        let sights = |window: &mut SeenWindow, digests: &[Digest]| {
            digests.iter().map(|digest| window.sight(*digest)).collect::<Vec<_>>()
        };
        assert_eq!(sights(&mut window, &[a, b, a]), [Sight::New, Sight::New, Sight::Repeated]);
        for _ in 0..2 {
            window.reconnected(tag);
            assert_eq!(sights(&mut window, &[a, b, a]), [Sight::Redelivered; 3]);
        }
        assert_eq!(window.sight(a), Sight::Repeated);
        let mut window = SeenWindow::new(vec![a, b]);
        assert_eq!(
            sights(&mut window, &[a, b, a]),
            [Sight::Redelivered, Sight::Redelivered, Sight::Repeated]
        );
    }

    #[test]
    fn one_vendors_connection_and_digests_are_none_of_anothers() {
        let (ours, theirs) = (Tag::of(&VendorId::new("ours")), Tag::of(&VendorId::new("theirs")));
        let digest = Digest([7; 16]);
        let mut window = SeenWindow::new(Vec::new());
        assert_eq!(window.sight(ours.on(digest)), Sight::New);
        assert_eq!(window.sight(theirs.on(digest)), Sight::New, "whatever theirs says of it");
        window.reconnected(theirs);
        assert_eq!(window.sight(ours.on(digest)), Sight::Repeated);
        assert_eq!(window.sight(theirs.on(digest)), Sight::Redelivered);
    }
}
