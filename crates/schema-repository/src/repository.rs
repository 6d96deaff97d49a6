//! Reads the schema repository and bundles it: every `$ref` to a file becomes a `$ref` into one
//! flat list of definitions, in which a name stands once.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::Path;

use serde_json::{Map, Value};

use crate::bundle::{Frozen, settled, thaw};
use crate::places::Document;
use crate::publishers::Publishers;
use crate::references::{Owners, bundle, cycle};
use crate::tree::{Folder, Tree};
use crate::version::Version;

/// Schemas by name, with bundled references.
pub type Definitions = BTreeMap<String, Value>;

/// Everything that the schema folder says.
#[derive(Debug)]
pub struct Repository {
    /// The shared definitions of all `core` files, with bundled references.
    pub definitions: Definitions,
    /// The platform's layer.
    pub envelope: Value,
    pub types: Vec<TypeSource>,
    pub publishers: Publishers,
}

/// One event type: `type.json`, and its newest release or `next.json`.
#[derive(Debug, Clone)]
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
    /// What it was released with; none: it is read from `next.json` and `core/`.
    pub frozen: Option<Frozen>,
}

/// Which state of the types is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edition {
    /// What binaries are built from: the newest release, and `next.json` of a draft alone.
    Built,
    /// What people edit: `next.json` of all.
    Next,
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
    /// All of them, with their words.
    pub const ALL: [(&str, Self); 4] = [
        ("from_gateway", Self::FromGateway),
        ("to_gateway", Self::ToGateway),
        ("between_services", Self::BetweenServices),
        ("platform", Self::Platform),
    ];

    /// The direction of a word in `type.json`.
    pub fn of(word: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(name, _)| *name == word);
        found.map(|(_, direction)| *direction).ok_or_else(|| format!("unknown direction {word}"))
    }

    /// Its word in `type.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FromGateway => "from_gateway",
            Self::ToGateway => "to_gateway",
            Self::BetweenServices => "between_services",
            Self::Platform => "platform",
        }
    }

    /// Whether an event of it may carry a gateway's origin.
    pub fn may_have_origin(self) -> bool {
        matches!(self, Self::FromGateway | Self::Platform)
    }
}

pub type Failure = Box<dyn Error>;

impl Repository {
    /// What binaries are built from, read from the folder of schemas.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        Self::of(&Tree::of_schemas(folder)?, Edition::Built)
    }

    /// Reads the one or the other edition; the first fault ends it.
    pub fn of(tree: &Tree, edition: Edition) -> Result<Self, Failure> {
        if let Some(malformed) = tree.malformed.first() {
            return Err(malformed.clone().into());
        }
        if let Err(broken) = tree.locked()
            && let Some(first) = broken.into_iter().next()
        {
            return Err(first.into());
        }
        let owners = owners(tree)?;
        let mut definitions = BTreeMap::new();
        let mut roots = BTreeMap::new();
        for (file, document) in &tree.core {
            let mut root = bundled(document, &format!("core/{file}"), &owners)?;
            if let Some(Value::Object(own)) = root.get_mut("definitions").map(Value::take) {
                definitions.extend(own);
            }
            roots.insert(file.as_str(), root);
        }
        let mut root = |file: &str| {
            let mut document =
                roots.remove(file).ok_or_else(|| format!("schemas/core/{file} is missing"))?;
            if let Value::Object(members) = &mut document {
                members.retain(|member, _| !matches!(member.as_str(), "$schema" | "definitions"));
            }
            Ok::<_, String>(document)
        };
        let envelope = root("Envelope.json")?;
        definitions.insert("GatewayOrigin".to_owned(), root("GatewayOrigin.json")?);
        if let Some(way) = cycle(&definitions) {
            return Err(format!(
                "schemas/core: a definition contains itself: {}; an event has a bound, so nothing \
                 may",
                way.join(" -> ")
            )
            .into());
        }

        let mut types = Vec::new();
        for (name, folder) in &tree.types {
            if folder.manifest.is_some() {
                types.push(TypeSource::read(folder, name, &owners, edition)?);
            }
        }
        let publishers = tree.publishers.as_ref().ok_or("schemas/publishers.json is missing")?;
        let publishers = Publishers::read(&publishers.value, &types)
            .map_err(|e| format!("schemas/publishers.json: {e}"))?;
        let definitions = settled(&definitions, &envelope, &types);
        let repository = Self { definitions, envelope, types, publishers };
        for source in &repository.types {
            let (_, definitions) = source.surroundings(&repository);
            if source.statement.as_ref().is_some_and(|name| !definitions.contains_key(name)) {
                let name = &source.name;
                return Err(format!("schemas/{name}/type.json: no such statement").into());
            }
        }
        Ok(repository)
    }

    /// The definitions that types carry signed, each once.
    pub fn statements(&self) -> BTreeSet<&str> {
        self.types.iter().filter_map(|source| source.statement.as_deref()).collect()
    }

    /// The type of this name.
    pub fn find(&self, name: &str) -> Option<&TypeSource> {
        self.types.iter().find(|source| source.name == name)
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
    /// The envelope and the definitions that this type's schemas are composed with.
    pub fn surroundings<'a>(&'a self, repository: &'a Repository) -> (&'a Value, &'a Definitions) {
        match &self.frozen {
            Some(frozen) => (&frozen.envelope, &frozen.definitions),
            None => (&repository.envelope, &repository.definitions),
        }
    }

    /// The same type as a release has it.
    pub fn released(&self, document: &Document) -> Result<Self, Failure> {
        let bundle = thaw(document)?;
        if bundle.name != self.name {
            return Err(format!("{}: it is a version of {}", document.file, bundle.name).into());
        }
        Ok(Self {
            version: bundle.version.to_string(),
            direction: bundle.direction,
            statement: bundle.statement,
            data: bundle.data,
            frozen: Some(bundle.frozen),
            ..self.clone()
        })
    }

    fn read(
        folder: &Folder,
        name: &str,
        owners: &Owners,
        edition: Edition,
    ) -> Result<Self, Failure> {
        let file = format!("schemas/{name}/type.json");
        let manifest = folder.manifest.as_ref().ok_or_else(|| format!("{file} is missing"))?;
        let member = |member: &str| {
            let value = manifest.value.get(member).and_then(Value::as_str);
            value.map(str::to_owned).ok_or_else(|| format!("{file}: no {member}"))
        };
        if member("type")? != name {
            return Err(format!("{file}: it names another type than its folder").into());
        }
        let direction = Direction::of(&member("direction")?).map_err(|e| format!("{file}: {e}"))?;
        let statement = manifest.value.get("statement").and_then(Value::as_str).map(str::to_owned);
        if (direction == Direction::ToGateway) != statement.is_some() {
            return Err(format!(
                "{file}: a type to gateways names its statement, and no other does"
            )
            .into());
        }
        let audience = member("audience")?;
        if !["public", "operational", "restricted"].contains(&audience.as_str()) {
            return Err(format!("{file}: unknown audience {audience}").into());
        }
        let next =
            folder.next.as_ref().ok_or_else(|| format!("schemas/{name}/next.json is missing"));
        let mut source = Self {
            name: name.to_owned(),
            version: member("version")?,
            audience,
            personal: member("sensitivity")? == "personal",
            summary: member("summary")?,
            direction,
            statement,
            data: Value::Null,
            frozen: None,
        };
        match (folder.newest(), edition) {
            (Some((version, document)), Edition::Built) => {
                if source.version != version.to_string() {
                    let says = &source.version;
                    return Err(format!(
                        "{file}: the version is {says}, but the newest release {version}"
                    )
                    .into());
                }
                return source.released(document);
            }
            (newest, Edition::Next) => {
                let next = newest.map_or(Version::FIRST, |(version, _)| version.next());
                source.version = next.to_string();
            }
            (None, Edition::Built) => {}
        }
        let mut data = bundled(next?, &format!("{name}/next.json"), owners)?;
        if let Value::Object(members) = &mut data {
            members.remove("$schema");
        }
        Ok(Self { data, ..source })
    }
}

/// Which file of `core/` defines which name; each stands once.
fn owners(tree: &Tree) -> Result<Owners, Failure> {
    let mut owners = Owners::new();
    for (file, document) in &tree.core {
        let definitions = document.value.get("definitions").and_then(Value::as_object);
        for name in definitions.into_iter().flat_map(Map::keys) {
            if let Some(other) = owners.insert(name.clone(), file.clone()) {
                let place = document.place(&format!("/definitions/{name}"));
                return Err(format!("{place}: {name} is defined in core/{other} too").into());
            }
        }
    }
    Ok(owners)
}

fn bundled(document: &Document, file: &str, owners: &Owners) -> Result<Value, Failure> {
    let mut value = document.value.clone();
    match bundle(&mut value, file, owners) {
        Ok(()) => Ok(value),
        Err((pointer, astray)) => {
            let place = document.place(&pointer);
            Err(format!("{place}: {}; {}", astray.what, astray.remedy).into())
        }
    }
}
