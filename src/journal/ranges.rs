//! A set of sequence numbers as ranges: which events are finished, in little space.

use std::collections::BTreeMap;

/// Most ranges above the watermark that are kept on disk. Of those beyond, a restart knows only
/// what has no row any more (`fold::recount`); events whose rows are kept as history are sent
/// again under the same `id`.
pub const MAX_STORED_RANGES: usize = 8192;

/// Everything up to `through`, and some ranges above it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finished {
    through: u64,
    /// first → last, disjoint, not adjacent, all above `through + 1`.
    above: BTreeMap<u64, u64>,
    /// Read from a text that did not hold all.
    partial: bool,
}

impl Finished {
    /// Everything up to and including `through`.
    pub fn up_to(through: u64) -> Self {
        Self { through, ..Self::default() }
    }

    /// Every sequence up to and including this one is finished.
    pub fn through(&self) -> u64 {
        self.through
    }

    /// Whether `sequence` is finished.
    pub fn contains(&self, sequence: u64) -> bool {
        sequence <= self.through
            || self.above.range(..=sequence).next_back().is_some_and(|(_, last)| *last >= sequence)
    }

    /// Whether everything from `first` to `last` is finished.
    pub fn contains_all(&self, first: u64, last: u64) -> bool {
        last <= self.through
            || self.above.range(..=first).next_back().is_some_and(|(_, end)| *end >= last)
    }

    /// How many are finished in all, given that sequences start at 1.
    pub fn count(&self) -> u64 {
        self.through + self.above.iter().map(|(first, last)| last - first + 1).sum::<u64>()
    }

    /// The ranges above [`Finished::through`], first and last, ascending.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64)> {
        self.above.iter().map(|(first, last)| (*first, *last))
    }

    /// Whether it was read from a text that left out what lies above its last range; then that
    /// range's end.
    pub fn left_out_above(&self) -> Option<u64> {
        let end = self.above.last_key_value().map_or(self.through, |(_, last)| *last);
        self.partial.then_some(end)
    }

    /// All of it is known again.
    pub fn complete(&mut self) {
        self.partial = false;
    }

    /// Adds one sequence.
    pub fn insert(&mut self, sequence: u64) {
        if self.contains(sequence) {
            return;
        }
        let mut first = sequence;
        let mut last = sequence;
        if let Some((&before, &end)) = self.above.range(..sequence).next_back()
            && end + 1 == sequence
        {
            first = before;
        }
        if let Some(end) = sequence.checked_add(1).and_then(|next| self.above.remove(&next)) {
            last = end;
        }
        if first == self.through + 1 {
            self.above.remove(&first);
            self.through = last;
        } else {
            self.above.insert(first, last);
        }
    }

    /// The text form for the file: `through,first-last,…`, the lowest ranges first; `,+` at the
    /// end stands for those that are left out.
    pub fn to_text(&self) -> String {
        let mut text = self.through.to_string();
        for (first, last) in self.above.iter().take(MAX_STORED_RANGES) {
            use std::fmt::Write as _;
            let _ = write!(text, ",{first}-{last}");
        }
        if self.above.len() > MAX_STORED_RANGES {
            text.push_str(",+");
        }
        text
    }

    /// Reads the text form; `None` if it is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(',');
        let mut finished = Self::up_to(parts.next()?.parse().ok()?);
        for part in parts {
            if part == "+" {
                finished.partial = true;
                continue;
            }
            let (first, last) = part.split_once('-')?;
            let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
            if first <= finished.through || last < first {
                return None;
            }
            finished.above.insert(first, last);
        }
        Some(finished)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_holds_exactly_what_was_inserted(numbers in proptest::collection::vec(1u64..60, 0..80)) {
            let mut finished = Finished::default();
            let mut model = BTreeSet::new();
            for number in numbers {
                finished.insert(number);
                model.insert(number);
            }
            for number in 1..60 {
                prop_assert_eq!(finished.contains(number), model.contains(&number));
            }
            prop_assert_eq!(finished.count(), model.len() as u64);
            let through = (1..=60).take_while(|n| model.contains(n)).last().unwrap_or(0);
            prop_assert_eq!(finished.through(), through);
            prop_assert_eq!(Finished::from_text(&finished.to_text()), Some(finished));
        }

        #[test]
        fn a_text_that_leaves_some_out_says_so(more in 1u64..5) {
            let kept = MAX_STORED_RANGES as u64;
            let mut finished = Finished::default();
            (1..=kept + more).for_each(|number| finished.insert(2 * number));
            let read = Finished::from_text(&finished.to_text()).unwrap();
            prop_assert_eq!(read.left_out_above(), Some(2 * kept));
            prop_assert!(read.contains(2 * kept) && !read.contains(2 * kept + 2));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,40}") {
            let _ = Finished::from_text(&text);
        }
    }
}
