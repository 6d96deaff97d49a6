//! How large and how deep an event can get: a queue's message has an end, and so has a reader's
//! patience. What cannot be counted is told, since nothing would hold it to a bound.

use doorward_schema_repository::{Document, Form, Repository, Tree, compose};
use serde_json::Value;

use super::size;
use crate::finding::Finding;

/// The worst case of every type.
pub fn check(tree: &Tree, repository: &Repository, out: &mut Vec<Finding>) {
    for source in &repository.types {
        let next = tree.types.get(&source.name).and_then(|folder| folder.next.as_ref());
        let Some(next) = next else { continue };
        let schema = match compose(repository, source, Form::Writer) {
            Ok(schema) => schema,
            Err(why) => {
                // What has no bound is named where it stands.
                if !out.iter().any(|finding| finding.rule == "bound-missing") {
                    let remedy = "give it the bound, here or in the definition that is referred to";
                    out.push(Finding::at(next, "", "size", why, remedy));
                }
                continue;
            }
        };
        match size::worst(&schema) {
            Ok(worst) => within(next, &worst, out),
            Err(field) => out.push(Finding::at(
                next,
                &nearest(&next.value, &field),
                "size",
                format!("how large {field} can get cannot be counted"),
                "give it one \"type\" and its bounds, or an enum; for either of two write anyOf",
            )),
        }
    }
}

fn within(next: &Document, worst: &size::Worst, out: &mut Vec<Finding>) {
    if worst.bytes > size::LARGEST {
        let largest: Vec<String> = worst
            .parts
            .iter()
            .filter(|(at, _)| at.matches('/').count() > 1)
            .take(3)
            .map(|(at, bytes)| format!("{at} {bytes}"))
            .collect();
        out.push(Finding::at(
            next,
            "",
            "size",
            format!(
                "an event can take {} bytes, at most {} ({})",
                worst.bytes,
                size::LARGEST,
                largest.join(", ")
            ),
            "lower maxItems, maxProperties or maxLength, or narrow a pattern to ASCII",
        ));
    }
    if worst.levels > size::DEEPEST {
        out.push(Finding::at(
            next,
            "",
            "depth",
            format!("an event can be {} levels deep, at most {}", worst.levels, size::DEEPEST),
            "flatten it",
        ));
    }
}

/// The pointer of a field in the type's own schema, as far as it leads there.
fn nearest(schema: &Value, field: &str) -> String {
    let mut pointer = String::new();
    for name in field.strip_prefix("/data/").unwrap_or_default().split('/') {
        let below = match name {
            "*" => format!("{pointer}/items"),
            name => format!("{pointer}/properties/{name}"),
        };
        if schema.pointer(&below).is_none() {
            break;
        }
        pointer = below;
    }
    pointer
}
