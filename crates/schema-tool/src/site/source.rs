//! What the catalogue tells, gathered in one place: pages, the `AsyncAPI` document, the registry and
//! the sandbox see the repository through [`Catalogue`] alone, so that where a folder is read and
//! what a missing member means is decided once.
//!
//! Types, shared definitions and the registered publishers' rules come from the crate
//! `doorward-schema-repository`; examples, releases, deprecations and subscriptions are read here.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use doorward_schema_repository::{Direction, Edition, Form, Repository, Tree, compose};
use serde_json::{Map, Value};

pub use super::files::SourceError;
use super::files::{entries, json_files, list, named, read, stem, text, texts};

/// Everything that the catalogue tells, sorted by name.
pub struct Catalogue {
    /// The repository as the client library's build reads it: the newest releases.
    pub repository: Repository,
    /// The repository as people edit it, released or not.
    pub next: Repository,
    /// All event types.
    pub types: Vec<EventType>,
    /// Who is registered to publish.
    pub publishers: Vec<Publisher>,
    /// Who is declared to receive.
    pub subscriptions: Vec<Subscription>,
    /// In which file of `core/` a shared definition stands.
    pub homes: BTreeMap<String, String>,
}

/// One event type with everything that its folder says.
pub struct EventType {
    /// As in `access.granted`: the folder, and the `DetailType` on the bus.
    pub name: String,
    /// The team that answers for it.
    pub owner: String,
    /// `draft`, `released` or `deprecated`.
    pub lifecycle: String,
    /// The newest released version; 0.1 of a draft.
    pub version: String,
    /// From whom to whom.
    pub direction: Direction,
    /// `public`, `operational` or `restricted`.
    pub audience: String,
    /// `none` or `personal`, as the manifest has it.
    pub sensitivity: String,
    /// JSON pointers into the event, with why they are sensitive.
    pub sensitive_fields: BTreeMap<String, String>,
    /// One sentence.
    pub summary: String,
    /// The definition that its member `signed` carries.
    pub statement: Option<String>,
    /// What takes its place, and until when it is sent.
    pub deprecation: Option<Deprecation>,
    /// The domain's layer, bundled: references are `#/definitions/NAME`.
    pub data: Value,
    /// Valid `data`, by the file's name.
    pub examples: Vec<Example>,
    /// `data` that a writer is refused; names begin with the keyword that does.
    pub refused: Vec<Example>,
    /// Frozen versions, oldest first.
    pub releases: Vec<Release>,
}

/// That a type is going away.
pub struct Deprecation {
    /// The type to use from now on.
    pub replacement: Option<String>,
    /// The day from which it may be missing.
    pub sunset: Option<String>,
}

/// A sample of a type's `data`.
pub struct Example {
    /// The file's name without `.json`.
    pub name: String,
    /// The sample.
    pub data: Value,
}

/// A frozen version.
pub struct Release {
    /// Major and minor number.
    pub version: (u32, u32),
    /// The self-contained schema of `data`.
    pub schema: Value,
}

/// Who may publish, from `publishers.json`.
pub struct Publisher {
    /// As in `acme.delivery`; on the bus `Source` is this, a `/` and the instance.
    pub name: String,
    /// The team that answers for it.
    pub owner: String,
    /// One sentence.
    pub summary: String,
    /// The AWS accounts that it publishes from; none means the platform's own.
    pub accounts: Vec<String>,
    /// Whether it is a gateway.
    pub is_gateway: bool,
    /// The types that it lists itself.
    pub listed: Vec<String>,
    /// The public keys that it signs with.
    pub keys: Vec<IssuerKey>,
}

/// A publisher's public key.
pub struct IssuerKey {
    /// Its id, in the header of what it signs.
    pub kid: String,
    /// 43 characters of base64url.
    pub public_key: String,
    /// What it may sign.
    pub may: Vec<String>,
    /// When it ends.
    pub not_after: String,
}

/// Who receives, from `subscriptions/<team>/<name>.json`.
pub struct Subscription {
    /// The folder.
    pub team: String,
    /// The file's name without `.json`.
    pub name: String,
    /// The AWS account that receives.
    pub account: String,
    /// The AWS region that receives.
    pub region: String,
    /// Who answers for it.
    pub owner: String,
    /// One sentence.
    pub summary: String,
    /// The types that it receives.
    pub types: Vec<String>,
    /// The rest of its rule's event pattern: `Value::Null` where there is none.
    pub filter: Value,
    /// JSON pointers that it reads, for each type or for all of them.
    pub fields: Value,
}

impl Catalogue {
    /// Reads the repository in `root`: `schemas/` must be there, `subscriptions/` may be.
    ///
    /// An error names the file, what is wrong with it and how to mend it.
    pub fn load(root: &Path) -> Result<Self, SourceError> {
        let folder = root.join("schemas");
        if !folder.is_dir() {
            return Err(SourceError::new(
                &folder,
                "there is no such folder; give the repository's folder with --root",
            ));
        }
        let tree =
            Tree::of_schemas(&folder).map_err(|e| SourceError::new(&folder, e.to_string()))?;
        let edition = |edition| {
            Repository::of(&tree, edition).map_err(|e| SourceError::new(&folder, e.to_string()))
        };
        let (repository, next) = (edition(Edition::Built)?, edition(Edition::Next)?);
        let mut types = Vec::new();
        for source in &repository.types {
            let home = folder.join(&source.name);
            named(&home, &source.name)?;
            let mut event_type = EventType::load(&home)?;
            event_type.direction = source.direction;
            event_type.data = source.data.clone();
            types.push(event_type);
        }
        types.sort_by(|a, b| a.name.cmp(&b.name));
        let known: BTreeSet<&str> = types.iter().map(|known| known.name.as_str()).collect();
        for deprecated in &types {
            let replacement = deprecated.deprecation.as_ref().and_then(|d| d.replacement.as_ref());
            if let Some(missing) = replacement.filter(|name| !known.contains(name.as_str())) {
                return Err(SourceError::new(
                    &folder.join(&deprecated.name).join("type.json"),
                    format!(
                        "the replacement {missing} is no type of this repository; add it first"
                    ),
                ));
            }
        }
        Ok(Self {
            publishers: publishers(&folder.join("publishers.json"))?,
            subscriptions: subscriptions(&root.join("subscriptions"), &known)?,
            homes: homes(&folder.join("core"))?,
            types,
            repository,
            next,
        })
    }

    /// The type of this name.
    pub fn find(&self, name: &str) -> Option<&EventType> {
        self.types.iter().find(|known| known.name == name)
    }

    /// The self-contained schema of a whole event of this type, as binaries are built from it.
    pub fn schema_of(&self, event_type: &EventType, form: Form) -> Result<Value, String> {
        let source = self.repository.types.iter().find(|source| source.name == event_type.name);
        let source = source.ok_or_else(|| format!("{}: no such type", event_type.name))?;
        compose(&self.repository, source, form)
    }

    /// Who sends events of this type.
    pub fn senders(&self, event_type: &EventType) -> Vec<&Publisher> {
        self.publishers.iter().filter(|publisher| publisher.sends(event_type)).collect()
    }

    /// The types that this publisher sends.
    pub fn sent_by(&self, publisher: &Publisher) -> Vec<&EventType> {
        self.types.iter().filter(|event_type| publisher.sends(event_type)).collect()
    }

    /// Who is declared to receive events of this type, besides gateways.
    pub fn receivers(&self, event_type: &EventType) -> Vec<&Subscription> {
        let receives = |s: &&Subscription| s.types.contains(&event_type.name);
        self.subscriptions.iter().filter(receives).collect()
    }
}

impl Publisher {
    /// Whether it may send events of this type, by its direction.
    pub fn sends(&self, event_type: &EventType) -> bool {
        match event_type.direction {
            Direction::Platform => true,
            Direction::FromGateway => self.is_gateway,
            Direction::ToGateway | Direction::BetweenServices => {
                self.listed.contains(&event_type.name)
            }
        }
    }
}

impl EventType {
    fn load(folder: &Path) -> Result<Self, SourceError> {
        let file = folder.join("type.json");
        let manifest = read(&file)?;
        let word = |member: &str| {
            let found = manifest.get(member).and_then(Value::as_str).map(str::to_owned);
            found.ok_or_else(|| {
                SourceError::new(&file, format!("there is no text {member:?}; add it"))
            })
        };
        let sensitive = manifest.get("sensitive_fields").and_then(Value::as_object);
        let sensitive_fields = sensitive
            .into_iter()
            .flatten()
            .map(|(pointer, why)| (pointer.clone(), why.as_str().unwrap_or_default().to_owned()))
            .collect();
        Ok(Self {
            name: word("type")?,
            owner: word("owner")?,
            lifecycle: word("lifecycle")?,
            version: word("version")?,
            direction: Direction::Platform,
            audience: word("audience")?,
            sensitivity: word("sensitivity")?,
            sensitive_fields,
            summary: word("summary")?,
            statement: manifest.get("statement").and_then(Value::as_str).map(str::to_owned),
            deprecation: Deprecation::of(&manifest),
            data: Value::Null,
            examples: examples(&folder.join("examples"))?,
            refused: examples(&folder.join("examples/invalid"))?,
            releases: releases(folder)?,
        })
    }

    /// The part of the name before its first full stop, by which types are grouped.
    pub fn family(&self) -> &str {
        self.name.split('.').next().unwrap_or(&self.name)
    }
}

impl Deprecation {
    /// From the manifest's member `deprecated` or, beside a lifecycle that says so, from the
    /// manifest itself.
    fn of(manifest: &Value) -> Option<Self> {
        let own = manifest.get("deprecated").or(manifest.get("deprecation"));
        let own = own.filter(|own| own.is_object());
        let says_so = manifest.get("lifecycle").and_then(Value::as_str) == Some("deprecated");
        if own.is_none() && !says_so {
            return None;
        }
        let place = own.unwrap_or(manifest);
        let word = |member: &str| place.get(member).and_then(Value::as_str).map(str::to_owned);
        Some(Self { replacement: word("replacement"), sunset: word("sunset") })
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.version.0, self.version.1)
    }
}

fn examples(folder: &Path) -> Result<Vec<Example>, SourceError> {
    let mut found = Vec::new();
    for path in json_files(folder)? {
        found.push(Example { name: stem(&path), data: read(&path)? });
    }
    Ok(found)
}

fn releases(folder: &Path) -> Result<Vec<Release>, SourceError> {
    let number = |text: &str| {
        let digits = (1..=9).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten()
    };
    let mut found = Vec::new();
    for path in json_files(folder)? {
        let name = stem(&path);
        let version = name.split_once('.').and_then(|(a, b)| Some((number(a)?, number(b)?)));
        if let Some(version) = version {
            found.push(Release { version, schema: read(&path)? });
        }
    }
    found.sort_by_key(|release| release.version);
    Ok(found)
}

fn publishers(file: &Path) -> Result<Vec<Publisher>, SourceError> {
    let document = read(file)?;
    let mut found = Vec::new();
    for entry in list(&document, "publishers") {
        let name = text(entry, "name");
        named(file, &name)?;
        let keys = list(entry, "issuer_keys").map(|key| IssuerKey {
            kid: text(key, "kid"),
            public_key: text(key, "public_key"),
            may: texts(key, "may"),
            not_after: text(key, "not_after"),
        });
        found.push(Publisher {
            name,
            owner: text(entry, "owner"),
            summary: text(entry, "summary"),
            accounts: texts(entry, "accounts"),
            is_gateway: entry.get("gateway") == Some(&Value::Bool(true)),
            listed: texts(entry, "publishes"),
            keys: keys.collect(),
        });
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn subscriptions(folder: &Path, types: &BTreeSet<&str>) -> Result<Vec<Subscription>, SourceError> {
    let mut found = Vec::new();
    for team in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        let team_name = stem(&team);
        named(&team, &team_name)?;
        for path in json_files(&team)? {
            let name = stem(&path);
            named(&path, &name)?;
            let document = read(&path)?;
            let wanted = texts(&document, "types");
            if let Some(missing) = wanted.iter().find(|name| !types.contains(name.as_str())) {
                return Err(SourceError::new(
                    &path,
                    format!(
                        "types names {missing}, which is no type of this repository; correct the name"
                    ),
                ));
            }
            let member = |member: &str| document.get(member).cloned().unwrap_or(Value::Null);
            found.push(Subscription {
                team: team_name.clone(),
                name,
                account: text(&document, "account"),
                region: text(&document, "region"),
                owner: text(&document, "owner"),
                summary: text(&document, "summary"),
                types: wanted,
                filter: member("filter"),
                fields: member("fields"),
            });
        }
    }
    Ok(found)
}

fn homes(core: &Path) -> Result<BTreeMap<String, String>, SourceError> {
    let mut found = BTreeMap::new();
    for path in json_files(core)? {
        let document = read(&path)?;
        let names = document.get("definitions").and_then(Value::as_object);
        for name in names.into_iter().flat_map(Map::keys) {
            named(&path, name)?;
            found.insert(name.clone(), format!("core/{}.json", stem(&path)));
        }
    }
    found.insert("GatewayOrigin".to_owned(), "core/GatewayOrigin.json".to_owned());
    Ok(found)
}
