//! The files of a repository, read within bounds; an error names the file and how to mend it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Longest file that is read, in bytes: sixteen times an event.
const LONGEST_FILE: u64 = 1024 * 1024;
/// Most entries of one folder that are looked at.
const MOST_ENTRIES: usize = 4096;
/// Longest name of a type, a publisher, a team or a subscription.
const LONGEST_NAME: usize = 128;

/// Something in the repository that the catalogue cannot be made from.
#[derive(Debug, thiserror::Error)]
pub struct SourceError {
    file: PathBuf,
    problem: String,
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file.display(), self.problem)
    }
}

impl SourceError {
    /// `problem` says what is wrong and how to mend it.
    pub fn new(file: &Path, problem: impl Into<String>) -> Self {
        Self { file: file.to_owned(), problem: problem.into() }
    }
}

/// Names become file names and anchors: only what is harmless in both.
pub fn named(file: &Path, name: &str) -> Result<(), SourceError> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let well = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.starts_with('.')
        && name.bytes().all(harmless);
    if well {
        return Ok(());
    }
    Err(SourceError::new(
        file,
        format!(
            "the name {:?} is not 1 to {LONGEST_NAME} letters, digits, '.', '_' and '-', the first \
             no '.'; rename it",
            name.chars().take(LONGEST_NAME).collect::<String>()
        ),
    ))
}

/// A JSON document.
pub fn read(path: &Path) -> Result<Value, SourceError> {
    let fail = |why: String| SourceError::new(path, why);
    let size = std::fs::metadata(path).map_err(|e| fail(e.to_string()))?.len();
    if size > LONGEST_FILE {
        return Err(fail(format!("it has {size} bytes, more than {LONGEST_FILE}; split it")));
    }
    let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| fail(format!("not JSON: {e}; correct it there")))
}

/// What lies in a folder, sorted; nothing where it is missing.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let fail = |why: String| SourceError::new(folder, why);
    let found = match std::fs::read_dir(folder) {
        Ok(found) => found,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(fail(e.to_string())),
    };
    let mut paths = Vec::new();
    for entry in found {
        if paths.len() == MOST_ENTRIES {
            return Err(fail(format!("more than {MOST_ENTRIES} entries; move some elsewhere")));
        }
        paths.push(entry.map_err(|e| fail(e.to_string()))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The JSON documents of a folder, sorted; none where it is missing.
pub fn json_files(folder: &Path) -> Result<Vec<PathBuf>, SourceError> {
    let mut paths = entries(folder)?;
    paths.retain(|path| path.extension().is_some_and(|e| e == "json") && path.is_file());
    Ok(paths)
}

/// A file's name without `.json`.
pub fn stem(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.strip_suffix(".json").unwrap_or(&name).to_owned()
}

/// A member that is a text, else an empty one.
pub fn text(entry: &Value, member: &str) -> String {
    entry.get(member).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// The items of a member that is a list.
pub fn list<'a>(entry: &'a Value, member: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    entry.get(member).and_then(Value::as_array).into_iter().flatten()
}

/// The texts of a member that is a list.
pub fn texts(entry: &Value, member: &str) -> Vec<String> {
    list(entry, member).filter_map(Value::as_str).map(str::to_owned).collect()
}
