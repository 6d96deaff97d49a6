//! A schema as the engine reads it: one node a subschema, references resolved, absent keywords
//! made explicit.

use std::collections::{BTreeMap, BTreeSet};

use num_rational::BigRational;
use serde_json::Value;

use crate::number::{Bound, is_integer};

/// A node by its number.
pub type Id = usize;
/// The schema that accepts everything.
pub const ANY: Id = 0;
/// The schema that accepts nothing.
pub const NONE: Id = 1;

/// The kinds of a JSON value. Draft-04 tells 2 from 2.0, so numbers are of two kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Null,
    Boolean,
    Integer,
    /// A number written with a fraction or an exponent.
    Fractional,
    String,
    Array,
    Object,
}

impl Kind {
    pub const ALL: [Self; 7] = [
        Self::Object,
        Self::String,
        Self::Integer,
        Self::Array,
        Self::Boolean,
        Self::Null,
        Self::Fractional,
    ];

    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if is_integer(number) => Self::Integer,
            Value::Number(_) => Self::Fractional,
            Value::String(_) => Self::String,
            Value::Array(_) => Self::Array,
            Value::Object(_) => Self::Object,
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::Null => 1,
            Self::Boolean => 2,
            Self::Integer => 4,
            Self::Fractional => 8,
            Self::String => 16,
            Self::Array => 32,
            Self::Object => 64,
        }
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Kinds(u8);

impl Kinds {
    pub const ALL: Self = Self(127);
    pub const NONE: Self = Self(0);

    pub fn has(self, kind: Kind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// With the kinds that a word of `type` stands for.
    pub fn with(self, word: &str) -> Self {
        let kinds: &[Kind] = match word {
            "null" => &[Kind::Null],
            "boolean" => &[Kind::Boolean],
            "integer" => &[Kind::Integer],
            "number" => &[Kind::Integer, Kind::Fractional],
            "string" => &[Kind::String],
            "array" => &[Kind::Array],
            "object" => &[Kind::Object],
            _ => &[],
        };
        Self(kinds.iter().fold(self.0, |bits, kind| bits | kind.bit()))
    }
}

/// What `multipleOf` says.
#[derive(Debug, Clone, PartialEq)]
pub struct Multiple {
    pub value: BigRational,
    /// Its number in the table.
    pub rule: usize,
}

/// What a member brings along by being there.
#[derive(Debug, Clone, PartialEq)]
pub enum Dependency {
    Members(BTreeSet<String>),
    Schema(Id),
}

/// One subschema.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Where it stands in the old and in the new schema.
    pub places: [Option<String>; 2],
    pub kinds: Kinds,
    pub words: Option<Vec<Value>>,
    pub low: Option<Bound>,
    pub high: Option<Bound>,
    pub multiple: Option<Multiple>,
    pub shortest: u64,
    pub longest: Option<u64>,
    pub pattern: Option<usize>,
    pub format: Option<usize>,
    pub tuple: Vec<Id>,
    pub rest: Id,
    pub fewest_items: u64,
    pub most_items: Option<u64>,
    pub unique: bool,
    pub properties: BTreeMap<String, Id>,
    pub patterns: Vec<(usize, Id)>,
    pub additional: Id,
    pub required: BTreeSet<String>,
    pub fewest_members: u64,
    pub most_members: Option<u64>,
    pub dependencies: BTreeMap<String, Dependency>,
    pub all: Vec<Id>,
    pub any: Vec<Id>,
    pub one: Vec<Id>,
    pub not: Option<Id>,
}

impl Node {
    /// A node without a constraint.
    pub fn any() -> Self {
        Self {
            places: [None, None],
            kinds: Kinds::ALL,
            words: None,
            low: None,
            high: None,
            multiple: None,
            shortest: 0,
            longest: None,
            pattern: None,
            format: None,
            tuple: Vec::new(),
            rest: ANY,
            fewest_items: 0,
            most_items: None,
            unique: false,
            properties: BTreeMap::new(),
            patterns: Vec::new(),
            additional: ANY,
            required: BTreeSet::new(),
            fewest_members: 0,
            most_members: None,
            dependencies: BTreeMap::new(),
            all: Vec::new(),
            any: Vec::new(),
            one: Vec::new(),
            not: None,
        }
    }

    /// A node that nothing satisfies.
    pub fn none() -> Self {
        Self { kinds: Kinds::NONE, ..Self::any() }
    }

    /// The schema of the item at this place.
    pub fn item(&self, index: usize) -> Id {
        self.tuple.get(index).copied().unwrap_or(self.rest)
    }

    /// The subschemas about the value itself, as opposed to its members and items.
    pub fn in_place(&self) -> Vec<Id> {
        let mut ids: Vec<Id> =
            [&self.all, &self.any, &self.one].into_iter().flatten().copied().collect();
        ids.extend(self.not);
        ids.extend(self.dependencies.values().filter_map(|dependency| match dependency {
            Dependency::Schema(id) => Some(*id),
            Dependency::Members(_) => None,
        }));
        ids
    }

    /// Every reference to another node, in a fixed order, to be read or rewritten.
    pub fn each_child(&mut self, visit: &mut impl FnMut(&mut Id)) {
        self.tuple.iter_mut().for_each(&mut *visit);
        visit(&mut self.rest);
        self.properties.values_mut().for_each(&mut *visit);
        self.patterns.iter_mut().for_each(|(_, id)| visit(id));
        visit(&mut self.additional);
        for dependency in self.dependencies.values_mut() {
            if let Dependency::Schema(id) = dependency {
                visit(id);
            }
        }
        for list in [&mut self.all, &mut self.any, &mut self.one] {
            list.iter_mut().for_each(&mut *visit);
        }
        self.not.iter_mut().for_each(visit);
    }
}
