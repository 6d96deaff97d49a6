//! The repository's files as texts, read within bounds: from a folder here, from elsewhere (a
//! commit) by whoever hands them in. Everything after works on texts, so that today's state and
//! an old one are read by the same code.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

/// The largest file that is read.
pub const LARGEST_FILE: u64 = 1024 * 1024;
/// The most files that are read.
pub const MOST_FILES: usize = 20_000;
/// How deep folders may lie in each other.
const DEEPEST: usize = 6;

/// The texts of a repository's JSON files, by their path from its root, with `/`.
#[derive(Debug, Clone, Default)]
pub struct Files(BTreeMap<String, String>);

/// Why the files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("{file}: {source}")]
    Io { file: String, source: std::io::Error },
    #[error("{file}: no folder; --root names the folder that holds schemas/")]
    NoFolder { file: String },
    #[error("{file}: {bytes} bytes, at most {LARGEST_FILE}; split it")]
    TooLarge { file: String, bytes: u64 },
    #[error("{file}: not UTF-8; save it as UTF-8")]
    NotUtf8 { file: String },
    #[error("{file}: a symbolic link; put the file itself there")]
    Link { file: String },
    #[error("{file}: a pipe, socket or device; put a file there")]
    NoFile { file: String },
    #[error("{file}: more than {MOST_FILES} files; is this the right folder?")]
    TooMany { file: String },
    #[error("{file}: folders lie more than {DEEPEST} deep; is this the right folder?")]
    TooDeep { file: String },
}

impl Files {
    /// All JSON files of a folder and of those in it, under the name `shown`.
    pub fn of_folder(folder: &Path, shown: &str) -> Result<Self, Unreadable> {
        if !folder.is_dir() {
            return Err(Unreadable::NoFolder { file: folder.display().to_string() });
        }
        let mut files = Self::default();
        files.read(folder, shown, 0)?;
        Ok(files)
    }

    /// Takes in a text, within the bounds.
    pub fn add(&mut self, file: String, bytes: Vec<u8>) -> Result<(), Unreadable> {
        if bytes.len() as u64 > LARGEST_FILE {
            return Err(Unreadable::TooLarge { file, bytes: bytes.len() as u64 });
        }
        if self.0.len() == MOST_FILES {
            return Err(Unreadable::TooMany { file });
        }
        match String::from_utf8(bytes) {
            Ok(text) => {
                self.0.insert(file, text);
                Ok(())
            }
            Err(_) => Err(Unreadable::NotUtf8 { file }),
        }
    }

    /// Both together.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The text of one.
    pub fn get(&self, file: &str) -> Option<&str> {
        self.0.get(file).map(String::as_str)
    }

    /// All of them, in the order of their paths.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(file, text)| (file.as_str(), text.as_str()))
    }

    fn read(&mut self, folder: &Path, shown: &str, depth: usize) -> Result<(), Unreadable> {
        if depth > DEEPEST {
            return Err(Unreadable::TooDeep { file: shown.to_owned() });
        }
        let io = |source| Unreadable::Io { file: shown.to_owned(), source };
        for entry in std::fs::read_dir(folder).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name();
            let file = format!("{shown}/{}", name.to_string_lossy());
            let io = |source| Unreadable::Io { file: file.clone(), source };
            let kind = entry.file_type().map_err(io)?;
            let is_json = Path::new(&name).extension().is_some_and(|e| e == "json");
            if kind.is_dir() {
                self.read(&entry.path(), &file, depth + 1)?;
            } else if is_json {
                let bytes = regular(&entry.path(), &file)?;
                self.add(file, bytes)?;
            }
        }
        Ok(())
    }
}

/// The text of one file beside those of the layout; none where there is no such file.
pub fn text(path: &Path, shown: &str) -> Result<Option<String>, Unreadable> {
    let bytes = match regular(path, shown) {
        Err(Unreadable::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            return Ok(None);
        }
        bytes => bytes?,
    };
    let text = String::from_utf8(bytes);
    text.map(Some).map_err(|_| Unreadable::NotUtf8 { file: shown.to_owned() })
}

/// What a regular file holds: opening anything else may wait for ever.
fn regular(path: &Path, shown: &str) -> Result<Vec<u8>, Unreadable> {
    let file = || shown.to_owned();
    let io = |source| Unreadable::Io { file: file(), source };
    let about = std::fs::symlink_metadata(path).map_err(io)?;
    if about.is_symlink() {
        return Err(Unreadable::Link { file: file() });
    }
    if !about.is_file() {
        return Err(Unreadable::NoFile { file: file() });
    }
    if about.len() > LARGEST_FILE {
        return Err(Unreadable::TooLarge { file: file(), bytes: about.len() });
    }
    std::fs::read(path).map_err(io)
}
