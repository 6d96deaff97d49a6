//! A folder of generated files, written as a whole. What stood there before is only replaced if it
//! was made by this tool: a wrong `--out` must not cost anybody their sources.

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};

use serde_json::{Value, json};

use super::Failure;

/// The file that tells what the folder was made from and which files are this tool's.
const MANIFEST: &str = "bindings.json";

/// The files of a folder, by path.
#[derive(Debug, Default)]
pub struct Folder(BTreeMap<String, String>);

impl Folder {
    /// Without files.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a file.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) {
        self.0.insert(path.into(), text.into());
    }

    /// Calls the package otherwise: in paths, and in the files at its top. Its sources do not name
    /// themselves.
    pub fn rename(&mut self, from: &str, to: &str) {
        let files = std::mem::take(&mut self.0).into_iter().map(|(path, text)| {
            let at_top = !path.contains('/');
            (path.replace(from, to), if at_top { text.replace(from, to) } else { text })
        });
        self.0 = files.collect();
    }

    /// Writes all of it, in place of what an earlier call made. Returns the number of files.
    pub fn write(mut self, out: &Path, about: &Value) -> Result<usize, Failure> {
        let failed = |place: &Path, error: io::Error| Failure::Write {
            place: place.display().to_string(),
            error,
        };
        for old in earlier(out)? {
            let place = out.join(old);
            match std::fs::remove_file(&place) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(failed(&place, error));
                }
                _ => {}
            }
        }
        let mut manifest = about.clone();
        if let Value::Object(members) = &mut manifest {
            members.insert("files".to_owned(), json!(self.0.keys().collect::<Vec<_>>()));
        }
        self.add(MANIFEST, format!("{manifest:#}\n"));
        for (path, text) in &self.0 {
            let place = out.join(path);
            let folder = place.parent().unwrap_or(out);
            std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
            std::fs::write(&place, text).map_err(|error| failed(&place, error))?;
        }
        Ok(self.0.len())
    }
}

/// The files that an earlier call made. Refused: a folder with files that is not this tool's.
fn earlier(out: &Path) -> Result<Vec<String>, Failure> {
    let Ok(text) = std::fs::read_to_string(out.join(MANIFEST)) else {
        let mut entries = match std::fs::read_dir(out) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Failure::Write { place: out.display().to_string(), error }),
        };
        return if entries.next().is_none() {
            Ok(Vec::new())
        } else {
            Err(Failure::Call(format!(
                "{}: has files and no {MANIFEST}, so it was not made by this command: name \
                 another folder, or an empty one",
                out.display()
            )))
        };
    };
    let manifest: Value = serde_json::from_str(&text).unwrap_or_default();
    let files = manifest.get("files").and_then(Value::as_array).into_iter().flatten();
    let inside =
        |path: &&str| Path::new(path).components().all(|c| matches!(c, Component::Normal(_)));
    Ok(files.filter_map(Value::as_str).filter(inside).map(str::to_owned).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests fail by panicking")]
mod tests {
    use super::*;

    #[test]
    fn only_a_folder_of_its_own_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let out = place.path().join("new");
        let mut folder = Folder::new();
        folder.add("a/old.txt", "old");
        assert_eq!(folder.write(&out, &json!({})).unwrap(), 2);
        std::fs::write(out.join("mine.txt"), "kept").unwrap();
        let mut folder = Folder::new();
        folder.add("new.txt", "new");
        folder.write(&out, &json!({})).unwrap();
        assert!(out.join("mine.txt").exists() && out.join("new.txt").exists());
        assert!(!out.join("a/old.txt").exists());

        std::fs::remove_file(out.join(MANIFEST)).unwrap();
        let refused = Folder::new().write(&out, &json!({}));
        assert!(matches!(refused, Err(Failure::Call(_))), "{refused:?}");
    }

    #[test]
    fn a_manifest_deletes_nothing_outside_its_folder() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("outside.txt"), "kept").unwrap();
        let out = place.path().join("out");
        std::fs::create_dir(&out).unwrap();
        let absolute = place.path().join("outside.txt");
        let manifest = json!({ "files": ["../outside.txt", absolute] });
        std::fs::write(out.join(MANIFEST), manifest.to_string()).unwrap();
        Folder::new().write(&out, &json!({})).unwrap();
        assert!(absolute.exists());
    }
}
