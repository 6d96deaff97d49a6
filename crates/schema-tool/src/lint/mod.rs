//! The rules that a schema repository keeps, judged over everything in it: a schema that a
//! validator accepts may still say something else than its author meant, and a draft is the last
//! moment at which that costs nothing.

mod bounds;
mod draft04;
mod examples;
mod extent;
pub mod fields;
mod fix;
mod manifests;
pub mod pattern;
mod promises;
mod references;
pub mod register;
mod rules;
mod sensitivity;
pub mod size;
pub mod words;

use std::collections::BTreeSet;

use doorward_schema_repository::{Edition, Repository, Tree};
use jiff::civil::Date;

pub use self::fix::fix;
pub use self::rules::RULES;

use crate::finding::Finding;

/// Everything that is wrong, in the order of the files. With names, of these types alone, and of
/// what all types share.
pub fn lint(tree: &Tree, only: &BTreeSet<String>, today: Date) -> Vec<Finding> {
    let mut out = Vec::new();
    for fault in &tree.malformed {
        out.push(Finding {
            place: fault.place.clone(),
            rule: "json",
            pointer: String::new(),
            what: fault.what.clone(),
            remedy: fault.remedy.clone(),
        });
    }
    for file in &tree.stray {
        out.push(Finding::of_file(
            file,
            "file-stray",
            "the layout has no such file",
            "see schemas/README.md for what lies where",
        ));
    }
    let owners = references::check(tree, &mut out);
    for document in tree.core.values() {
        let mut own = Vec::new();
        draft04::check(document, &mut own);
        bounds::check(document, &mut own);
        let root = document.file.rsplit('/').next().and_then(|file| file.strip_suffix(".json"));
        let root = root.filter(|_| document.value.get("type").is_some());
        words::check(document, root, &mut own);
        out.append(&mut own);
    }
    for (name, folder) in &tree.types {
        manifests::check(tree, name, folder, &mut out);
        let Some(next) = &folder.next else { continue };
        let mut own = Vec::new();
        draft04::check(next, &mut own);
        bounds::check(next, &mut own);
        words::check(next, Some(name), &mut own);
        references::of_type(next, name, &owners, &mut own);
        out.append(&mut own);
    }
    register::check(tree, &mut out);
    promises::check(tree, today, &mut out);
    if let Ok(repository) = Repository::of(tree, Edition::Next) {
        examples::check(tree, &repository, &mut out);
        sensitivity::check(tree, &repository, &mut out);
        extent::check(tree, &repository, &mut out);
    } else if out.is_empty()
        && let Err(failure) = Repository::of(tree, Edition::Next)
    {
        out.push(Finding::of_file(
            "schemas",
            "manifest",
            failure.to_string(),
            "mend what it names",
        ));
    }
    if !only.is_empty() {
        out.retain(|finding| {
            let name = finding.place.file.split('/').nth(1).unwrap_or_default();
            !tree.types.contains_key(name) || only.contains(name)
        });
    }
    out.sort();
    out.dedup();
    out
}
