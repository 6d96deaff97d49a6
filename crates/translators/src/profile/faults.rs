//! What is wrong with a profile or an endpoint, gathered.

use crate::ecosystem::{Fault, Setup};
use crate::text::bounded;

/// Most faults that are told, and as many warnings: the first ones.
const MAX_FAULTS: usize = 50;

/// The longest part of a fault, in bytes.
const MAX_PART: usize = 512;

/// Faults in the order found. Those beyond the bound are counted.
#[derive(Debug, Default)]
pub(super) struct Faults {
    kept: Vec<Fault>,
    errors: usize,
    warnings: usize,
}

impl Faults {
    /// One more, of the profile.
    pub fn add(
        &mut self,
        key: impl Into<String>,
        message: impl AsRef<str>,
        remedy: impl Into<String>,
    ) {
        self.add_fault(Fault::error(key, message.as_ref(), remedy).in_profile());
    }

    /// One more.
    pub fn add_fault(&mut self, mut fault: Fault) {
        let count = if fault.warning { &mut self.warnings } else { &mut self.errors };
        *count += 1;
        if *count <= MAX_FAULTS {
            for part in [&mut fault.key, &mut fault.message, &mut fault.remedy] {
                *part = bounded(part, MAX_PART);
            }
            self.kept.push(fault);
        }
    }

    /// Settings of the whole vendor: a profile has none.
    pub fn unknown_settings(&mut self, setup: &Setup) {
        for key in setup.settings.keys() {
            self.add_fault(Fault::unknown_key(format!("settings.{key}")));
        }
    }

    /// How many there are that stop something.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Whether none stops anything.
    pub fn none(&self) -> bool {
        self.errors == 0
    }

    /// Whether there is not even a warning.
    pub fn is_empty(&self) -> bool {
        self.errors == 0 && self.warnings == 0
    }

    /// Hands them over.
    pub fn into_vec(self) -> Vec<Fault> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warnings_never_crowd_out_an_error() {
        let mut faults = Faults::default();
        for n in 0..1000 {
            faults.add_fault(Fault::unknown_key(format!("k{n}")));
        }
        assert!(faults.none() && !faults.is_empty());
        faults.add("key", "x".repeat(10_000), "");
        assert!(!faults.none());
        let told = faults.into_vec();
        assert_eq!(told.len(), MAX_FAULTS + 1);
        assert_eq!(told.last().map(|fault| fault.message.len()), Some(MAX_PART));
    }
}
