//! Which fields of an event are sensitive: whoever stores or shows events reads it in `type.json`,
//! so a field that is missing there is one that nobody protects.

use std::collections::{BTreeMap, BTreeSet};

use doorward_schema_repository::places::step;
use doorward_schema_repository::references::nearest;
use doorward_schema_repository::{Document, Form, Repository, Tree, compose};
use serde_json::{Map, Value};

use crate::finding::Finding;

const RULE: &str = "sensitivity";
/// At the top of a file of `core/`: the definitions that hold a person, wherever they are used.
const PERSONAL: &str = "x-personal";
/// As deep as an event may be.
const DEEPEST: usize = 16;

/// Sensitive fields are fields of the event, and those that must be are among them.
pub fn check(tree: &Tree, repository: &Repository, out: &mut Vec<Finding>) {
    let personal: BTreeSet<&str> =
        tree.core.values().flat_map(|document| personal(document, out)).collect();
    for source in &repository.types {
        let folder = tree.types.get(&source.name);
        let Some(manifest) = folder.and_then(|folder| folder.manifest.as_ref()) else { continue };
        let Ok(schema) = compose(repository, source, Form::Writer) else { continue };
        let fields = fields(&schema);
        let none = Map::new();
        let listed = manifest.value.get("sensitive_fields").and_then(Value::as_object);
        let listed = listed.unwrap_or(&none);
        for pointer in listed.keys().filter(|pointer| !fields.contains_key(*pointer)) {
            let near = nearest(pointer, fields.keys().map(String::as_str));
            out.push(Finding::at(
                manifest,
                &format!("/sensitive_fields/{}", step(pointer)),
                RULE,
                format!("an event of the type has no {pointer}"),
                near.map_or_else(
                    || "name a field from the top of the event: /data/…".to_owned(),
                    |near| format!("did you mean {near}?"),
                ),
            ));
        }
        for (pointer, definition) in &fields {
            let Some(definition) = definition.filter(|name| personal.contains(name)) else {
                continue;
            };
            let level = listed.get(pointer).and_then(Value::as_str).unwrap_or_default();
            if level.split(':').next() != Some("personal") {
                out.push(Finding::at(
                    manifest,
                    "/sensitive_fields",
                    RULE,
                    format!("{pointer} is a {definition}, which holds a person, and is not listed"),
                    format!("add \"{pointer}\": \"personal: …\""),
                ));
            }
        }
        if manifest.value.get("sensitivity").and_then(Value::as_str) == Some("personal")
            && listed.is_empty()
        {
            out.push(Finding::at(
                manifest,
                "/sensitive_fields",
                RULE,
                "the type is personal, and no field says why",
                "list the fields, each with \"personal: \" and the reason",
            ));
        }
    }
}

/// The definitions that a file of `core/` calls personal.
fn personal<'a>(document: &'a Document, out: &mut Vec<Finding>) -> Vec<&'a str> {
    let Some(listed) = document.value.get(PERSONAL) else { return Vec::new() };
    let defined = document.value.get("definitions").and_then(Value::as_object);
    let Some(names) = listed.as_array() else {
        let at = format!("/{PERSONAL}");
        let remedy = "write the names of definitions of this file";
        out.push(Finding::at(document, &at, RULE, "no list of definitions", remedy));
        return Vec::new();
    };
    let mut known = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match name.as_str().filter(|name| defined.is_some_and(|all| all.contains_key(*name))) {
            Some(name) => known.push(name),
            None => out.push(Finding::at(
                document,
                &format!("/{PERSONAL}/{index}"),
                RULE,
                format!("this file defines no {name}"),
                "write the name of a definition of this file",
            )),
        }
    }
    known
}

/// The JSON pointers of all members of a composed schema, `*` for the items of arrays and maps,
/// each with the definition that it refers to.
fn fields(schema: &Value) -> BTreeMap<String, Option<&str>> {
    let mut fields = BTreeMap::new();
    let mut open = vec![(schema, String::new(), 0)];
    while let Some((here, at, depth)) = open.pop() {
        let target = here.get("$ref").and_then(Value::as_str);
        if let Some(name) = target.and_then(|target| target.rsplit('/').next())
            && let Some(found) = fields.get_mut(&at)
        {
            *found = Some(name);
        }
        let here = match target {
            Some(target) => schema.pointer(target.trim_start_matches('#')).unwrap_or(here),
            None => here,
        };
        if depth > DEEPEST {
            continue;
        }
        for (name, inner) in here.get("properties").and_then(Value::as_object).into_iter().flatten()
        {
            let at = format!("{at}/{}", step(name));
            fields.insert(at.clone(), None);
            open.push((inner, at, depth + 1));
        }
        let entries = here.get("patternProperties").and_then(Value::as_object);
        let entries = entries.into_iter().flat_map(Map::values);
        for inner in entries.chain(here.get("items")) {
            let at = format!("{at}/*");
            fields.insert(at.clone(), None);
            open.push((inner, at, depth + 1));
        }
        for keyword in ["allOf", "anyOf", "oneOf"] {
            for inner in here.get(keyword).and_then(Value::as_array).into_iter().flatten() {
                open.push((inner, at.clone(), depth + 1));
            }
        }
    }
    fields
}
