//! One difference between two schemas, as it is told to people and to scripts.

use std::fmt;

use crate::verdict::Side;

/// What kind of a difference. The words are stable: exceptions and scripts name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Code(&'static str);

impl Code {
    /// Every code that there is, sorted.
    pub const ALL: &'static [Self] = &[
        Self("additional-items-closed"),
        Self("additional-items-narrowed"),
        Self("additional-items-opened"),
        Self("additional-items-widened"),
        Self("additional-properties-closed"),
        Self("additional-properties-narrowed"),
        Self("additional-properties-opened"),
        Self("additional-properties-widened"),
        Self("all-of-added"),
        Self("all-of-removed"),
        Self("annotation-changed"),
        Self("any-of-added"),
        Self("any-of-branch-added"),
        Self("any-of-branch-removed"),
        Self("any-of-removed"),
        Self("dependency-added"),
        Self("dependency-changed"),
        Self("dependency-removed"),
        Self("enum-added"),
        Self("enum-removed"),
        Self("enum-word-added"),
        Self("enum-word-removed"),
        Self("format-added"),
        Self("format-changed"),
        Self("format-removed"),
        Self("items-added"),
        Self("items-changed"),
        Self("items-removed"),
        Self("max-items-added"),
        Self("max-items-lowered"),
        Self("max-items-raised"),
        Self("max-items-removed"),
        Self("max-length-added"),
        Self("max-length-lowered"),
        Self("max-length-raised"),
        Self("max-length-removed"),
        Self("max-properties-added"),
        Self("max-properties-lowered"),
        Self("max-properties-raised"),
        Self("max-properties-removed"),
        Self("maximum-added"),
        Self("maximum-lowered"),
        Self("maximum-raised"),
        Self("maximum-removed"),
        Self("min-items-added"),
        Self("min-items-lowered"),
        Self("min-items-raised"),
        Self("min-items-removed"),
        Self("min-length-added"),
        Self("min-length-lowered"),
        Self("min-length-raised"),
        Self("min-length-removed"),
        Self("min-properties-added"),
        Self("min-properties-lowered"),
        Self("min-properties-raised"),
        Self("min-properties-removed"),
        Self("minimum-added"),
        Self("minimum-lowered"),
        Self("minimum-raised"),
        Self("minimum-removed"),
        Self("multiple-of-added"),
        Self("multiple-of-changed"),
        Self("multiple-of-removed"),
        Self("not-added"),
        Self("not-removed"),
        Self("one-of-added"),
        Self("one-of-branch-added"),
        Self("one-of-branch-removed"),
        Self("one-of-removed"),
        Self("pattern-added"),
        Self("pattern-changed"),
        Self("pattern-property-added"),
        Self("pattern-property-removed"),
        Self("pattern-removed"),
        Self("property-added"),
        Self("property-removed"),
        Self("required-added"),
        Self("required-removed"),
        Self("type-changed"),
        Self("type-narrowed"),
        Self("type-widened"),
        Self("unique-items-added"),
        Self("unique-items-removed"),
    ];

    /// The code of what happened to a keyword.
    pub(crate) fn of(keyword: &str, event: &str) -> Self {
        let mut word = String::new();
        for character in keyword.chars() {
            if character.is_ascii_uppercase() {
                word.push('-');
            }
            word.push(character.to_ascii_lowercase());
        }
        let word = format!("{word}-{event}");
        let known = Self::ALL.iter().find(|code| code.0 == word);
        known.copied().unwrap_or(Self("annotation-changed"))
    }

    /// The code as it is written: lower case, words joined by hyphens.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// What a change may do to the set of valid documents, as far as the keyword alone tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Documents may become invalid.
    Narrows,
    /// Documents may become valid.
    Widens,
    /// Either may happen.
    Both,
    /// Validity does not depend on it.
    Neither,
    /// It depends on what stands around it.
    Unknown,
}

impl Effect {
    /// The effect as it is written in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Narrows => "narrows",
            Self::Widens => "widens",
            Self::Both => "both",
            Self::Neither => "neither",
            Self::Unknown => "unknown",
        }
    }

    /// The same under a `not`.
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::Narrows => Self::Widens,
            Self::Widens => Self::Narrows,
            other => other,
        }
    }
}

/// The part of a schema that a change is about, so that it can be made or undone by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    /// These keywords.
    Keywords(Vec<&'static str>),
    /// A keyword without a meaning to validation, by name.
    Annotation(String),
    /// An entry of a keyword that holds a map.
    Entry(&'static str, String),
    /// An element of a keyword that holds a list: its place in the old or in the new list.
    Element(&'static str, usize),
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    pub code: Code,
    /// Where it stands, in the schema that `side` names.
    pub pointer: String,
    /// Old: what was there is gone; new: what is there came or is different.
    pub side: Side,
    /// One sentence, with both values.
    pub says: String,
    pub effect: Effect,
    /// The subschema that it is a part of, in the old schema.
    pub old_schema: String,
    /// The same in the new one.
    pub new_schema: String,
    pub(crate) part: Part,
    /// Where the subschema is compared with other ones too, the places that this change is of;
    /// else none: it is of all that refer to it.
    pub(crate) old_places: Vec<String>,
    /// The same in the new schema.
    pub(crate) new_places: Vec<String>,
}
