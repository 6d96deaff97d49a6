//! `schemas/lock.json`: what was released and promised. A released version never changes, so its
//! hash stands here; a type may go only after the sunset that was promised, so that stands here
//! too, and outlives the type's folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ring::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use crate::places::{Document, Place, step};
use crate::version::Version;

/// The lock's own file.
pub const FILE: &str = "schemas/lock.json";

/// What was released of all types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    pub types: BTreeMap<String, Promise>,
}

/// What was released of one type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Promise {
    pub versions: BTreeMap<Version, Release>,
    /// The day (`2027-06-30`) until which a deprecated type is published.
    pub sunset: Option<String>,
}

/// A released version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Of the file's bytes, lower-case hexadecimal.
    pub sha256: String,
    /// Why it was released.
    pub reason: String,
    /// The exceptions from compatibility that it was released with, as they stood in
    /// `exceptions.json`.
    pub exceptions: Vec<Value>,
}

/// What is wrong with the lock or with a file that it locks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}; {remedy}")]
pub struct Broken {
    pub place: Place,
    /// Within the lock.
    pub pointer: String,
    pub what: String,
    pub remedy: String,
}

const BY_THE_TOOL: &str = "take the file from version control: only the tool writes it";

impl Lock {
    /// Reads the lock; without a file nothing was released.
    pub fn read(document: Option<&Document>) -> Result<Self, Broken> {
        let mut lock = Self::default();
        let Some(document) = document else { return Ok(lock) };
        let broken = |pointer: &str, what: &str| Broken {
            place: document.place(pointer),
            pointer: pointer.to_owned(),
            what: what.to_owned(),
            remedy: BY_THE_TOOL.to_owned(),
        };
        let types = document.value.get("types").and_then(Value::as_object);
        for (name, entry) in types.ok_or_else(|| broken("", "no object `types`"))? {
            let at = format!("/types/{}", step(name));
            let mut promise = Promise::default();
            let versions = entry.get("versions").and_then(Value::as_object);
            for (number, release) in versions.ok_or_else(|| broken(&at, "no `versions`"))? {
                let at = format!("{at}/versions/{}", step(number));
                let number: Version = number.parse().map_err(|e: String| broken(&at, &e))?;
                let text = |member: &str| {
                    let text = release.get(member).and_then(Value::as_str).map(str::to_owned);
                    text.ok_or_else(|| broken(&at, &format!("no `{member}`")))
                };
                let exceptions = release.get("exceptions").and_then(Value::as_array);
                let release = Release {
                    sha256: text("sha256")?,
                    reason: text("reason")?,
                    exceptions: exceptions.cloned().unwrap_or_default(),
                };
                promise.versions.insert(number, release);
            }
            promise.sunset = entry.get("sunset").and_then(Value::as_str).map(str::to_owned);
            lock.types.insert(name.clone(), promise);
        }
        Ok(lock)
    }

    /// As the file holds it.
    pub fn text(&self) -> String {
        let mut types = Map::new();
        for (name, promise) in &self.types {
            let mut versions = Map::new();
            for (number, Release { sha256, reason, exceptions }) in &promise.versions {
                let mut release = json!({ "sha256": sha256, "reason": reason });
                if let Some(members) = release.as_object_mut().filter(|_| !exceptions.is_empty()) {
                    members.insert("exceptions".to_owned(), json!(exceptions));
                }
                versions.insert(number.to_string(), release);
            }
            let mut entry = Map::new();
            entry.insert("versions".to_owned(), Value::Object(versions));
            if let Some(sunset) = &promise.sunset {
                entry.insert("sunset".to_owned(), json!(sunset));
            }
            types.insert(name.clone(), Value::Object(entry));
        }
        format!("{:#}\n", json!({ "types": types }))
    }

    /// Compares one released file with the lock.
    pub fn check(&self, name: &str, version: Version, file: &Document) -> Result<(), Broken> {
        let broken = |what: String, remedy: &str| Broken {
            place: Place::of_file(&file.file),
            pointer: String::new(),
            what,
            remedy: remedy.to_owned(),
        };
        let release = self.types.get(name).and_then(|promise| promise.versions.get(&version));
        let Some(release) = release else {
            return Err(broken(
                format!("{FILE} knows no version {version} of {name}"),
                "remove it, and let `release` make versions",
            ));
        };
        if release.sha256 == sha256(file.text.as_bytes()) {
            return Ok(());
        }
        Err(broken(
            format!("a released version was changed: its hash is not that of {FILE}"),
            "take the file from version control; changes go into next.json",
        ))
    }
}

/// SHA-256 in lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in digest(&SHA256, bytes).as_ref() {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn lock(sha: &str) -> Lock {
        let release =
            Release { sha256: sha.to_owned(), reason: "First.".to_owned(), exceptions: vec![] };
        let promise = Promise {
            versions: BTreeMap::from([(Version::FIRST, release)]),
            sunset: Some("2027-06-30".to_owned()),
        };
        Lock { types: BTreeMap::from([("door.opened".to_owned(), promise)]) }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let written = lock("00");
        let document = Document::parse(FILE, &written.text()).unwrap();
        assert_eq!(Lock::read(Some(&document)).unwrap(), written);
    }

    #[test]
    fn a_changed_file_and_an_unknown_one_are_named() {
        let text = "{\"type\": \"object\"}\n";
        let file = Document::parse("schemas/door.opened/1.0.json", text).unwrap();
        let lock = lock(&sha256(text.as_bytes()));
        assert_eq!(lock.check("door.opened", Version::FIRST, &file), Ok(()));
        let changed = Document::parse(&file.file, "{\"type\":  \"object\"}\n").unwrap();
        let error = lock.check("door.opened", Version::FIRST, &changed).unwrap_err().to_string();
        assert!(error.starts_with("schemas/door.opened/1.0.json:1:1: a released"), "{error}");
        let next = Version::FIRST.next();
        assert!(lock.check("door.opened", next, &file).unwrap_err().what.contains("knows no"));
    }

    #[test]
    fn sha256_is_that_of_the_standard() {
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), of_abc);
    }
}
