//! Opening a journal, and finding out what it came back as.

use std::path::Path;

use doorward::journal::{Bounds, Bug, Journal, OpenError, Opening, Restored};

use crate::compare::{compare, restored};
use crate::oracle::{Oracle, Violation};
use crate::raw::FILE;
use crate::sample::journal_id;

/// What the file is bound to.
const MACHINE: &str = "machine-1";

/// Opens the journal in `folder`; `ids` counts the ids that were given out.
pub fn arrive(
    folder: &Path,
    bounds: Bounds,
    bug: Option<Bug>,
    ids: &mut u64,
) -> Result<(Journal, Restored), OpenError> {
    let opening = Opening { bounds, machine: Some(MACHINE.to_owned()), bug };
    let mut fresh = || {
        *ids += 1;
        journal_id(*ids)
    };
    Journal::arrive(&folder.join(FILE), &opening, &mut fresh)
}

/// Which of these the journal is: the first that fits.
pub fn which(journal: &Journal, found: &Restored, may: &[Oracle]) -> Result<Oracle, Violation> {
    let mut reasons = Vec::new();
    for oracle in may {
        let mut oracle = oracle.clone();
        let outcome = restored(&mut oracle, found).and_then(|()| compare(journal, &oracle));
        match outcome {
            Ok(()) => return Ok(oracle),
            Err(violation) => reasons.push(violation.0),
        }
    }
    Err(Violation(reasons.join("; or else ")))
}
