//! The file under its name: whether it is still the one that was opened.
//!
//! Whoever deletes or replaces the files of a running gateway leaves it writing to a file that
//! has no name any more. What was written is still within reach then, through the open
//! descriptor: it is written out anew under its name, and what was put there instead is kept
//! beside it.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

use super::wal::Wal;
use super::{CommitError, Journal, OpenError, layout};

/// The names are looked at this often.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Which files were opened.
#[derive(Debug)]
pub(super) struct Place {
    journal: Option<(u64, u64)>,
    log: Option<(u64, u64)>,
    looked: Option<Instant>,
    /// All of the journal is in a replacement that has not its place yet.
    detached: bool,
}

impl Place {
    pub fn of(path: &Path) -> std::io::Result<Self> {
        let log = identity(&beside(path, "-wal"))?;
        Ok(Self { journal: identity(path)?, log, looked: None, detached: false })
    }
}

/// `path` with something behind its name.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Device and inode behind a name; `None` if there is nothing.
fn identity(path: &Path) -> std::io::Result<Option<(u64, u64)>> {
    match std::fs::symlink_metadata(path) {
        Ok(data) => Ok(Some((data.dev(), data.ino()))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a folder's names durable.
pub(super) fn sync_folder(path: &Path) -> std::io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// Moves a file and its log out of the way, under the first free number; gives the new name.
pub(super) fn set_aside(path: &Path, word: &str) -> std::io::Result<PathBuf> {
    set_aside_as(path, path, word)
}

/// The same with a name that is made of `base`, in the same folder.
pub(super) fn set_aside_as(path: &Path, base: &Path, word: &str) -> std::io::Result<PathBuf> {
    let mut number = 1;
    let target = loop {
        let target = beside(base, &format!(".{word}-{number}"));
        if identity(&target)?.is_none() {
            break target;
        }
        number += 1;
    };
    // The log first: without its file it says nothing, and a file without its log may miss what
    // was committed.
    for ending in ["-wal", "-shm", ""] {
        let from = beside(path, ending);
        if identity(&from)?.is_some() {
            std::fs::rename(from, beside(&target, ending))?;
        }
    }
    sync_folder(path)?;
    Ok(target)
}

/// Removes a file that is no journal yet, and what SQLite has put beside it.
pub(super) fn remove(path: &Path) -> std::io::Result<()> {
    for ending in ["", "-wal", "-shm", "-journal", ".mark"] {
        match std::fs::remove_file(beside(path, ending)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// `built` is complete: from now on it takes the place of the file at `path`, also after a cut.
pub(super) fn make_replacement(built: &Path, path: &Path) -> std::io::Result<()> {
    std::fs::set_permissions(built, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    File::open(built)?.sync_all()?;
    std::fs::rename(built, beside(path, ".replacement"))?;
    sync_folder(path)
}

/// Puts a complete replacement in its place, if there is one.
pub(super) fn finish_replacement(path: &Path) -> std::io::Result<()> {
    let replacement = beside(path, ".replacement");
    if identity(&replacement)?.is_none() {
        return Ok(());
    }
    if identity(path)?.is_some() || identity(&beside(path, "-wal"))?.is_some() {
        set_aside(path, "replaced")?;
    }
    std::fs::rename(&replacement, path)?;
    sync_folder(path)
}

impl Journal {
    /// Sees to it that the file is the one under its name.
    pub(super) fn keep_place(&mut self) -> Result<(), CommitError> {
        if self.place.detached {
            return self.take_place();
        }
        if self.place.looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        self.place.looked = Some(Instant::now());
        let there = (identity(&self.path)?, identity(&beside(&self.path, "-wal"))?);
        if self.place.log.is_none() && there.0 == self.place.journal {
            // It is made with the first commit.
            self.place.log = there.1;
        }
        if there == (self.place.journal, self.place.log) {
            return Ok(());
        }
        self.return_to_place().inspect_err(|_| self.place.looked = None)
    }

    fn return_to_place(&mut self) -> Result<(), CommitError> {
        tracing::error!(
            journal = %self.path.display(),
            "the journal's file was deleted or replaced while it was open; it is written out anew"
        );
        let copy = beside(&self.path, ".building");
        remove(&copy)?;
        let name = copy.to_str().ok_or_else(|| std::io::Error::other("the path is no text"))?;
        self.db.execute("VACUUM INTO ?1", [name])?;
        make_replacement(&copy, &self.path)?;
        // The connection ends before names move, so that nothing of it lands in a stranger's file.
        let memory = Connection::open_in_memory()?;
        drop(std::mem::replace(&mut self.db, memory));
        self.place.detached = true;
        self.take_place()
    }

    /// The rest of the way back, from when all of the journal is in its replacement. It may be
    /// walked again after a failure.
    fn take_place(&mut self) -> Result<(), CommitError> {
        let waits = identity(&beside(&self.path, ".replacement"))?.is_some();
        let taken =
            identity(&self.path)?.is_some() || identity(&beside(&self.path, "-wal"))?.is_some();
        if waits && taken {
            let kept = set_aside(&self.path, "foreign")?;
            tracing::error!(kept = %kept.display(), "what was put in its place is kept");
        }
        finish_replacement(&self.path)?;
        self.reconnect()
    }

    /// Opens the file again under the state that is in memory, if it is that file.
    fn reconnect(&mut self) -> Result<(), CommitError> {
        // Without CREATE: a file that is not there must not become an empty one.
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut db = Connection::open_with_flags(&self.path, flags)?;
        db.busy_timeout(Duration::ZERO)?;
        layout::prepare(&mut db, self.bug).map_err(|error| match error {
            OpenError::Sqlite(error) => CommitError::Sqlite(error),
            OpenError::Io(error) => CommitError::Io(error),
            other => CommitError::Io(std::io::Error::other(other.to_string())),
        })?;
        let id: Option<String> = super::fold::meta(&db, "journal_id")?;
        if id != Some(self.journal_id.to_string()) {
            return Err(CommitError::Io(std::io::Error::other("it is another journal")));
        }
        self.wal = Wal::watch(&mut db)?;
        self.db = db;
        self.place = Place::of(&self.path)?;
        Ok(())
    }
}
