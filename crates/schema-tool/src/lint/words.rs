//! Names and descriptions: what people read first, and what bindings are named by.

use doorward_schema_repository::Document;
use doorward_schema_repository::places::step;
use doorward_schema_repository::walk::{each_schema_at, pascal_case};
use serde_json::{Map, Value};

use crate::finding::Finding;

/// Whether it is what `new` left to be said.
pub fn is_left_to_say(text: &str) -> bool {
    text.starts_with("Say here ")
}

/// The names of members and definitions, and what is said of them.
///
/// `root` is the name of the type or of the definition that the document itself is, if it is one.
pub fn check(document: &Document, root: Option<&str>, out: &mut Vec<Finding>) {
    if let Some(name) = root {
        let title = document.value.get("title").and_then(Value::as_str);
        let wanted = pascal_case(name);
        if title != Some(wanted.as_str()) {
            out.push(Finding::at(
                document,
                "/title",
                "description-form",
                format!("the title is not {wanted:?}"),
                format!("write \"title\": {wanted:?}"),
            ));
        }
    }
    each_schema_at(&document.value, &mut |at, schema| {
        described(document, at, schema, root, out);
        for name in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            if !is_snake(name.0) {
                out.push(Finding::at(
                    document,
                    &format!("{at}/properties/{}", step(name.0)),
                    "member-name",
                    format!("{:?} is not lower_snake", name.0),
                    format!("call it {:?}", snake(name.0)),
                ));
            }
        }
        for name in schema.get("definitions").and_then(Value::as_object).into_iter().flatten() {
            if !is_pascal(name.0) {
                out.push(Finding::at(
                    document,
                    &format!("{at}/definitions/{}", step(name.0)),
                    "definition-name",
                    format!("{:?} is not PascalCase", name.0),
                    format!("call it {:?}", pascal_case(name.0)),
                ));
            }
        }
    });
}

fn described(
    document: &Document,
    at: &str,
    schema: &Map<String, Value>,
    root: Option<&str>,
    out: &mut Vec<Finding>,
) {
    let description = schema.get("description").and_then(Value::as_str);
    if let Some(text) = description {
        if is_left_to_say(text) {
            out.push(Finding::at(
                document,
                &format!("{at}/description"),
                "description-missing",
                format!("nobody did yet: {text:?}"),
                "say it in its place",
            ));
        }
        let begins = text.chars().next().is_some_and(|c| !c.is_lowercase() || !c.is_alphabetic());
        if !begins || !text.ends_with('.') || text.len() > 1000 || text.trim() != text {
            out.push(Finding::at(
                document,
                &format!("{at}/description"),
                "description-form",
                format!("{text:?} is no sentence"),
                "begin with a capital, end with a full stop, at most 1000 characters",
            ));
        }
        return;
    }
    let steps: Vec<&str> = at.split('/').collect();
    let (kind, name) = match steps.as_slice() {
        [""] if root.is_some() => ("the type", String::new()),
        [.., "definitions", name] => ("the definition", format!(" {name}")),
        [.., "properties", name] if !schema.contains_key("$ref") => {
            ("the member", format!(" {name}"))
        }
        _ => return,
    };
    out.push(Finding::at(
        document,
        at,
        "description-missing",
        format!("{kind}{name} has no description"),
        "say in a sentence what it means, not what it is called",
    ));
}

/// `lower_snake`: letters, digits and single underscores, a letter first.
pub fn is_snake(name: &str) -> bool {
    name.split('_').all(|word| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    }) && name.starts_with(|c: char| c.is_ascii_lowercase())
}

fn is_pascal(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A name of an event type: dotted `lower_snake`, at least two words.
pub fn is_type_name(name: &str) -> bool {
    name.len() <= 128 && name.contains('.') && name.split('.').all(is_snake)
}

fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.push(if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '_' });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        assert!(is_type_name("entry.lock_changed") && is_type_name("entry.moved.v2"));
        for wrong in ["entry", "Entry.moved", "entry..moved", "entry.moved-on", "entry._x", "1.a"] {
            assert!(!is_type_name(wrong), "{wrong}");
        }
        assert_eq!(snake("batteryLevel"), "battery_level");
        assert_eq!(snake("battery-level"), "battery_level");
    }
}
