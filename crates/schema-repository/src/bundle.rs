//! A released version: one self-contained file that never changes.
//!
//! It holds the type's data with every definition that the whole event needs, the envelope, the
//! origin and the statement among them, so that neither an edit in `core/` nor one in `next.json`
//! changes what a binary writes before the next release. What people read (descriptions, what is
//! closed) stays in it; both forms are derived from it as from a draft.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::places::Document;
use crate::references::reachable;
use crate::repository::{Definitions, Direction, Repository, TypeSource};
use crate::version::Version;

/// What surrounds the data of a released version.
#[derive(Debug, Clone, PartialEq)]
pub struct Frozen {
    pub envelope: Value,
    pub definitions: Definitions,
}

/// A released version, read.
#[derive(Debug, Clone, PartialEq)]
pub struct Bundle {
    pub name: String,
    pub version: Version,
    pub direction: Direction,
    pub statement: Option<String>,
    pub data: Value,
    pub frozen: Frozen,
}

/// The name of the envelope among the definitions of a bundle.
const ENVELOPE: &str = "Envelope";

/// The bundle of a type as it stands in `next.json` and `core/`.
///
/// `repository` is the edition of what comes next, and `source` one of its types.
pub fn freeze(
    repository: &Repository,
    source: &TypeSource,
    version: Version,
) -> Result<Value, String> {
    let (envelope, definitions) = source.surroundings(repository);
    let mut roots = vec![source.data.clone(), envelope.clone()];
    let reference = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    if source.direction.may_have_origin() {
        roots.push(reference("GatewayOrigin"));
    }
    roots.extend(source.statement.as_deref().map(reference));
    let mut names = BTreeSet::new();
    for root in &roots {
        let found = reachable(root, definitions);
        names.extend(found.map_err(|name| format!("no definition {name}"))?);
    }
    let mut needed = BTreeMap::from([(ENVELOPE.to_owned(), envelope.clone())]);
    for name in names {
        let definition = definitions.get(&name).cloned().unwrap_or_default();
        if needed.insert(name.clone(), definition).is_some() {
            return Err(format!("the name {name} is the envelope's own"));
        }
    }

    let mut bundle = Map::new();
    bundle.insert("$schema".to_owned(), json!("http://json-schema.org/draft-04/schema#"));
    bundle.insert("x-type".to_owned(), json!(source.name));
    bundle.insert("x-version".to_owned(), json!(version.to_string()));
    bundle.insert("x-direction".to_owned(), json!(source.direction.as_str()));
    if let Some(statement) = &source.statement {
        bundle.insert("x-statement".to_owned(), json!(statement));
    }
    let members = source.data.as_object().ok_or_else(|| format!("{}: no object", source.name))?;
    bundle.extend(members.clone());
    bundle.insert("definitions".to_owned(), needed.into_iter().collect::<Map<_, _>>().into());
    Ok(Value::Object(bundle))
}

/// As a file holds it.
pub fn text(bundle: &Value) -> String {
    format!("{bundle:#}\n")
}

/// Reads a released version.
pub fn thaw(document: &Document) -> Result<Bundle, String> {
    let file = &document.file;
    let wrong = |what: &str| format!("{file}: {what}; take the file from version control");
    let mut data = document.value.as_object().cloned().ok_or_else(|| wrong("not an object"))?;
    let mut text = |member: &str| match data.remove(member) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    };
    let name = text("x-type").ok_or_else(|| wrong("no x-type"))?;
    let version = text("x-version").ok_or_else(|| wrong("no x-version"))?;
    let direction = text("x-direction").ok_or_else(|| wrong("no x-direction"))?;
    let statement = text("x-statement");
    data.remove("$schema");
    let Some(Value::Object(definitions)) = data.remove("definitions") else {
        return Err(wrong("no definitions"));
    };
    let mut definitions: Definitions = definitions.into_iter().collect();
    let envelope = definitions.remove(ENVELOPE).ok_or_else(|| wrong("no envelope"))?;
    Ok(Bundle {
        name,
        version: version.parse().map_err(|e: String| wrong(&e))?,
        direction: Direction::of(&direction).map_err(|e| wrong(&e))?,
        statement,
        data: Value::Object(data),
        frozen: Frozen { envelope, definitions },
    })
}

/// The definitions that bindings are made of: those of `core/`, but of what released types alone
/// use and agree upon, what they were released with. Where they disagree, `core/` is what all of
/// them grow into, and each type's own validator keeps it to what was released.
pub(crate) fn settled(core: &Definitions, envelope: &Value, types: &[TypeSource]) -> Definitions {
    let mut drafts = BTreeSet::new();
    let mut needed = |root: &Value| drafts.extend(reachable(root, core).unwrap_or_default());
    let reference = |name: &str| json!({ "$ref": format!("#/definitions/{name}") });
    let mut released: BTreeMap<&str, Option<&Value>> = BTreeMap::new();
    for source in types {
        if let Some(frozen) = &source.frozen {
            for (name, definition) in &frozen.definitions {
                let agreed = released.entry(name).or_insert(Some(definition));
                if agreed.is_some_and(|other| other != definition) {
                    *agreed = None;
                }
            }
        } else {
            needed(&source.data);
            needed(envelope);
            needed(&reference("GatewayOrigin"));
            if let Some(statement) = &source.statement {
                needed(&reference(statement));
            }
        }
    }
    let mut settled = core.clone();
    for (name, agreed) in released {
        if let Some(definition) = agreed
            && !drafts.contains(name)
        {
            settled.insert(name.to_owned(), definition.clone());
        }
    }
    settled
}
