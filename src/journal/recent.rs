//! What the newest rows weigh, in memory: mostly their final answer comes soon, and then nothing
//! needs to be looked up.

use std::collections::VecDeque;

use super::Class;
use super::fold::Weight;

/// Rows remembered; of older ones the row itself is asked.
const ROWS: usize = 4096;

/// The weights of consecutive slots.
#[derive(Debug, Default)]
pub(super) struct Recent {
    first: u64,
    weights: VecDeque<(i64, Class, u64)>,
}

impl Recent {
    /// Remembers a row that is in the file.
    pub fn push(&mut self, weight: &Weight) {
        if self.first + self.weights.len() as u64 != weight.slot {
            self.weights.clear();
            self.first = weight.slot;
        }
        self.weights.push_back((weight.vendor, weight.class, weight.bytes));
        if self.weights.len() > ROWS {
            self.weights.pop_front();
            self.first += 1;
        }
    }

    /// What a slot weighs, if it is remembered.
    pub fn get(&self, slot: u64) -> Option<Weight> {
        let place = usize::try_from(slot.checked_sub(self.first)?).ok()?;
        let (vendor, class, bytes) = self.weights.get(place).copied()?;
        Some(Weight { slot, vendor, class, bytes })
    }

    /// Rows were changed.
    pub fn clear(&mut self) {
        self.weights.clear();
    }
}
