//! What is asked and what is answered. Kept apart from the engine so that a reader of a verdict
//! needs to know nothing of how it came about.

use serde_json::Value;

/// Bounds of one question. They count work, not time, so that a verdict is the same on any machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Where the search at random begins.
    pub seed: u64,
    /// The work that a proof may take; the search at random takes a fraction of it.
    pub steps: u64,
    /// The longest counterexample, in bytes of JSON.
    pub longest_document: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { seed: 1, steps: 60_000, longest_document: 256 * 1024 }
    }
}

/// Whether every document valid under the first schema is valid under the second.
#[derive(Debug, Clone, PartialEq)]
pub enum Inclusion {
    /// Every one is.
    Proved,
    /// One is not: the validator accepts it under the first and refuses it under the second.
    Refuted(Counterexample),
    /// Neither a proof nor a counterexample was found within the limits.
    Undecided(Undecided),
}

/// A document that one schema accepts and the other refuses, confirmed by the validator.
#[derive(Debug, Clone, PartialEq)]
pub struct Counterexample {
    pub document: Value,
    /// JSON pointer into the document: the value that is refused.
    pub at: String,
    /// JSON pointer into the refusing schema: the keyword that refuses it.
    pub refused_by: String,
    /// That keyword.
    pub keyword: String,
}

/// Where the engine gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// Why, in a sentence.
    pub reason: String,
    /// JSON pointer into the first schema.
    pub sub_pointer: String,
    /// JSON pointer into the second schema.
    pub sup_pointer: String,
}

/// Which of the two schemas of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The first: the one before a change.
    Old,
    /// The second: the one after it.
    New,
}

impl Side {
    /// `old` or `new`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A schema that no question can be asked of. Each tells where the fault is and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// Not a Draft-04 schema.
    #[error("the {side} schema is malformed at {}: {problem}; write it as JSON Schema Draft-04", place(.pointer))]
    Malformed { side: Side, pointer: String, problem: String },
    /// A reference that leaves the document.
    #[error("the {side} schema refers to {reference} at {}, outside of itself; bundle it under \"definitions\" and refer to #/definitions/NAME", place(.pointer))]
    Remote { side: Side, pointer: String, reference: String },
    /// A reference to nothing.
    #[error("the {side} schema refers to {reference} at {}, which is not there; add it or mend the reference", place(.pointer))]
    Dangling { side: Side, pointer: String, reference: String },
    /// A schema that is defined by itself without going into a member or an item.
    #[error("the {side} schema at {} is defined by itself alone; let the recursion pass through a member or an item", place(.pointer))]
    Cyclic { side: Side, pointer: String },
    /// Nested deeper than the engine follows.
    #[error("the {side} schema is nested deeper than {limit} levels at {}; move inner schemas into \"definitions\"", place(.pointer))]
    TooDeep { side: Side, pointer: String, limit: usize },
    /// Larger than the engine reads.
    #[error("the {side} schema has more than {limit} {what} (reached at {}); split it", place(.pointer))]
    TooBig { side: Side, pointer: String, what: &'static str, limit: usize },
    /// A pattern that no engine with linear time runs.
    #[error("the {side} schema has a pattern at {} that cannot be run in linear time: {problem}; write it without look-around and back-references", place(.pointer))]
    Pattern { side: Side, pointer: String, problem: String },
}

impl Unusable {
    /// Which schema is at fault.
    pub fn side(&self) -> Side {
        match self {
            Self::Malformed { side, .. }
            | Self::Remote { side, .. }
            | Self::Dangling { side, .. }
            | Self::Cyclic { side, .. }
            | Self::TooDeep { side, .. }
            | Self::TooBig { side, .. }
            | Self::Pattern { side, .. } => *side,
        }
    }

    /// JSON pointer to the fault.
    pub fn pointer(&self) -> &str {
        match self {
            Self::Malformed { pointer, .. }
            | Self::Remote { pointer, .. }
            | Self::Dangling { pointer, .. }
            | Self::Cyclic { pointer, .. }
            | Self::TooDeep { pointer, .. }
            | Self::TooBig { pointer, .. }
            | Self::Pattern { pointer, .. } => pointer,
        }
    }
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "its root" } else { pointer }
}
