//! A folder with all that is in it, copied: a test changes what is its own.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its parts too")]

use std::fs;
use std::path::Path;

/// Copies `from` to `to`, which is made.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Takes every release out of a folder of schemas: its types are drafts again.
#[allow(dead_code, reason = "not every test program that copies wants drafts")]
pub fn without_releases(schemas: &Path) {
    let _ = fs::remove_file(schemas.join("lock.json"));
    for folder in fs::read_dir(schemas).unwrap().map(|entry| entry.unwrap().path()) {
        let manifest = folder.join("type.json");
        let Ok(text) = fs::read_to_string(&manifest) else { continue };
        let mut said: serde_json::Value = serde_json::from_str(&text).unwrap();
        let members = said.as_object_mut().unwrap();
        members.insert("version".to_owned(), "0.1".into());
        members.insert("lifecycle".to_owned(), "draft".into());
        fs::write(manifest, format!("{said:#}\n")).unwrap();
        for file in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
            let stem = file.file_stem().unwrap_or_default().to_string_lossy();
            if stem.parse::<doorward_schema_repository::Version>().is_ok() {
                fs::remove_file(&file).unwrap();
            }
        }
    }
}
