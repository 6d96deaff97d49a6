//! The repository as it lies there: every file parsed, with its places, and what cannot be parsed
//! kept as a fault. The tool judges a repository from this, whatever is wrong with it; the build
//! reads it through [`Repository`](crate::Repository), which stops at the first fault.

use std::collections::BTreeMap;
use std::path::Path;

use crate::files::{Files, Unreadable};
use crate::lock::{self, Broken, Lock};
use crate::places::{Document, Malformed};
use crate::version::Version;

/// The folder of schemas below the root.
pub const SCHEMAS: &str = "schemas";
/// The folder of subscriptions below the root.
pub const SUBSCRIPTIONS: &str = "subscriptions";

/// All documents of a repository.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Shared definitions, by the file's name in `core/`.
    pub core: BTreeMap<String, Document>,
    pub types: BTreeMap<String, Folder>,
    pub publishers: Option<Document>,
    pub lock: Option<Document>,
    pub exceptions: Option<Document>,
    /// By path from the root.
    pub subscriptions: BTreeMap<String, Document>,
    /// What cannot be parsed.
    pub malformed: Vec<Malformed>,
    /// Files that the layout has no place for.
    pub stray: Vec<String>,
}

/// The documents of one type.
#[derive(Debug, Clone, Default)]
pub struct Folder {
    /// `type.json`.
    pub manifest: Option<Document>,
    /// `next.json`.
    pub next: Option<Document>,
    pub released: BTreeMap<Version, Document>,
    /// `examples/*.json`, by file name.
    pub valid: BTreeMap<String, Document>,
    /// `examples/invalid/*.json`, by file name.
    pub invalid: BTreeMap<String, Document>,
}

impl Tree {
    /// Reads `schemas/` and, where it is there, `subscriptions/`.
    pub fn load(root: &Path) -> Result<Self, Unreadable> {
        let mut files = Files::of_folder(&root.join(SCHEMAS), SCHEMAS)?;
        let subscriptions = root.join(SUBSCRIPTIONS);
        if subscriptions.is_dir() {
            files.extend(Files::of_folder(&subscriptions, SUBSCRIPTIONS)?);
        }
        Ok(Self::of(&files))
    }

    /// Reads the folder of schemas alone, wherever it lies.
    pub fn of_schemas(folder: &Path) -> Result<Self, Unreadable> {
        Ok(Self::of(&Files::of_folder(folder, SCHEMAS)?))
    }

    /// Sorts parsed texts into the layout.
    pub fn of(files: &Files) -> Self {
        let mut tree = Self::default();
        for (file, text) in files.iter() {
            match Document::parse(file, text) {
                Ok(document) => tree.place(file, document),
                Err(malformed) => {
                    // The folder is there all the same: it must not look removed.
                    if let Some(("schemas", rest)) = file.split_once('/')
                        && let Some((name, _)) = rest.split_once('/')
                        && name != "core"
                    {
                        tree.types.entry(name.to_owned()).or_default();
                    }
                    tree.malformed.push(malformed);
                }
            }
        }
        tree
    }

    fn place(&mut self, file: &str, document: Document) {
        let parts: Vec<&str> = file.split('/').collect();
        match parts.as_slice() {
            [SCHEMAS, "publishers.json"] => self.publishers = Some(document),
            [SCHEMAS, "lock.json"] => self.lock = Some(document),
            [SCHEMAS, "exceptions.json"] => self.exceptions = Some(document),
            [SCHEMAS, "core", name] => {
                self.core.insert((*name).to_owned(), document);
            }
            [SCHEMAS, name, rest @ ..] if *name != "core" && !rest.is_empty() => {
                let folder = self.types.entry((*name).to_owned()).or_default();
                if !folder.place(rest, document) {
                    self.stray.push(file.to_owned());
                }
            }
            [SUBSCRIPTIONS, _team, _name] => {
                self.subscriptions.insert(file.to_owned(), document);
            }
            _ => self.stray.push(file.to_owned()),
        }
    }

    /// The lock, each released file compared with it, and each file that it locks found.
    pub fn locked(&self) -> Result<Lock, Vec<Broken>> {
        let lock = Lock::read(self.lock.as_ref()).map_err(|broken| vec![broken])?;
        let mut broken = Vec::new();
        for (name, folder) in &self.types {
            for (version, document) in &folder.released {
                broken.extend(lock.check(name, *version, document).err());
            }
        }
        for (name, promise) in &lock.types {
            let Some(folder) = self.types.get(name) else { continue };
            for version in promise.versions.keys() {
                let file = format!("{SCHEMAS}/{name}/{version}.json");
                let malformed = self.malformed.iter().any(|fault| fault.place.file == file);
                if !folder.released.contains_key(version) && !malformed {
                    let pointer = format!("/types/{name}/versions/{version}");
                    let document = self.lock.as_ref();
                    broken.push(Broken {
                        place: document.map_or_else(
                            || crate::places::Place::of_file(lock::FILE),
                            |document| document.place(&pointer),
                        ),
                        pointer,
                        what: format!("the released version {file} is gone"),
                        remedy: "take the file from version control".to_owned(),
                    });
                }
            }
        }
        if broken.is_empty() { Ok(lock) } else { Err(broken) }
    }

    /// Every document, by path.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        let single = [&self.publishers, &self.lock, &self.exceptions].into_iter().flatten();
        let types = self.types.values().flat_map(|folder| {
            let single = [&folder.manifest, &folder.next].into_iter().flatten();
            single
                .chain(folder.released.values())
                .chain(folder.valid.values())
                .chain(folder.invalid.values())
        });
        single.chain(self.core.values()).chain(types).chain(self.subscriptions.values())
    }

    /// The file that defines a shared definition, and its pointer there.
    pub fn owner(&self, definition: &str) -> Option<(&Document, String)> {
        let pointer = format!("/definitions/{}", crate::places::step(definition));
        let defines = |document: &&Document| document.value.pointer(&pointer).is_some();
        if let Some(document) = self.core.values().find(defines) {
            return Some((document, pointer.clone()));
        }
        let document = self.core.get(&format!("{definition}.json"))?;
        Some((document, String::new()))
    }
}

impl Folder {
    /// The newest release.
    pub fn newest(&self) -> Option<(Version, &Document)> {
        self.released.last_key_value().map(|(version, document)| (*version, document))
    }

    /// Whether the layout has a place for the file.
    fn place(&mut self, parts: &[&str], document: Document) -> bool {
        match parts {
            ["type.json"] => self.manifest = Some(document),
            ["next.json"] => self.next = Some(document),
            ["examples", name] => {
                self.valid.insert((*name).to_owned(), document);
            }
            ["examples", "invalid", name] => {
                self.invalid.insert((*name).to_owned(), document);
            }
            [name] => {
                let number = name.strip_suffix(".json").unwrap_or(name);
                let Ok(version) = number.parse() else { return false };
                self.released.insert(version, document);
            }
            _ => return false,
        }
        true
    }
}
