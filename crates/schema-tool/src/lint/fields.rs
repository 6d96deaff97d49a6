//! The fields of a type's data as people ask for them: what stands where, and within which bounds.

use doorward_schema_repository::places::step;
use doorward_schema_repository::walk::referenced;
use doorward_schema_repository::{Definitions, Repository, TypeSource};
use serde_json::{Map, Value};

use crate::sizes::sizes;

/// One field of an event's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// From the top of the event; `*` stands for every item.
    pub pointer: String,
    /// Its JSON type.
    pub kind: String,
    /// The shared definition that it refers to.
    pub definition: Option<String>,
    /// In words.
    pub bounds: String,
    pub required: bool,
    /// The words of an enumeration.
    pub words: Vec<String>,
    /// No other word will ever be added.
    pub closed: bool,
    pub description: String,
}

/// All fields of a type's data, from the top down.
pub fn of_data(source: &TypeSource, repository: &Repository) -> Vec<Field> {
    let (_, definitions) = source.surroundings(repository);
    let mut fields = Vec::new();
    members(&source.data, "/data", definitions, 0, &mut fields);
    fields
}

fn members(
    schema: &Value,
    at: &str,
    definitions: &Definitions,
    depth: usize,
    out: &mut Vec<Field>,
) {
    if depth > 16 {
        return;
    }
    let required = schema.get("required").and_then(Value::as_array);
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|n| n == name));
    for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let at = format!("{at}/{}", step(name));
        field(inner, &at, is_required(name), definitions, depth, out);
    }
    for inner in schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
        field(inner.1, &format!("{at}/*"), false, definitions, depth, out);
    }
}

fn field(
    schema: &Value,
    at: &str,
    required: bool,
    definitions: &Definitions,
    depth: usize,
    out: &mut Vec<Field>,
) {
    let definition = schema.as_object().and_then(referenced);
    let target = definition.and_then(|name| definitions.get(name)).unwrap_or(schema);
    let none = Map::new();
    let members_of = target.as_object().unwrap_or(&none);
    let text = |schema: &Value, member: &str| {
        schema.get(member).and_then(Value::as_str).map(str::to_owned)
    };
    let words = members_of.get("enum").and_then(Value::as_array).into_iter().flatten();
    out.push(Field {
        pointer: at.to_owned(),
        kind: text(target, "type").unwrap_or_else(|| "any of several".to_owned()),
        definition: definition.map(str::to_owned),
        bounds: bounds(target, definitions),
        required,
        words: words.filter_map(Value::as_str).map(str::to_owned).collect(),
        closed: members_of.get("x-closed") == Some(&Value::Bool(true)),
        description: text(schema, "description")
            .or_else(|| text(target, "description"))
            .unwrap_or_default(),
    });
    if let Some(items) = members_of.get("items") {
        let inner = resolved(items, definitions);
        members(inner, &format!("{at}/*"), definitions, depth + 1, out);
    }
    members(target, at, definitions, depth + 1, out);
}

/// Of a list also what each of its items must be.
fn bounds(schema: &Value, definitions: &Definitions) -> String {
    let items = schema.get("items").map(|items| resolved(items, definitions));
    let each = items.map(sizes).unwrap_or_default();
    let each = each.into_iter().map(|bound| format!("each: {bound}"));
    sizes(schema).into_iter().chain(each).collect::<Vec<_>>().join(", ")
}

fn resolved<'a>(schema: &'a Value, definitions: &'a Definitions) -> &'a Value {
    let name = schema.as_object().and_then(referenced);
    name.and_then(|name| definitions.get(name)).unwrap_or(schema)
}
