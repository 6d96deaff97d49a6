//! What a program does to a watched folder without SQLite, seen by looking.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use crate::disk::Disk;
use crate::image::Image;
use crate::log::Log;
use crate::trace::{FileId, Op};

/// A number of a file is used again after its end; the moment it was made tells them apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Identity {
    inode: u64,
    born: Option<std::time::Duration>,
}

/// A file as it was when last looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    pub(crate) file: FileId,
    identity: Identity,
    /// Length and time of the last change, for a file which SQLite never opened.
    outside: Option<(u64, i64, i64)>,
}

impl Known {
    fn of(file: FileId, metadata: &Metadata) -> Self {
        let born = metadata.created().ok();
        let born = born.and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
        let identity = Identity { inode: metadata.ino(), born };
        Self { file, identity, outside: Some(state(metadata)) }
    }
}

fn state(metadata: &Metadata) -> (u64, i64, i64) {
    (metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

/// The files below `folder` by their name from there. Shared memory is none of the disk's business.
fn list(folder: &Path) -> io::Result<BTreeMap<Arc<str>, Metadata>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![String::new()];
    while let Some(inner) = folders.pop() {
        let entries = match fs::read_dir(folder.join(&inner)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let name = if inner.is_empty() { name } else { format!("{inner}/{name}") };
            // It may be gone by now.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(name);
            } else if metadata.is_file() && !name.ends_with("-shm") {
                found.insert(name.into(), metadata);
            }
        }
    }
    Ok(found)
}

/// Takes the folder as it is for what the disk holds.
pub(crate) fn start(folder: &Path, log: &mut Log) -> io::Result<Disk> {
    let mut disk = Disk::default();
    if !log.recording() {
        return Ok(disk);
    }
    for (name, metadata) in list(folder)? {
        let bytes = fs::read(folder.join(&*name))?;
        if !log.reserve(bytes.len()) {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "more than a trace may hold"));
        }
        let file = log.new_file();
        disk.insert(file, Arc::clone(&name), Image::of(&bytes));
        log.known.insert(name, Known::of(file, &metadata));
    }
    Ok(disk)
}

/// Writes down what changed without SQLite since the last time.
pub(crate) fn look(folder: &Path, log: &mut Log) {
    if !log.recording() {
        return;
    }
    let Ok(found) = list(folder) else { return };
    let known = std::mem::take(&mut log.known);
    // A name that leads to another file now was taken from the old one.
    let same = |name: &Arc<str>, known: &Known| {
        found.get(name).is_some_and(|now| Known::of(known.file, now).identity == known.identity)
    };
    let (mut current, mut gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
        known.into_iter().partition(|(name, known)| same(name, known));
    for (name, metadata) in found {
        if let Some(known) = current.get_mut(&name) {
            if known.outside.is_some_and(|before| before != state(&metadata)) {
                known.outside = Some(state(&metadata));
                content(folder, &name, known.file, log);
            }
            continue;
        }
        let now = Known::of(0, &metadata);
        let renamed = gone.iter().find(|(_, old)| old.identity == now.identity);
        let file = if let Some((from, old)) = renamed.map(|(from, old)| (Arc::clone(from), *old)) {
            gone.remove(&from);
            log.push(Op::Rename { from, to: Arc::clone(&name) });
            let moved = Known { outside: old.outside.and(now.outside), ..old };
            if old.outside.is_some_and(|before| before != state(&metadata)) {
                content(folder, &name, old.file, log);
            }
            current.insert(name, moved);
            old.file
        } else {
            let file = log.new_file();
            log.push(Op::Create { file, name: Arc::clone(&name) });
            content(folder, &name, file, log);
            current.insert(name, Known { file, ..now });
            file
        };
        log.outside(file);
    }
    for name in gone.into_keys().filter(|name| !current.contains_key(name)) {
        log.push(Op::Unlink { name });
    }
    log.known = current;
}

/// Writes down the file as it is now. One that cannot be read is gone again: the next look says so.
fn content(folder: &Path, name: &str, file: FileId, log: &mut Log) {
    let Ok(bytes) = fs::read(folder.join(name)) else { return };
    if log.reserve(bytes.len()) {
        log.push(Op::Truncate { file, len: 0, shrinks: true });
        log.write(file, 0, &bytes);
        log.outside(file);
    }
}

/// The file under this name, which SQLite opened: its changes come through the shim from now on.
pub(crate) fn opened(folder: &Path, name: &Arc<str>, log: &mut Log) -> FileId {
    if !log.recording() {
        return 0;
    }
    let known = log.known.get(name).map(|known| known.file);
    let file = known.unwrap_or_else(|| {
        let file = log.new_file();
        log.push(Op::Create { file, name: Arc::clone(name) });
        file
    });
    if let Ok(metadata) = fs::symlink_metadata(folder.join(&**name)) {
        let known = Known { outside: None, ..Known::of(file, &metadata) };
        log.known.insert(Arc::clone(name), known);
    }
    file
}
