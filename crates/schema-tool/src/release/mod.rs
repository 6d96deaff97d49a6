//! Releases: `next.json` frozen into a file that never changes.
//!
//! What is not linted, not changed or not compatible is refused before anything is written. Types
//! that carry the same statement are released with the same one, since a gateway has one reader
//! for it.

use std::collections::BTreeSet;

use doorward_schema_repository::bundle::{self, freeze};
use doorward_schema_repository::lock::{self, Release};
use doorward_schema_repository::{Edition, Repository, Tree, Version};
use jiff::civil::Date;
use serde_json::{Value, json};

use crate::breaking::{Report, with_releases};
use crate::finding::Finding;
use crate::lint::lint;

/// What a release would do.
#[derive(Debug, Default)]
pub struct Plan {
    /// The types with their new versions.
    pub released: Vec<(String, Version)>,
    /// Types that are as their newest release has them.
    pub unchanged: Vec<String>,
    /// Files to write, in this order: a lock that knows more than there is would be an error.
    pub files: Vec<(String, String)>,
}

/// Why nothing is released.
#[derive(Debug)]
pub enum Refusal {
    /// `lint` has something to say.
    Unlinted(Vec<Finding>),
    /// The gate.
    Incompatible(Report),
    /// Anything else, with the remedy.
    Other(String),
}

/// Plans the release of these types.
pub fn plan(tree: &Tree, types: &[String], reason: &str, today: Date) -> Result<Plan, Refusal> {
    let other = |why: &dyn std::fmt::Display| Refusal::Other(why.to_string());
    let findings = lint(tree, &types.iter().cloned().collect(), today);
    if !findings.is_empty() {
        return Err(Refusal::Unlinted(findings));
    }
    let mut lock = tree.locked().map_err(|broken| match broken.first() {
        Some(first) => other(first),
        None => Refusal::Other("the lock is broken".to_owned()),
    })?;
    let next = Repository::of(tree, Edition::Next).map_err(|e| other(&e))?;
    let mut plan = Plan::default();
    let mut bundles = Vec::new();
    for name in types {
        let (Some(source), Some(folder)) = (next.find(name), tree.types.get(name)) else {
            continue;
        };
        let newest = folder.newest();
        let version = newest.map_or(Version::FIRST, |(version, _)| version.next());
        let bundle = freeze(&next, source, version).map_err(|e| other(&e))?;
        if newest.is_some_and(|(_, old)| same(&old.value, &bundle)) {
            plan.unchanged.push(name.clone());
        } else {
            plan.released.push((name.clone(), version));
            bundles.push((name, version, bundle));
        }
    }
    let names: Vec<String> = plan.released.iter().map(|(name, _)| name.clone()).collect();
    let report = with_releases(tree, &names, today).map_err(|e| other(&e))?;
    if report.fails() {
        return Err(Refusal::Incompatible(report));
    }
    statements(tree, &next, &names)?;

    for (name, version, bundle) in bundles {
        let text = bundle::text(&bundle);
        let promise = lock.types.entry(name.clone()).or_default();
        let excused = report.breaks.iter().filter(|found| found.type_name == *name);
        let mut exceptions: Vec<Value> = Vec::new();
        for exception in excused.filter_map(|found| found.excused.clone()) {
            if !exceptions.contains(&exception) {
                exceptions.push(exception);
            }
        }
        let first = version == Version::FIRST && reason.is_empty();
        let reason = if first { "First release." } else { reason };
        let sha256 = lock::sha256(text.as_bytes());
        promise.versions.insert(version, Release { sha256, reason: reason.to_owned(), exceptions });
        plan.files.push((format!("schemas/{name}/{version}.json"), text));
        plan.files.extend(manifest(tree, name, version));
    }
    if !plan.released.is_empty() {
        plan.files.push((lock::FILE.to_owned(), lock.text()));
    }
    Ok(plan)
}

/// Whether two bundles say the same, but for their numbers.
fn same(old: &Value, new: &Value) -> bool {
    let without = |bundle: &Value| {
        let mut bundle = bundle.clone();
        if let Some(members) = bundle.as_object_mut() {
            members.remove("x-version");
        }
        bundle
    };
    without(old) == without(new)
}

/// `type.json` with the new version.
fn manifest(tree: &Tree, name: &str, version: Version) -> Option<(String, String)> {
    let document = tree.types.get(name)?.manifest.as_ref()?;
    let mut value = document.value.clone();
    let members = value.as_object_mut()?;
    members.insert("version".to_owned(), json!(version.to_string()));
    if members.get("lifecycle").and_then(Value::as_str) == Some("draft") {
        members.insert("lifecycle".to_owned(), json!("active"));
    }
    Some((document.file.clone(), bundle::text(&value)))
}

/// Released types that carry a statement of one name carry the same.
fn statements(tree: &Tree, next: &Repository, names: &[String]) -> Result<(), Refusal> {
    use doorward_schema_repository::compose::of_statement;
    let released: BTreeSet<&str> = names.iter().map(String::as_str).collect();
    for source in next.types.iter().filter(|source| released.contains(source.name.as_str())) {
        let Some(statement) = &source.statement else { continue };
        let new = of_statement(&next.definitions, statement).map_err(Refusal::Other)?;
        for other in &next.types {
            let folder = tree.types.get(&other.name);
            let newest = folder.and_then(|folder| folder.newest());
            if other.statement.as_ref() != Some(statement) || released.contains(other.name.as_str())
            {
                continue;
            }
            let Some((_, document)) = newest else { continue };
            let fail = |e: &dyn std::fmt::Display| Refusal::Other(e.to_string());
            let old = other.released(document).map_err(|e| fail(&e))?;
            let definitions = old.surroundings(next).1;
            if of_statement(definitions, statement).map_err(Refusal::Other)? != new {
                return Err(Refusal::Other(format!(
                    "{} and {} carry the same {statement}, which changed; release both in one call",
                    source.name, other.name
                )));
            }
        }
    }
    Ok(())
}
