//! Files beside the journal that hold what it once held.

use std::path::{Path, PathBuf};

use super::Journal;
use super::place::sync_folder;

/// What kind of file stands beside a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// It belonged to another machine, or was found in the journal's place.
    Foreign,
    /// It was broken; what could be read of it was taken over.
    Damaged,
    /// It was taken over.
    Adopted,
    /// It stood where a rebuilt journal had to go.
    Replaced,
    /// It was not finished when the gateway was cut off.
    Unfinished,
}

impl Beside {
    /// What the file `name` is to the journal `journal`; `None`: nothing.
    fn of(name: &str, journal: &str) -> Option<Self> {
        let rest = name.strip_prefix(journal)?.strip_prefix('.')?;
        let rest = ["-wal", "-shm", "-journal"]
            .iter()
            .find_map(|ending| rest.strip_suffix(ending))
            .unwrap_or(rest);
        // What was set aside may be set aside again: the last word counts.
        let last = rest.rsplit('.').next().unwrap_or(rest);
        if last == "building" {
            return Some(Self::Unfinished);
        }
        let (word, number) = last.rsplit_once('-')?;
        if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        match word {
            "foreign" => Some(Self::Foreign),
            "damaged" => Some(Self::Damaged),
            "adopted" => Some(Self::Adopted),
            "replaced" => Some(Self::Replaced),
            _ => None,
        }
    }
}

/// The files beside the journal at `path`, by name.
pub fn beside_journal(path: &Path) -> std::io::Result<Vec<(PathBuf, Beside)>> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let journal = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name();
        if let Some(kind) = Beside::of(&name.to_string_lossy(), &journal) {
            found.push((folder.join(name), kind));
        }
    }
    found.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// What became of the files beside a journal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copies {
    pub removed: Vec<PathBuf>,
    /// Those of other machines: what they hold is not known here.
    pub left: Vec<PathBuf>,
}

impl Journal {
    /// Removes the files that hold what this journal once held.
    pub fn remove_copies(&self) -> std::io::Result<Copies> {
        let mut copies = Copies::default();
        for (file, kind) in beside_journal(&self.path)? {
            if kind == Beside::Foreign {
                copies.left.push(file);
            } else {
                std::fs::remove_file(&file)?;
                copies.removed.push(file);
            }
        }
        if !copies.removed.is_empty() {
            sync_folder(&self.path)?;
        }
        Ok(copies)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_a_file_is() {
        let kind = |name| Beside::of(name, "journal.db");
        assert_eq!(kind("journal.db.foreign-1"), Some(Beside::Foreign));
        assert_eq!(kind("journal.db.foreign-12-wal"), Some(Beside::Foreign));
        assert_eq!(kind("journal.db.foreign-1.damaged-2"), Some(Beside::Damaged));
        assert_eq!(kind("journal.db.damaged-1-shm"), Some(Beside::Damaged));
        assert_eq!(kind("journal.db.adopted-3"), Some(Beside::Adopted));
        assert_eq!(kind("journal.db.replaced-1"), Some(Beside::Replaced));
        assert_eq!(kind("journal.db.building-journal"), Some(Beside::Unfinished));
        for other in [
            "journal.db",
            "journal.db-wal",
            "journal.db.mark",
            "journal.db.replacement",
            "journal.db.foreign-",
            "journal.db.foreign-x",
            "journal.db.other-1",
            "other.db.damaged-1",
            "journal.dbx.damaged-1",
        ] {
            assert_eq!(kind(other), None, "{other}");
        }
    }
}
