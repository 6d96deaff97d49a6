//! Whether what is there of a range is what was closed.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::digest::{self, Hash, Salt};
use super::statement::Statement;

/// Most sequences that are named of one kind of trouble; further ones are counted.
const NAMED: usize = 8;

/// An event that is still there, beside its digest.
#[derive(Debug, Clone, Copy)]
pub struct Payload<'a> {
    /// By its own word.
    pub journal_id: Uuid,
    pub sequence: u64,
    /// `None`: it has none.
    pub salt: Option<&'a Salt>,
    /// Its bytes as they leave.
    pub detail: &'a [u8],
}

/// Gathers what is there of a range, in the order of the places in the file.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    leaves: Vec<Hash>,
    found: Found,
    last: Option<(Uuid, u64)>,
}

/// What is there of a range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Digests.
    pub events: u64,
    pub counts: BTreeMap<String, u64>,
    /// Over the digests in their order; `None`: there was no look at them all.
    pub merkle: Option<Hash>,
    /// Events that are there and whose digest is right.
    pub compared: u64,
    /// Digests whose event was erased.
    pub erased: u64,
    /// Digests whose event went otherwise: as history, or given up.
    pub gone: u64,
    /// Sequences whose event is not what its digest says, a few; and their number.
    pub unlike: Vec<u64>,
    pub unlike_count: u64,
    /// Sequences that should have a digest and have none, a few; and their number.
    pub bare: Vec<u64>,
    pub bare_count: u64,
    /// The journal and the sequences, first and last, of the events that are there.
    pub spans: Option<(Uuid, u64, u64)>,
}

impl Tally {
    /// A digest of a type, of which the event is gone.
    pub fn without_payload(&mut self, kind: &str, leaf: Hash, erased: bool) {
        self.count(kind, leaf);
        if erased {
            self.found.erased += 1;
        } else {
            self.found.gone += 1;
        }
    }

    /// A digest of a type beside its event.
    pub fn with_payload(&mut self, kind: &str, leaf: Hash, payload: &Payload<'_>) {
        self.count(kind, leaf);
        let Payload { journal_id, sequence, salt, detail } = *payload;
        let same =
            salt.is_some_and(|salt| digest::leaf(journal_id, sequence, salt, detail) == leaf);
        // Sequences rise within one journal: an event stands in one place only.
        let rises = self.last.is_none_or(|(id, last)| id == journal_id && last < sequence);
        self.last = Some((journal_id, sequence));
        match &mut self.found.spans {
            Some((id, first, last)) if *id == journal_id => {
                (*first, *last) = ((*first).min(sequence), (*last).max(sequence));
            }
            Some(_) => {}
            none => *none = Some((journal_id, sequence, sequence)),
        }
        if same && rises {
            self.found.compared += 1;
        } else {
            self.unlike(sequence);
        }
    }

    /// A digest whose event is there and cannot be read. `sequence`: where it should stand.
    pub fn unreadable(&mut self, kind: &str, leaf: Hash, sequence: u64) {
        self.count(kind, leaf);
        self.unlike(sequence);
    }

    /// An event that should have a digest and has none.
    pub fn bare(&mut self, sequence: u64) {
        self.found.bare_count += 1;
        if self.found.bare.len() < NAMED {
            self.found.bare.push(sequence);
        }
    }

    fn unlike(&mut self, sequence: u64) {
        self.found.unlike_count += 1;
        if self.found.unlike.len() < NAMED {
            self.found.unlike.push(sequence);
        }
    }

    fn count(&mut self, kind: &str, leaf: Hash) {
        self.leaves.push(leaf);
        self.found.events += 1;
        match self.found.counts.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(self.found.counts.insert(kind.to_owned(), 1)),
        }
    }

    /// What was found, with the root over the digests.
    pub fn found(self) -> Found {
        Found { merkle: Some(digest::merkle(&self.leaves)), ..self.found }
    }

    /// What was found of a part, whose digests are not closed yet.
    pub fn open(self) -> Found {
        self.found
    }
}

/// What came before a range.
#[derive(Debug, Clone, Copy)]
pub enum Neighbour<'a> {
    /// Nothing that is kept: older ranges may have gone.
    Unknown,
    Range(&'a Statement),
}

/// What is wrong with a range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "fault")]
pub enum Broken {
    /// It does not begin where the range before ends, or does not name that one's root.
    Chain { wanted_first: u64, wanted_root: Option<Hash> },
    /// It ends before it begins.
    Bounds,
    /// There are more or fewer digests than were closed.
    Number { there: u64 },
    /// Digests are of other types than were closed.
    Types,
    /// The digests, their order, or what it says of its place are not those that were closed.
    Root { there: Hash },
    /// Events are not what their digests say.
    Unlike { sequences: Vec<u64>, count: u64 },
    /// Events stand in it that have no digest.
    Bare { sequences: Vec<u64>, count: u64 },
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |sequences: &[u64], count: u64| {
            let words: Vec<String> = sequences.iter().map(ToString::to_string).collect();
            let more = if count > sequences.len() as u64 { ", …" } else { "" };
            format!("{count} ({}{more})", words.join(", "))
        };
        match self {
            Self::Chain { wanted_first, wanted_root } => {
                let root = wanted_root.as_ref().map_or("none".to_owned(), ToString::to_string);
                write!(
                    f,
                    "it does not follow the range before it, which asks for {wanted_first} as its \
                     first sequence and {root} as the root before: a range was taken away, added or \
                     moved"
                )
            }
            Self::Bounds => f.write_str("it ends before it begins"),
            Self::Number { there } => {
                write!(f, "{there} digests are there: digests were taken away or added")
            }
            Self::Types => f.write_str("the types of its digests were changed"),
            Self::Root { there } => write!(
                f,
                "its digests make the root {there}: a digest, or their order, was changed"
            ),
            Self::Unlike { sequences, count } => write!(
                f,
                "events are not what their digests say: {}; what they say was changed after they \
                 were written",
                list(sequences, *count)
            ),
            Self::Bare { sequences, count } => write!(
                f,
                "events have no digest: {}; they were added later, or their digests taken away",
                list(sequences, *count)
            ),
        }
    }
}

/// Compares what is there of a range with what was signed when it was closed.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn examine(before: Neighbour<'_>, signed: &Statement, found: &Found) -> Result<(), Broken> {
    if signed.last < signed.first || signed.first == 0 {
        return Err(Broken::Bounds);
    }
    let (wanted_first, wanted_root) = match before {
        Neighbour::Range(before) if before.journal_id == signed.journal_id => {
            (before.last + 1, Some(before.root))
        }
        // A journal's own first range.
        Neighbour::Range(_) => (signed.first, None),
        Neighbour::Unknown => (signed.first, signed.previous_root),
    };
    if (signed.first, signed.previous_root) != (wanted_first, wanted_root) {
        return Err(Broken::Chain { wanted_first, wanted_root });
    }
    if found.events != signed.events {
        return Err(Broken::Number { there: found.events });
    }
    if found.counts != signed.counts {
        return Err(Broken::Types);
    }
    let merkle = found.merkle.unwrap_or_else(|| digest::merkle(&[]));
    let there = digest::chain(
        signed.previous_root.as_ref(),
        signed.journal_id,
        signed.first,
        signed.last,
        &merkle,
    );
    if there != signed.root {
        return Err(Broken::Root { there });
    }
    if let Some((journal_id, first, last)) = found.spans
        && (journal_id != signed.journal_id || first < signed.first || last > signed.last)
    {
        return Err(Broken::Unlike { sequences: vec![first, last], count: 1 });
    }
    events_are_right(found)
}

/// Compares the events of a part that is not closed yet with their digests.
///
/// # Errors
/// As [`examine`].
pub fn events_are_right(found: &Found) -> Result<(), Broken> {
    if found.unlike_count > 0 {
        let (sequences, count) = (found.unlike.clone(), found.unlike_count);
        return Err(Broken::Unlike { sequences, count });
    }
    if found.bare_count > 0 {
        let (sequences, count) = (found.bare.clone(), found.bare_count);
        return Err(Broken::Bare { sequences, count });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
