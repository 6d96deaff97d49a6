//! A document for one change by itself. The change alone is made to the old schema, or alone undone
//! in the new one; what that lets in or shuts out is looked for, and judged by the real two.

use serde_json::{Map, Value};

use crate::change::{Change, Effect, Part};
use crate::evaluate::equal;
use crate::include::included;
use crate::pointer::child;
use crate::read::{Arena, validators};
use crate::stack::with_room;
use crate::validator::confirm;
use crate::verdict::{Counterexample, Inclusion, Limits, Side, Unusable};

/// A document that shows a change.
#[derive(Debug, Clone, PartialEq)]
pub enum Witness {
    /// Valid before, and not after.
    OnlyOld(Counterexample),
    /// Valid after, and not before.
    OnlyNew(Counterexample),
    /// Searched for, and not found.
    None,
}

/// A document that shows this one change: valid before and not after, or the reverse.
///
/// # Errors
/// As for [`included`].
pub fn witness(
    change: &Change,
    old: &Value,
    new: &Value,
    limits: &Limits,
) -> Result<Witness, Unusable> {
    with_room(|| show(change, old, new, limits)).unwrap_or(Ok(Witness::None))
}

fn show(change: &Change, old: &Value, new: &Value, limits: &Limits) -> Result<Witness, Unusable> {
    Arena::of(old, new)?;
    let (before, after) = validators(old, new)?;
    if change.effect == Effect::Neither {
        return Ok(Witness::None);
    }
    // The change made alone, and the change undone alone: either may show it.
    let pairs = [
        apply(change, Side::Old, old, new).map(|made| (old.clone(), made)),
        apply(change, Side::New, new, old).map(|undone| (undone, new.clone())),
    ];
    let lost_first = change.effect != Effect::Widens;
    for lost in [lost_first, !lost_first] {
        for (without, with) in pairs.iter().flatten() {
            let (sub, sup) = if lost { (without, with) } else { (with, without) };
            let Ok(Inclusion::Refuted(found)) = included(sub, sup, limits) else { continue };
            let (accepting, refusing) = if lost { (&before, &after) } else { (&after, &before) };
            if let Some(found) = confirm(accepting, refusing, &found.document) {
                return Ok(if lost { Witness::OnlyOld(found) } else { Witness::OnlyNew(found) });
            }
        }
    }
    Ok(Witness::None)
}

/// One schema with the part of a change as it is in the other.
fn apply(change: &Change, side: Side, base: &Value, other: &Value) -> Option<Value> {
    let (here, there) = match side {
        Side::Old => (&change.old_schema, &change.new_schema),
        Side::New => (&change.new_schema, &change.old_schema),
    };
    let mut changed = base.clone();
    let from = other.pointer(there)?.as_object()?;
    let name = free_name(base);
    let bring = |value: &Value| {
        let mut value = value.clone();
        redirect(&mut value, &child("#/definitions", &name));
        value
    };
    {
        let to = changed.pointer_mut(here)?.as_object_mut()?;
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
                let list = to
                    .entry(*keyword)
                    .or_insert_with(|| Value::Array(Vec::new()))
                    .as_array_mut()?;
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
                }
            }
        }
    }
    let mut whole = other.clone();
    redirect(&mut whole, &child("#/definitions", &name));
    let members = whole.as_object_mut()?;
    members.remove("$schema");
    members.remove("id");
    let root = changed.as_object_mut()?;
    let definitions = root.entry("definitions").or_insert_with(|| Value::Object(Map::new()));
    definitions.as_object_mut()?.insert(name, whole);
    Some(changed)
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

/// A name under `definitions` that is not taken.
fn free_name(schema: &Value) -> String {
    let taken = schema.get("definitions").and_then(Value::as_object);
    let mut name = "other schema".to_owned();
    while taken.is_some_and(|taken| taken.contains_key(&name)) {
        name.push('+');
    }
    name
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
