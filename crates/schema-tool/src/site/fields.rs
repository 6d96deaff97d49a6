//! A schema as rows that a person reads: one row a member, objects unfolded, shared scalars named.
//!
//! The same rows are compared between two versions of a type, so that what the site calls a
//! change is what its tables show.

use std::collections::{BTreeMap, BTreeSet};

use doorward_schema_repository::walk::referenced;
use serde_json::Value;

use crate::sizes::sizes;

/// How deep objects are unfolded: as deep as an event may be.
const DEEPEST: usize = 16;
/// Most rows of one schema; what lies beyond is left to the shared definition's own table.
const MOST_ROWS: usize = 1000;

/// One member of an object, an item of an array or one of several shapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// As in `windows[].day`; a shape among several ends in `(1)`, `(2)`.
    pub path: String,
    /// How many objects are around it.
    pub depth: usize,
    /// `string`, `integer`, `object`, `list of string` and so on.
    pub kind: String,
    /// Lengths, ranges, patterns, one phrase each.
    pub bounds: Vec<String>,
    /// The words of an enumeration.
    pub words: Vec<String>,
    /// Whether readers too are bound to the words.
    pub is_closed: bool,
    /// Whether its object must have it.
    pub is_required: bool,
    /// What it means.
    pub description: String,
    /// The shared definition that it names.
    pub shared: Option<String>,
}

/// The members of `schema`, an object, in the order in which it lists them.
pub fn rows(schema: &Value, definitions: &BTreeMap<String, Value>) -> Vec<Row> {
    let mut unfolding = Unfolding { definitions, around: BTreeSet::new(), rows: Vec::new() };
    unfolding.members(schema, "", 0);
    unfolding.rows
}

/// What the definition itself is: a row without a path, without what lies inside it.
pub fn summary(schema: &Value, definitions: &BTreeMap<String, Value>) -> Row {
    row(schema, definitions, String::new(), 0, false).0
}

/// The definitions of a self-contained schema, else none.
pub fn own_definitions(schema: &Value) -> BTreeMap<String, Value> {
    let own = schema.get("definitions").and_then(Value::as_object);
    own.into_iter().flatten().map(|(name, schema)| (name.clone(), schema.clone())).collect()
}

struct Unfolding<'a> {
    definitions: &'a BTreeMap<String, Value>,
    /// The definitions being unfolded now: one inside itself is not unfolded again.
    around: BTreeSet<String>,
    rows: Vec<Row>,
}

impl<'a> Unfolding<'a> {
    fn members(&mut self, schema: &'a Value, path: &str, depth: usize) {
        if depth >= DEEPEST {
            return;
        }
        let required = schema.get("required").and_then(Value::as_array);
        let required: BTreeSet<&str> =
            required.into_iter().flatten().filter_map(Value::as_str).collect();
        let named = |keyword: &str| schema.get(keyword).and_then(Value::as_object);
        for (name, inner) in named("properties").into_iter().flatten() {
            let place = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
            self.unfold(inner, place, depth, required.contains(name.as_str()));
        }
        for (_, inner) in named("patternProperties").into_iter().flatten() {
            let place = if path.is_empty() { "*".to_owned() } else { format!("{path}.*") };
            self.unfold(inner, place, depth, false);
        }
    }

    fn unfold(&mut self, schema: &'a Value, path: String, depth: usize, is_required: bool) {
        if self.rows.len() >= MOST_ROWS {
            return;
        }
        let (row, target) = row(schema, self.definitions, path.clone(), depth, is_required);
        let shared = row.shared.clone();
        self.rows.push(row);
        if let Some(name) = &shared
            && !self.around.insert(name.clone())
        {
            return;
        }
        let mut inner = target;
        let mut place = path;
        for _ in 0..DEEPEST {
            let Some(item) = inner.get("items").filter(|item| item.is_object()) else { break };
            place.push_str("[]");
            inner = resolved(item, self.definitions);
        }
        self.members(inner, &place, depth + 1);
        for keyword in ["oneOf", "anyOf", "allOf"] {
            let shapes = inner.get(keyword).and_then(Value::as_array);
            for (index, shape) in shapes.into_iter().flatten().enumerate() {
                if depth + 1 < DEEPEST {
                    self.unfold(shape, format!("{place}({})", index + 1), depth + 1, false);
                }
            }
        }
        if let Some(name) = shared {
            self.around.remove(&name);
        }
    }
}

/// The schema that a chain of references ends at; one that says nothing where it leads nowhere.
fn resolved<'a>(schema: &'a Value, definitions: &'a BTreeMap<String, Value>) -> &'a Value {
    static NOTHING: Value = Value::Null;
    let mut schema = schema;
    for _ in 0..DEEPEST {
        let Some(name) = schema.as_object().and_then(referenced) else { return schema };
        let Some(target) = definitions.get(name) else { break };
        schema = target;
    }
    &NOTHING
}

/// A member's row, and the schema that its reference ends at.
fn row<'a>(
    schema: &'a Value,
    definitions: &'a BTreeMap<String, Value>,
    path: String,
    depth: usize,
    is_required: bool,
) -> (Row, &'a Value) {
    let shared = |schema: &Value| schema.as_object().and_then(referenced).map(str::to_owned);
    let target = resolved(schema, definitions);
    let mut row = Row {
        path,
        depth,
        kind: kind(target),
        bounds: bounds(target),
        words: words(target),
        is_closed: target.get("x-closed") == Some(&Value::Bool(true)),
        is_required,
        description: description(schema).or_else(|| description(target)).unwrap_or_default(),
        shared: shared(schema),
    };
    if let Some(named) = target.get("items").filter(|item| item.is_object()) {
        let item = resolved(named, definitions);
        row.kind = format!("list of {}", kind(item));
        row.bounds.extend(bounds(item).into_iter().map(|bound| format!("each: {bound}")));
        row.words = words(item);
        row.is_closed = item.get("x-closed") == Some(&Value::Bool(true));
        row.shared = row.shared.or_else(|| shared(named));
    }
    (row, target)
}

fn description(schema: &Value) -> Option<String> {
    schema.get("description").and_then(Value::as_str).map(str::to_owned)
}

fn kind(schema: &Value) -> String {
    match schema.get("type") {
        Some(Value::String(word)) if word == "array" => "list".to_owned(),
        Some(Value::String(word))
            if word == "object" && schema.get("patternProperties").is_some() =>
        {
            "map".to_owned()
        }
        Some(Value::String(word)) => word.clone(),
        Some(Value::Array(several)) => {
            several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or ")
        }
        _ if schema.get("enum").is_some() => "string".to_owned(),
        _ if schema.get("oneOf").is_some() => "one of several".to_owned(),
        _ if schema.get("anyOf").is_some() => "any of several".to_owned(),
        _ if schema.get("properties").is_some() => "object".to_owned(),
        _ => "anything".to_owned(),
    }
}

fn words(schema: &Value) -> Vec<String> {
    let list = schema.get("enum").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned))
        .collect()
}

fn bounds(schema: &Value) -> Vec<String> {
    let mut found = sizes(schema);
    if schema.get("uniqueItems") == Some(&Value::Bool(true)) {
        found.push("no item twice".to_owned());
    }
    for (keyword, phrase) in [("format", "format"), ("pattern", "pattern")] {
        if let Some(text) = schema.get(keyword).and_then(Value::as_str) {
            found.push(format!("{phrase} {text}"));
        }
    }
    if let Some(excluded) =
        schema.get("not").and_then(|not| not.get("pattern")).and_then(Value::as_str)
    {
        found.push(format!("not pattern {excluded}"));
    }
    found
}
