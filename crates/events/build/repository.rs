//! Reads the schema repository and bundles it: every `$ref` to a file becomes a `$ref` into one
//! flat list of definitions, in which a name stands once.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

use serde_json::{Map, Value};

use crate::walk::each_schema;

/// Everything that the schema folder says.
pub struct Repository {
    /// The shared definitions of all `core` files, with bundled references.
    pub definitions: BTreeMap<String, Value>,
    /// The platform's layer.
    pub envelope: Value,
    pub types: Vec<TypeSource>,
}

/// One event type: `type.json` and `next.json`.
pub struct TypeSource {
    pub name: String,
    pub version: String,
    pub audience: String,
    pub personal: bool,
    pub summary: String,
    /// Only gateways publish it, so that their origin is required.
    pub from_gateway: bool,
    pub data: Value,
}

type Failure = Box<dyn Error>;

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
        Ok(Self { definitions, envelope, types })
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
        let from_gateway = match member("direction")?.as_str() {
            "from_gateway" => true,
            "platform" => false,
            other => return Err(format!("type.json: unknown direction {other}").into()),
        };
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
            from_gateway,
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

fn read(path: &Path) -> Result<Value, Failure> {
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
