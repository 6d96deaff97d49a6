//! The matcher of patterns against patterns and events that others wrote: a folder of the kind
//! that event-ruler's own tests read. It lies outside this repository, so a run takes it by name.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use doorward_schema_repository::Files;
use serde_json::Value;

use super::{matching, pattern};

/// What a run over a folder found.
#[derive(Debug, Default)]
pub struct Conformance {
    /// Patterns that must be read, and whether they were.
    pub read: Vec<(String, Result<(), String>)>,
    /// Patterns that must be refused, and whether they were.
    pub refused: Vec<(String, Result<(), String>)>,
    /// Rule, event, and whether it matches.
    pub matched: Vec<(String, String, bool)>,
}

/// Reads every file: `*Event*.json` are events, `wrong*` patterns that must be refused, the rest
/// patterns that must be read; a file may hold a list of them.
pub fn run(folder: &Path) -> anyhow::Result<Conformance> {
    let files = Files::of_folder(folder, ".").context("the folder of patterns and events")?;
    let mut conformance = Conformance::default();
    let (mut events, mut rules) = (BTreeMap::new(), BTreeMap::new());
    for (file, text) in files.iter() {
        let name = file.trim_start_matches("./").trim_end_matches(".json").to_owned();
        let value: Value = serde_json::from_str(text).with_context(|| file.to_owned())?;
        if name.contains("Event") {
            events.insert(name, value);
            continue;
        }
        let several = match value {
            Value::Array(values) => values,
            value => vec![value],
        };
        for (index, value) in several.iter().enumerate() {
            let name = format!("{name}/{index}");
            let read = pattern::read(value);
            let why = read.as_ref().err().map(ToString::to_string);
            if name.starts_with("wrong") {
                let refused = why.map_or_else(|| Err("it was read".to_owned()), |_| Ok(()));
                conformance.refused.push((name, refused));
            } else {
                conformance.read.push((name.clone(), why.map_or(Ok(()), Err)));
                rules.extend(read.ok().map(|pattern| (name, pattern)));
            }
        }
    }
    for (rule, pattern) in &rules {
        for (event, value) in &events {
            let matched = matching::matches(pattern, value);
            conformance.matched.push((rule.clone(), event.clone(), matched));
        }
    }
    Ok(conformance)
}
