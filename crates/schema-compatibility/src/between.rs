//! The states between two schemas, which nobody wrote: one of them with some changes of the other,
//! and what both of two accept. There a change can be looked at without those that came with it.

use std::cmp::Reverse;

use serde_json::{Map, Value, json};

use crate::change::{Change, Part};
use crate::evaluate::equal;
use crate::pointer::child;
use crate::verdict::Side;

/// The schema of one side with these changes as they are on the other: the old one with them made,
/// or the new one with them undone. None where one of them has no place there.
pub fn with_changes(changes: &[&Change], side: Side, old: &Value, new: &Value) -> Option<Value> {
    let (base, other) = match side {
        Side::Old => (old, new),
        Side::New => (new, old),
    };
    let mut changed = base.clone();
    let name = free_name(base);
    for change in changes {
        unshare(change, side, &mut changed)?;
    }
    for change in in_order(changes, side) {
        let (here, there) = places(change, side);
        let from = Other { schema: other.pointer(there)?.as_object()?, name: &name };
        match uses(change, side) {
            [] => turn(change, side, changed.pointer_mut(here)?, &from)?,
            uses => {
                for here in uses {
                    turn(change, side, changed.pointer_mut(here)?, &from)?;
                }
            }
        }
    }
    keep(&mut changed, &name, other)?;
    Some(changed)
}

/// The schema of the documents that both accept. Pointers into the first lead to the same in it.
pub fn both(one: &Value, other: &Value) -> Option<Value> {
    let mut both = one.clone();
    let name = free_name(one);
    let root = both.as_object_mut()?;
    let mut branches = Vec::new();
    if let Some(reference) = root.remove("$ref") {
        // Beside a reference nothing counts.
        root.retain(|member, _| member == "definitions");
        branches.push(json!({ "$ref": reference }));
    } else {
        let own = root.remove("allOf").and_then(|own| own.as_array().cloned());
        branches.extend(own.into_iter().flatten());
    }
    branches.push(json!({ "$ref": reference_to(&name) }));
    root.insert("allOf".to_owned(), Value::Array(branches));
    keep(&mut both, &name, other)?;
    Some(both)
}

/// What leaves a list leaves it last, the inner list before the outer one and each from its end:
/// what stands behind moves up.
fn in_order<'a>(changes: &[&'a Change], side: Side) -> Vec<&'a Change> {
    let mut ordered = changes.to_vec();
    ordered.sort_by_key(|change| match &change.part {
        Part::Element(_, place) if change.side == side => {
            Some(Reverse((places(change, side).0.len(), *place)))
        }
        _ => None,
    });
    ordered
}

/// Where the subschema of a change stands on this side, and on the other.
fn places(change: &Change, side: Side) -> (&str, &str) {
    match side {
        Side::Old => (&change.old_schema, &change.new_schema),
        Side::New => (&change.new_schema, &change.old_schema),
    }
}

/// Those that a change of a shared subschema is of.
fn uses(change: &Change, side: Side) -> &[String] {
    match side {
        Side::Old => &change.old_places,
        Side::New => &change.new_places,
    }
}

/// Gives each place that a change is of a subschema of its own.
fn unshare(change: &Change, side: Side, changed: &mut Value) -> Option<()> {
    for place in uses(change, side) {
        let refers = changed.pointer(place)?.get("$ref").is_some();
        if refers {
            if place.is_empty() {
                return None;
            }
            let own = changed.pointer(places(change, side).0)?.clone();
            *changed.pointer_mut(place)? = own;
        }
    }
    Some(())
}

/// The subschema of the other side, whose whole is kept under a name.
struct Other<'a> {
    schema: &'a Map<String, Value>,
    name: &'a str,
}

/// Turns the part of a change into what it is in the other schema.
fn turn(change: &Change, side: Side, to: &mut Value, other: &Other<'_>) -> Option<()> {
    let from = other.schema;
    let bring = |value: &Value| {
        let mut value = value.clone();
        redirect(&mut value, &child("#/definitions", other.name));
        value
    };
    let to = to.as_object_mut()?;
    match &change.part {
        Part::Annotation(_) => return None,
        Part::Keywords(keywords) => {
            for keyword in keywords {
                put(to, keyword, from.get(*keyword).map(bring));
            }
        }
        Part::Entry(keyword, entry) => {
            let value = from.get(*keyword).and_then(|map| map.get(entry)).map(bring);
            let map = to.entry(*keyword).or_insert_with(|| Value::Object(Map::new()));
            put(map.as_object_mut()?, entry, value);
        }
        Part::Element(keyword, place) => {
            // The element stands in the list of the change's own side, and is brought or taken.
            let comes = change.side != side;
            let list =
                to.entry(*keyword).or_insert_with(|| Value::Array(Vec::new())).as_array_mut()?;
            if comes {
                list.push(bring(from.get(*keyword)?.get(*place)?));
            } else {
                if *place >= list.len() {
                    return None;
                }
                list.remove(*place);
            }
            if list.is_empty() {
                to.remove(*keyword);
                // Of no alternatives, none is met.
                if matches!(*keyword, "enum" | "anyOf" | "oneOf") {
                    to.insert("not".to_owned(), json!({}));
                }
            }
        }
    }
    Some(())
}

fn put(map: &mut Map<String, Value>, key: &str, value: Option<Value>) {
    match value {
        Some(value) => {
            if map.get(key).is_none_or(|was| !equal(was, &value)) {
                map.insert(key.to_owned(), value);
            }
        }
        None => {
            map.remove(key);
        }
    }
}

/// Keeps a whole schema among the definitions of another.
fn keep(schema: &mut Value, name: &str, whole: &Value) -> Option<()> {
    let mut whole = whole.clone();
    redirect(&mut whole, &child("#/definitions", name));
    let members = whole.as_object_mut()?;
    members.remove("$schema");
    members.remove("id");
    let root = schema.as_object_mut()?;
    let definitions = root.entry("definitions").or_insert_with(|| Value::Object(Map::new()));
    definitions.as_object_mut()?.insert(name.to_owned(), whole);
    Some(())
}

/// A name under `definitions` that is not taken.
fn free_name(schema: &Value) -> String {
    let taken = schema.get("definitions").and_then(Value::as_object);
    let mut name = "other schema".to_owned();
    while taken.is_some_and(|taken| taken.contains_key(&name)) {
        name.push('+');
    }
    name
}

fn reference_to(name: &str) -> String {
    child("#/definitions", name).replace(' ', "%20")
}

/// Turns local references to where the document now stands.
fn redirect(value: &mut Value, base: &str) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| redirect(item, base)),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if name == "$ref" => {
                        if let Some(rest) = text.strip_prefix('#') {
                            *text = format!("{}{rest}", base.replace(' ', "%20"));
                        }
                    }
                    Value::Array(_) if name == "enum" => {}
                    _ => redirect(member, base),
                }
            }
        }
        _ => {}
    }
}
