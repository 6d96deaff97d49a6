//! Events of another journal, taken over: they keep their bytes, id, journal and sequence, and
//! wait here for the bus.

use rusqlite::Connection;
use serde::Deserialize;

use super::aside::Aside;
use super::commit::{Place, vendor_word, write_row};
use super::folded::{Folded, MAX_CARRIED};
use super::words::{NOBODY, Words};
use super::{CommitError, Journal, fold, row};
use crate::domain::ids::VendorId;

/// An event to take over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    pub vendor: Option<VendorId>,
    /// The exact outgoing bytes.
    pub detail: String,
}

/// Which type an event is of.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow, rename = "type")]
    kind: std::borrow::Cow<'a, str>,
}

/// Writes the rows into the caller's transaction and counts them in `next`. What says no type is
/// left out. The number taken.
pub(super) fn write(
    db: &Connection,
    words: &mut Words,
    next: &mut Folded,
    events: &[Carried],
) -> rusqlite::Result<u64> {
    let first = next.slot + 1;
    for event in events {
        let Ok(typed) = serde_json::from_str::<Typed<'_>>(&event.detail) else { continue };
        let kind = words.add(db, &typed.kind)?;
        let class = words.class(kind);
        let vendor = match &event.vendor {
            Some(vendor) => words.add(db, &vendor_word(vendor))?,
            None => NOBODY,
        };
        next.slot += 1;
        let name = event.vendor.as_ref().map(VendorId::as_str);
        let body = row::encode(next.slot, name, &event.detail, &Aside::default());
        let place = Place { slot: next.slot, class, kind, type_sequence: 0, vendor, at: next.age };
        write_row(db, &place, &body)?;
        next.add_waiting(vendor, class, body.len() as u64);
    }
    match next.carried.last_mut() {
        Some((_, last)) if *last + 1 == first => *last = next.slot,
        _ if next.slot >= first => next.carried.push((first, next.slot)),
        _ => {}
    }
    Ok(next.slot + 1 - first)
}

impl Journal {
    /// Takes events of another journal over, all in one commit; gives their number.
    ///
    /// # Errors
    /// Beside those of a commit: there were too many takings-over before (`MAX_CARRIED`).
    pub fn carry(&mut self, events: &[Carried]) -> Result<u64, CommitError> {
        if self.folded.carried.len() >= MAX_CARRIED {
            let words = "events of other journals were taken over too often";
            return Err(CommitError::Io(std::io::Error::other(words)));
        }
        self.make_room()?;
        let mut next = self.folded.clone();
        next.age = self.age();
        let transaction = self.db.unchecked_transaction()?;
        let count = write(&transaction, &mut self.words, &mut next, events)?;
        fold::write(&transaction, &mut next, &self.unfolded)?;
        transaction.commit()?;
        self.folded_to(next);
        Ok(count)
    }
}
