//! Reads the schema repository and bundles it: every `$ref` to a file becomes a `$ref` into one
//! flat list of definitions, in which a name stands once.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

use serde_json::{Map, Value};

use crate::publishers::Publishers;
use crate::walk::each_schema;

/// Everything that the schema folder says.
pub struct Repository {
    /// The shared definitions of all `core` files, with bundled references.
    pub definitions: BTreeMap<String, Value>,
    /// The platform's layer.
    pub envelope: Value,
    pub types: Vec<TypeSource>,
    pub publishers: Publishers,
}

/// One event type: `type.json` and `next.json`.
pub struct TypeSource {
    pub name: String,
    pub version: String,
    pub audience: String,
    pub personal: bool,
    pub summary: String,
    pub direction: Direction,
    /// The definition in `core/statements.json` that its `signed` member carries.
    pub statement: Option<String>,
    pub data: Value,
}

/// Who sends a type to whom. A type goes one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Only gateways publish it: their origin is required.
    FromGateway,
    /// It carries authority: its data is closed for readers too.
    ToGateway,
    /// From one service to others.
    BetweenServices,
    /// From every publisher.
    Platform,
}

impl Direction {
    const ALL: [(&str, Self); 4] = [
        ("from_gateway", Self::FromGateway),
        ("to_gateway", Self::ToGateway),
        ("between_services", Self::BetweenServices),
        ("platform", Self::Platform),
    ];

    fn of(word: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == word);
        found.map(|(_, direction)| *direction).ok_or_else(|| format!("unknown direction {word}"))
    }

    /// Whether an event of it may carry a gateway's origin.
    pub fn may_have_origin(self) -> bool {
        matches!(self, Self::FromGateway | Self::Platform)
    }
}

pub type Failure = Box<dyn Error>;

impl Repository {
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let core = folder.join("core");
        let mut owners: BTreeMap<String, String> = BTreeMap::new();
        let mut documents = Vec::new();
        for path in sorted(&core)? {
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let file = file_name(&path);
            let document = read(&path)?;
            for name in names(&document) {
                if let Some(other) = owners.insert(name.clone(), file.clone()) {
                    return Err(
                        format!("core/{file}: {name} is defined in core/{other} too").into()
                    );
                }
            }
            documents.push((file, document));
        }

        let mut definitions = BTreeMap::new();
        let mut roots = BTreeMap::new();
        for (file, mut document) in documents {
            bundle(&mut document, &file, &owners).map_err(|e| format!("core/{file}: {e}"))?;
            if let Some(Value::Object(own)) = document.get_mut("definitions").map(Value::take) {
                definitions.extend(own);
            }
            roots.insert(file, document);
        }
        let mut root = |file: &str| {
            let mut document =
                roots.remove(file).ok_or_else(|| format!("core/{file} is missing"))?;
            if let Value::Object(members) = &mut document {
                members.retain(|member, _| !matches!(member.as_str(), "$schema" | "definitions"));
            }
            Ok::<_, String>(document)
        };
        let envelope = root("Envelope.json")?;
        definitions.insert("GatewayOrigin".to_owned(), root("GatewayOrigin.json")?);

        let mut types = Vec::new();
        for path in sorted(folder)? {
            if path.join("type.json").is_file() {
                let name = file_name(&path);
                let source = TypeSource::load(&path, &name, &owners);
                types.push(source.map_err(|e| format!("{name}: {e}"))?);
            }
        }
        let publishers = Publishers::load(&folder.join("publishers.json"), &types)
            .map_err(|e| format!("publishers.json: {e}"))?;
        let repository = Self { definitions, envelope, types, publishers };
        for source in &repository.types {
            if source.statement.as_ref().is_some_and(|s| !repository.definitions.contains_key(s)) {
                return Err(format!("{}: type.json: no such statement", source.name).into());
            }
        }
        Ok(repository)
    }

    /// The definitions that types carry signed, each once.
    pub fn statements(&self) -> BTreeSet<&str> {
        self.types.iter().filter_map(|source| source.statement.as_deref()).collect()
    }

    /// The enumerations among the definitions, with their words.
    pub fn enumerations(&self) -> impl Iterator<Item = (&str, &Value, Vec<&str>)> {
        self.definitions.iter().filter_map(|(name, schema)| {
            let words = schema.get("enum")?.as_array()?;
            Some((name.as_str(), schema, words.iter().filter_map(Value::as_str).collect()))
        })
    }
}

impl TypeSource {
    fn load(folder: &Path, name: &str, owners: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let manifest = read(&folder.join("type.json"))?;
        let member = |member: &str| {
            let value = manifest.get(member).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("type.json: no {member}"))
        };
        if member("type")? != name {
            return Err("type.json names another type than its folder".into());
        }
        let direction =
            Direction::of(&member("direction")?).map_err(|e| format!("type.json: {e}"))?;
        let statement = manifest.get("statement").and_then(Value::as_str).map(str::to_owned);
        if (direction == Direction::ToGateway) != statement.is_some() {
            return Err("type.json: a type to gateways names its statement, and no other".into());
        }
        let audience = member("audience")?;
        if !["public", "operational", "restricted"].contains(&audience.as_str()) {
            return Err(format!("type.json: unknown audience {audience}").into());
        }
        let mut data = read(&folder.join("next.json"))?;
        bundle(&mut data, &format!("../{name}/next.json"), owners)
            .map_err(|e| format!("next.json: {e}"))?;
        if let Value::Object(members) = &mut data {
            members.remove("$schema");
        }
        Ok(Self {
            name: name.to_owned(),
            version: member("version")?,
            audience,
            personal: member("sensitivity")? == "personal",
            summary: member("summary")?,
            direction,
            statement,
            data,
        })
    }
}

/// Rewrites file references as bundled ones; each must name the file that defines its target.
fn bundle(
    document: &mut Value,
    file: &str,
    owners: &BTreeMap<String, String>,
) -> Result<(), String> {
    let mut wrong = BTreeSet::new();
    each_schema(document, &mut |schema: &mut Map<String, Value>| {
        let Some(Value::String(target)) = schema.get_mut("$ref") else { return };
        let Some((place, name)) = target.split_once("#/definitions/") else {
            wrong.insert(target.clone());
            return;
        };
        let place = place.strip_prefix("../core/").unwrap_or(place);
        let place = if place.is_empty() { file } else { place };
        if owners.get(name).is_some_and(|owner| owner == place) {
            *target = format!("#/definitions/{name}");
        } else {
            wrong.insert(target.clone());
        }
    });
    if wrong.is_empty() { Ok(()) } else { Err(format!("references that lead nowhere: {wrong:?}")) }
}

fn names(document: &Value) -> impl Iterator<Item = &String> {
    document.get("definitions").and_then(Value::as_object).into_iter().flat_map(Map::keys)
}

pub fn read(path: &Path) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()).into())
}

fn sorted(folder: &Path) -> Result<Vec<std::path::PathBuf>, Failure> {
    let entries = std::fs::read_dir(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut paths = entries.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    paths.sort();
    Ok(paths)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
