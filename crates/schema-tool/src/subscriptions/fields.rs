//! Fields of composed schemas, followed by name as a pattern follows them: through references and
//! into the items of arrays.

use doorward_schema_repository::Repository;
use doorward_schema_repository::{Form, compose};
use serde_json::{Map, Value};

/// The schemas that stand under a name, in every branch; and whether the name is always there.
pub fn under<'a>(root: &'a Value, schema: &'a Value, name: &str) -> Vec<(&'a Value, bool)> {
    let mut found = Vec::new();
    for object in objects(root, schema) {
        let required = object.get("required").and_then(Value::as_array);
        let required = required.is_some_and(|names| names.iter().any(|n| n == name));
        if let Some(inner) = object.get("properties").and_then(|p| p.get(name)) {
            found.push((inner, required));
        } else if let Some(patterns) = object.get("patternProperties").and_then(Value::as_object) {
            let fits = |key: &str| {
                let schema = serde_json::json!({ "type": "string", "pattern": key });
                let validator = jsonschema::draft4::new(&schema);
                validator.is_ok_and(|validator| validator.is_valid(&Value::from(name)))
            };
            found.extend(patterns.iter().filter(|(key, _)| fits(key)).map(|(_, s)| (s, false)));
        }
    }
    found
}

/// The names of the members that these schemas have.
pub fn names(root: &Value, schemas: &[&Value]) -> Vec<String> {
    let objects = schemas.iter().flat_map(|schema| objects(root, schema));
    let members = objects.filter_map(|object| object.get("properties")?.as_object());
    members.flat_map(|members| members.keys().cloned()).collect()
}

/// The schema behind references, and those of its items and branches, that describe objects.
fn objects<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Map<String, Value>> {
    parts(root, schema).into_iter().filter(|part| !is_leaf(part)).collect()
}

/// The schemas of the leaves: what a matcher sees of a text, a number, or an array of them.
pub fn leaves<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Map<String, Value>> {
    parts(root, schema).into_iter().filter(|part| is_leaf(part)).collect()
}

fn is_leaf(schema: &Map<String, Value>) -> bool {
    schema.get("type").and_then(Value::as_str) != Some("object")
        && !schema.contains_key("properties")
}

fn parts<'a>(root: &'a Value, schema: &'a Value) -> Vec<&'a Map<String, Value>> {
    let mut open = vec![(schema, 0)];
    let mut found = Vec::new();
    while let Some((schema, depth)) = open.pop() {
        let Some(members) = schema.as_object().filter(|_| depth < 32) else { continue };
        if let Some(target) = members.get("$ref").and_then(Value::as_str) {
            open.extend(root.pointer(target.trim_start_matches('#')).map(|s| (s, depth + 1)));
            continue;
        }
        let branches = ["anyOf", "oneOf", "allOf"]
            .iter()
            .filter_map(|keyword| members.get(*keyword)?.as_array())
            .flatten();
        let before = open.len();
        open.extend(branches.map(|branch| (branch, depth + 1)));
        open.extend(members.get("items").map(|items| (items, depth + 1)));
        if open.len() == before {
            found.push(members);
        }
    }
    found
}

/// Whether events of the type have a field.
pub fn has_field(repository: &Repository, type_name: &str, pointer: &str) -> bool {
    let Some(source) = repository.find(type_name) else { return false };
    let Ok(schema) = compose(repository, source, Form::Writer) else { return false };
    let mut here = vec![&schema];
    for step in pointer.split('/').skip(1) {
        let name = step.replace("~1", "/").replace("~0", "~");
        if matches!(name.as_str(), "*" | "-") {
            continue;
        }
        here = here.into_iter().flat_map(|at| under(&schema, at, &name)).map(|(s, _)| s).collect();
    }
    pointer.starts_with('/') && !here.is_empty()
}
