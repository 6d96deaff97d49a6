//! What of a device beyond its rate is told to the core: of all that has gathered, the newest.
//!
//! The core coalesces such a device's states anyway (`docs/decisions/0021-flood-limits.md`). Done
//! here, before they are written and read again, it costs a tenth. What is left out is acknowledged
//! to the broker together with what stands for it, and nothing waits for a timer: only for what has
//! been read already.

use std::collections::HashMap;
use std::time::Duration;

use doorward_translators::What;

use crate::domain::rate::{Bucket, Rate};
use crate::link::Signal;

/// Devices whose rate is watched at a time. Another one is told message by message.
const MAX_WATCHED: usize = 1024;

/// A signal with the receipts of all the messages that it tells of or stands for, oldest first.
#[derive(Debug)]
pub struct Told<R> {
    pub signal: Signal,
    pub receipts: Vec<R>,
}

/// The rates of a vendor's devices, and what waits for a newer one.
pub struct Newest<R> {
    rate: Rate,
    devices: HashMap<String, Bucket>,
    waiting: Option<Told<R>>,
}

impl<R> Newest<R> {
    /// `rate`: messages of one device that are told one by one.
    pub fn new(rate: Rate) -> Self {
        Self { rate, devices: HashMap::new(), waiting: None }
    }

    /// The next signal, `now` on any clock that does not go back. What is to be told, in this order:
    /// nothing, if it waits; what waited before it, if it does not stand for that; itself.
    pub fn next(
        &mut self,
        now: Duration,
        mut signal: Signal,
        receipt: Option<R>,
    ) -> [Option<Told<R>>; 2] {
        let beyond = reporting(&signal).is_some_and(|device| self.is_beyond(now, device));
        let before = self.waiting.take();
        let (before, mut receipts) = match before {
            Some(Told { signal: older, receipts }) if beyond && tells_all_of(&signal, &older) => {
                signal.stands_for = older.stands_for.saturating_add(1);
                (None, receipts)
            }
            before => (before, Vec::new()),
        };
        receipts.extend(receipt);
        let told = Told { signal, receipts };
        if beyond {
            self.waiting = Some(told);
            return [before, None];
        }
        [before, Some(told)]
    }

    /// What waits, since nothing newer is there.
    pub fn take(&mut self) -> Option<Told<R>> {
        self.waiting.take()
    }

    /// Messages that wait.
    pub fn waiting(&self) -> usize {
        let stands_for = self.waiting.as_ref().map(|told| told.signal.stands_for);
        stands_for.map_or(0, |count| usize::try_from(count).unwrap_or(usize::MAX) + 1)
    }

    fn is_beyond(&mut self, now: Duration, device: &str) -> bool {
        if let Some(bucket) = self.devices.get_mut(device) {
            return !bucket.take(now, self.rate, 1);
        }
        if self.devices.len() >= MAX_WATCHED {
            self.devices.retain(|_, bucket| !bucket.is_full(now));
        }
        if self.devices.len() < MAX_WATCHED {
            let mut bucket = Bucket::default();
            bucket.take(now, self.rate, 1);
            self.devices.insert(device.to_owned(), bucket);
        }
        false
    }
}

/// The device that a signal reports of, if it holds nothing but its states as they are now.
fn reporting(signal: &Signal) -> Option<&str> {
    let device = &signal.observations.first()?.address;
    let report = |what: &What| match what {
        What::Lock { .. }
        | What::Position { .. }
        | What::LatchedOperation { .. }
        | What::Battery { .. }
        | What::Alarm { .. }
        | What::RemoteLockout { .. } => true,
        What::Availability { .. }
        | What::Inventory { .. }
        | What::Operation { .. }
        | What::Credential { .. }
        | What::CommandFailed { .. }
        | What::Anomaly { .. } => false,
    };
    let plain = !signal.retained && signal.evidence.is_none() && !device.is_empty();
    let of_it = signal.observations.iter().all(|o| o.address == *device && report(&o.what));
    (plain && of_it).then_some(device)
}

/// Whether a report tells anew all that an earlier one told.
fn tells_all_of(newer: &Signal, older: &Signal) -> bool {
    let again = |old: &What, new: &What| match (old, new) {
        // Each of two operations is one, though the newer is of the same kind.
        (What::LatchedOperation { .. }, _) => old == new,
        (What::Battery { percent, low }, What::Battery { percent: newer, low: newer_low }) => {
            (percent.is_none() || newer.is_some()) && (low.is_none() || newer_low.is_some())
        }
        _ => old.is_same_kind(new),
    };
    let address = |signal: &Signal| signal.observations.first().map(|o| o.address.clone());
    address(newer) == address(older)
        && newer.lossy == older.lossy
        && older
            .observations
            .iter()
            .all(|old| newer.observations.iter().any(|new| again(&old.what, &new.what)))
}

#[cfg(test)]
mod tests;
