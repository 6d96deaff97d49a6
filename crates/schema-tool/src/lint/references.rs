//! Where references lead, who defines what, and whether anything goes in circles.

use std::collections::BTreeMap;

use doorward_schema_repository::places::step;
use doorward_schema_repository::publishers::CORE_FROM;
use doorward_schema_repository::references::{Owners, bundle, cycle, reachable, resolve};
use doorward_schema_repository::walk::each_schema_at;
use doorward_schema_repository::{Definitions, Document, Tree};
use serde_json::{Map, Value, json};

use crate::finding::Finding;

/// Checks `core/`, and says who defines what.
pub fn check(tree: &Tree, out: &mut Vec<Finding>) -> Owners {
    let mut owners = Owners::new();
    for (file, document) in &tree.core {
        let names = document.value.get("definitions").and_then(Value::as_object);
        for name in names.into_iter().flat_map(Map::keys) {
            if let Some(other) = owners.insert(name.clone(), file.clone()) {
                out.push(Finding::at(
                    document,
                    &format!("/definitions/{}", step(name)),
                    "definition-name",
                    format!("{name} is defined in core/{other} too"),
                    "refer to the other, or give this one a name of its own",
                ));
            }
        }
    }
    for (file, document) in &tree.core {
        of_document(document, &format!("core/{file}"), &owners, out);
    }
    circles(tree, &owners, out);
    if is_whole(tree) && !is_taken_over(tree) {
        unused(tree, &owners, out);
    }
    owners
}

/// Checks the references of a type.
pub fn of_type(document: &Document, name: &str, owners: &Owners, out: &mut Vec<Finding>) {
    of_document(document, &format!("{name}/next.json"), owners, out);
}

fn of_document(document: &Document, file: &str, owners: &Owners, out: &mut Vec<Finding>) {
    each_schema_at(&document.value, &mut |at, schema| {
        let Some(target) = schema.get("$ref") else { return };
        let wrong = match target.as_str() {
            Some(target) => resolve(target, file, owners).err(),
            None => None,
        };
        if let Some(astray) = wrong {
            let here = format!("{at}/$ref");
            out.push(Finding::at(document, &here, "ref-astray", astray.what, astray.remedy));
        }
    });
}

/// The definitions with bundled references, as far as they lead somewhere.
fn definitions(tree: &Tree, owners: &Owners) -> Definitions {
    let mut definitions = BTreeMap::new();
    for (file, document) in &tree.core {
        let mut value = document.value.clone();
        if bundle(&mut value, &format!("core/{file}"), owners).is_err() {
            continue;
        }
        if let Some(Value::Object(own)) = value.get_mut("definitions").map(Value::take) {
            definitions.extend(own);
        }
        if let Some(name) = file.strip_suffix(".json").filter(|_| value.get("type").is_some()) {
            definitions.insert(name.to_owned(), value);
        }
    }
    definitions
}

fn circles(tree: &Tree, owners: &Owners, out: &mut Vec<Finding>) {
    let Some(way) = cycle(&definitions(tree, owners)) else { return };
    let first = way.first().map(String::as_str).unwrap_or_default();
    let what = format!("it contains itself: {}", way.join(" -> "));
    let remedy = "bound it: write the levels out, or refer to the inner one by an id";
    if let Some((document, pointer)) = tree.owner(first) {
        out.push(Finding::at(document, &pointer, "ref-cycle", what, remedy));
    }
}

/// Whether `core/` is another repository's: what is unused here is used there.
fn is_taken_over(tree: &Tree) -> bool {
    tree.publishers.as_ref().is_some_and(|register| register.value.get(CORE_FROM).is_some())
}

/// Whether all is there that may use a definition: what is missing or cannot be read, which is a
/// finding of its own, may use each of them.
fn is_whole(tree: &Tree) -> bool {
    let of_core = |file: &str| file.starts_with("schemas/core/");
    tree.types.values().all(|folder| folder.next.is_some() && folder.manifest.is_some())
        && tree.publishers.is_some()
        && !tree.malformed.iter().any(|fault| of_core(&fault.place.file))
}

fn unused(tree: &Tree, owners: &Owners, out: &mut Vec<Finding>) {
    let definitions = definitions(tree, owners);
    if cycle(&definitions).is_some() {
        return;
    }
    let reference = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    let mut roots: Vec<Value> = ["Envelope", "GatewayOrigin"].map(reference).to_vec();
    for (name, folder) in &tree.types {
        if let Some(next) = &folder.next {
            let mut value = next.value.clone();
            if bundle(&mut value, &format!("{name}/next.json"), owners).is_err() {
                return;
            }
            roots.push(value);
        }
        let manifest = folder.manifest.as_ref();
        let statement = manifest.and_then(|m| m.value.get("statement")).and_then(Value::as_str);
        roots.extend(statement.map(reference));
    }
    let mut used = std::collections::BTreeSet::new();
    for root in &roots {
        match reachable(root, &definitions) {
            Ok(names) => used.extend(names),
            Err(_) => return,
        }
    }
    for (name, file) in owners {
        if !used.contains(name)
            && let Some(document) = tree.core.get(file)
        {
            out.push(Finding::at(
                document,
                &format!("/definitions/{}", step(name)),
                "definition-unused",
                format!("no type uses {name}"),
                "remove it, or refer to it",
            ));
        }
    }
}
