//! The types of a schema, in words that every language has. What a type cannot say, such as
//! bounds, is left to the validator, which stays the authority.

use std::collections::{BTreeMap, BTreeSet};

use doorward_schema_repository::walk::{each_schema, pascal_case, referenced};
use doorward_schema_repository::{Direction, Form, Repository, TypeSource};
use serde_json::{Map, Value};

use super::{Failure, Selection};

/// The greatest integer that every language's plain number holds.
const SAFE: u64 = (1 << 53) - 1;

/// The type of a value.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// The definition of this name.
    Named(String),
    /// One of these words; `open`: or one that is not known yet.
    Words { words: Vec<String>, open: bool },
    /// A text.
    Text,
    /// An integer; `wide`: also beyond 2^53.
    Integer { wide: bool },
    /// A number.
    Number,
    /// True or false.
    Truth,
    /// Null.
    Null,
    /// Whatever the validator accepts.
    Anything,
    /// A list.
    List(Box<Shape>),
    /// An object with named members.
    Members(Vec<Member>),
    /// An object whose members' names are not fixed.
    Map(Box<Shape>),
    /// One of these.
    Either(Vec<Shape>),
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What it says.
    pub doc: Option<String>,
    /// Whether it is always there.
    pub required: bool,
    /// Its type.
    pub shape: Shape,
}

/// A named type.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name: a definition's, or that of an event type's data.
    pub name: String,
    /// What it says.
    pub doc: Option<String>,
    /// Its type.
    pub shape: Shape,
}

/// A shared vocabulary.
#[derive(Debug, Clone, PartialEq)]
pub struct Vocabulary {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub doc: Option<String>,
    /// Its words.
    pub words: Vec<String>,
}

/// The types that one form of the chosen event types needs: their data, and for writers the
/// statements, with all that these refer to.
pub fn of_form(
    repository: &Repository,
    selection: &Selection,
    form: Form,
) -> Result<Vec<Named>, Failure> {
    let chosen = match form {
        Form::Writer => &selection.publish,
        Form::Reader => &selection.subscribe,
    };
    let mut all = BTreeMap::new();
    let mut wanted = BTreeSet::new();
    if form == Form::Writer {
        wanted.extend(selection.statements.keys().cloned());
    }
    for source in repository.types.iter().filter(|source| chosen.contains_key(&source.name)) {
        wanted.extend(references(&source.data));
        let closed = source.direction == Direction::ToGateway || form == Form::Writer;
        let name = data_name(source);
        if repository.definitions.contains_key(&name) {
            return Err(Failure::Repository(format!(
                "{}: its data would be called {name}, which is a shared definition too",
                source.name
            )));
        }
        all.insert(name.clone(), named(name, &source.data, !closed));
    }
    while let Some(name) = wanted.pop_first() {
        if all.contains_key(&name) {
            continue;
        }
        if !is_identifier(&name) {
            return Err(Failure::Repository(format!(
                "the definition {name} has no name that languages allow: use letters and digits"
            )));
        }
        let Some(schema) = repository.definitions.get(&name) else { continue };
        wanted.extend(references(schema));
        all.insert(name.clone(), named(name, schema, form == Form::Reader));
    }
    Ok(all.into_values().collect())
}

/// The vocabularies of the chosen types.
pub fn vocabularies(repository: &Repository, types: &[&[Named]]) -> Vec<Vocabulary> {
    let used: BTreeSet<&str> =
        types.iter().flat_map(|list| list.iter()).map(|named| named.name.as_str()).collect();
    let all = repository.enumerations().filter(|(name, ..)| used.contains(name));
    all.map(|(name, schema, words)| Vocabulary {
        name: name.to_owned(),
        doc: doc(schema),
        words: words.into_iter().map(str::to_owned).collect(),
    })
    .collect()
}

/// The name of a type's data: `EntryLockChanged` for `entry.lock_changed`.
pub fn data_name(source: &TypeSource) -> String {
    pascal_case(&source.name)
}

/// Whether the text is a name in every language.
pub fn is_identifier(text: &str) -> bool {
    let letter = |b: u8| b.is_ascii_alphabetic() || b == b'_';
    text.bytes().next().is_some_and(letter) && text.bytes().all(|b| letter(b) || b.is_ascii_digit())
}

fn references(schema: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    each_schema(&mut schema.clone(), &mut |inner| {
        names.extend(referenced(inner).map(str::to_owned));
    });
    names
}

fn named(name: String, schema: &Value, open: bool) -> Named {
    Named { name, doc: doc(schema), shape: shape(schema, open) }
}

fn doc(schema: &Value) -> Option<String> {
    schema.get("description").and_then(Value::as_str).map(str::to_owned)
}

/// `open`: enumerations that are not marked as closed may hold other words.
fn shape(schema: &Value, open: bool) -> Shape {
    let Some(members) = schema.as_object() else { return Shape::Anything };
    if let Some(name) = referenced(members) {
        return Shape::Named(name.to_owned());
    }
    if let Some(values) = members.get("enum").and_then(Value::as_array) {
        let words: Option<Vec<String>> =
            values.iter().map(|value| value.as_str().map(str::to_owned)).collect();
        let closed = members.get("x-closed") == Some(&Value::Bool(true));
        return words
            .map_or(Shape::Anything, |words| Shape::Words { words, open: open && !closed });
    }
    for keyword in ["anyOf", "oneOf"] {
        if let Some(list) = members.get(keyword).and_then(Value::as_array)
            && !members.contains_key("properties")
        {
            return Shape::Either(list.iter().map(|inner| shape(inner, open)).collect());
        }
    }
    match members.get("type") {
        Some(Value::String(name)) => typed(name, members, open),
        Some(Value::Array(names)) => {
            let names = names.iter().filter_map(Value::as_str);
            Shape::Either(names.map(|name| typed(name, members, open)).collect())
        }
        _ => Shape::Anything,
    }
}

fn typed(name: &str, schema: &Map<String, Value>, open: bool) -> Shape {
    match name {
        "string" => Shape::Text,
        "integer" => {
            let within = |keyword: &str| {
                let bound = schema.get(keyword);
                bound.and_then(Value::as_i64).is_some_and(|bound| bound.unsigned_abs() <= SAFE)
            };
            Shape::Integer { wide: !(within("minimum") && within("maximum")) }
        }
        "number" => Shape::Number,
        "boolean" => Shape::Truth,
        "null" => Shape::Null,
        "array" => match schema.get("items") {
            Some(items @ Value::Object(_)) => Shape::List(Box::new(shape(items, open))),
            _ => Shape::List(Box::new(Shape::Anything)),
        },
        "object" => object(schema, open),
        _ => Shape::Anything,
    }
}

fn object(schema: &Map<String, Value>, open: bool) -> Shape {
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .map(|names| names.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        let one = |(name, inner): (&String, &Value)| Member {
            name: name.clone(),
            doc: doc(inner),
            required: required.contains(&name.as_str()),
            shape: shape(inner, open),
        };
        return Shape::Members(properties.iter().map(one).collect());
    }
    let named = schema.get("patternProperties").and_then(Value::as_object);
    let values: Vec<Shape> =
        named.into_iter().flat_map(Map::values).map(|inner| shape(inner, open)).collect();
    match <[Shape; 1]>::try_from(values) {
        Ok([only]) => Shape::Map(Box::new(only)),
        Err(_) => Shape::Map(Box::new(Shape::Anything)),
    }
}
