//! What a `$ref` of the repository may say, and where it leads. Only definitions of `core/` are
//! shared, each by the file that defines it; nothing is ever fetched, and nothing contains itself,
//! since an event has a bound.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::walk::{each_schema, each_schema_at, referenced};

/// Which file in `core/` defines a name.
pub type Owners = BTreeMap<String, String>;

/// A reference that leads nowhere, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Astray {
    pub what: String,
    pub remedy: String,
}

/// The definition that a `$ref` in the file (`core/NAME` or `TYPE/next.json`) leads to.
pub fn resolve(target: &str, file: &str, owners: &Owners) -> Result<String, Astray> {
    let astray = |what: String, remedy: String| Err(Astray { what, remedy });
    if target.contains("://") || target.starts_with("//") {
        return astray(
            format!("the remote reference {target:?} is never fetched"),
            "copy the definition into a file of schemas/core and refer to that".to_owned(),
        );
    }
    let Some((place, name)) = target.split_once("#/definitions/") else {
        return astray(
            format!("{target:?} names no definition"),
            "write ../core/FILE.json#/definitions/NAME".to_owned(),
        );
    };
    let own = file.strip_prefix("core/");
    let place = match (own, place) {
        (Some(own), "") => own,
        (Some(_), other) => other,
        (None, other) => other.strip_prefix("../core/").unwrap_or(other),
    };
    let prefix = if own.is_some() { "" } else { "../core/" };
    match owners.get(name) {
        Some(owner) if owner == place => Ok(name.to_owned()),
        Some(owner) => astray(
            format!("{target:?}: {name} is not defined there"),
            format!("write {prefix}{owner}#/definitions/{name}"),
        ),
        None => {
            let near = nearest(name, owners.keys().map(String::as_str));
            let hint = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            astray(
                format!("{target:?}: nothing in schemas/core defines {name}"),
                format!("define it there{hint}"),
            )
        }
    }
}

/// Rewrites references to files as bundled ones; those that lead nowhere are told with their place.
pub fn bundle(document: &mut Value, file: &str, owners: &Owners) -> Result<(), (String, Astray)> {
    let mut wrong = None;
    each_schema_at(document, &mut |pointer, schema| {
        if let Some(Value::String(target)) = schema.get("$ref")
            && let Err(astray) = resolve(target, file, owners)
        {
            wrong.get_or_insert((format!("{pointer}/$ref"), astray));
        }
    });
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    each_schema(document, &mut |schema: &mut Map<String, Value>| {
        if let Some(Value::String(target)) = schema.get_mut("$ref")
            && let Ok(name) = resolve(target, file, owners)
        {
            *target = format!("#/definitions/{name}");
        }
    });
    Ok(())
}

/// The definitions that bundled references of a schema name.
pub fn named(schema: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    each_schema_at(schema, &mut |_, inner| names.extend(referenced(inner).map(str::to_owned)));
    names
}

/// The definitions that a schema needs, directly or through others, in the order in which they are
/// found; or the first name that is not among those given.
pub fn reachable(
    schema: &Value,
    definitions: &BTreeMap<String, Value>,
) -> Result<Vec<String>, String> {
    let mut wanted = named(schema);
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    while let Some(name) = wanted.pop_first() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let definition = definitions.get(&name).ok_or_else(|| name.clone())?;
        wanted.append(&mut named(definition));
        found.push(name);
    }
    Ok(found)
}

/// A definition that contains itself, with the way round.
pub fn cycle(definitions: &BTreeMap<String, Value>) -> Option<Vec<String>> {
    let edges: BTreeMap<&str, BTreeSet<String>> =
        definitions.iter().map(|(name, schema)| (name.as_str(), named(schema))).collect();
    let mut done = BTreeSet::new();
    for name in edges.keys() {
        // Each entry: a definition, and those that it names and that are not looked at yet.
        let mut way = vec![((*name).to_owned(), edges.get(name).cloned().unwrap_or_default())];
        while let Some((_, open)) = way.last_mut() {
            let Some(next) = open.pop_first() else {
                done.extend(way.pop().map(|(name, _)| name));
                continue;
            };
            if let Some(begin) = way.iter().position(|(name, _)| *name == next) {
                let mut names: Vec<_> = way.into_iter().skip(begin).map(|(name, _)| name).collect();
                names.push(next);
                return Some(names);
            }
            if !done.contains(&next) {
                let open = edges.get(next.as_str()).cloned().unwrap_or_default();
                way.push((next, open));
            }
        }
    }
    None
}

/// The word that is most like this one, if one is like it at all.
pub fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (word.len() / 3).clamp(1, 3);
    let distances = words.map(|other| (distance(word, other), other));
    distances.filter(|(far, _)| *far <= bound).min().map(|(_, other)| other)
}

/// How many letters must be changed, added or taken away (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.to_lowercase().chars().enumerate() {
        let mut corner = line;
        let mut left = line + 1;
        let mut next = vec![left];
        for (known, above) in other.iter().zip(row.iter().skip(1)) {
            let here = (corner + usize::from(*known != letter)).min(left + 1).min(above + 1);
            corner = *above;
            left = here;
            next.push(here);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owners() -> Owners {
        Owners::from([("Uuid".to_owned(), "primitives.json".to_owned())])
    }

    #[test]
    fn a_reference_names_the_file_that_defines_its_target() {
        let told = |target: &str, file: &str| match resolve(target, file, &owners()) {
            Ok(name) => name,
            Err(astray) => format!("{}; {}", astray.what, astray.remedy),
        };
        assert_eq!(told("../core/primitives.json#/definitions/Uuid", "a.b/next.json"), "Uuid");
        assert_eq!(told("#/definitions/Uuid", "core/primitives.json"), "Uuid");
        let remote = told("https://example.org/x.json#/definitions/Uuid", "a.b/next.json");
        assert!(remote.contains("never fetched"), "{remote}");
        let typo = told("../core/primitives.json#/definitions/Uuidd", "a.b/next.json");
        assert!(typo.ends_with("did you mean Uuid?"), "{typo}");
        let file = told("../core/access.json#/definitions/Uuid", "a.b/next.json");
        assert!(file.ends_with("write ../core/primitives.json#/definitions/Uuid"), "{file}");
    }

    #[test]
    fn a_cycle_is_found_with_its_way() {
        let to = |name: &str| json!({ "items": { "$ref": format!("#/definitions/{name}") } });
        let mut definitions = BTreeMap::from([
            ("A".to_owned(), to("B")),
            ("B".to_owned(), to("C")),
            ("C".to_owned(), json!({ "type": "string" })),
        ]);
        assert_eq!(cycle(&definitions), None);
        definitions.insert("C".to_owned(), to("B"));
        assert_eq!(cycle(&definitions), Some(vec!["B".into(), "C".into(), "B".into()]));
    }
}
