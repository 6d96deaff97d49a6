//! Whether a file is still the one that was read.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What tells a file from the one before it under the same name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// Where links lead.
    file: PathBuf,
    inode: u64,
    length: u64,
    /// When it was written, in seconds and nanoseconds.
    written: (i64, i64),
}

/// The stamp of a file; `None`: it is not there. It touches the disk.
pub fn stamp(file: &Path) -> Option<Stamp> {
    let file = std::fs::canonicalize(file).ok()?;
    let found = std::fs::metadata(&file).ok()?;
    let written = (found.mtime(), found.mtime_nsec());
    Some(Stamp { file, inode: found.ino(), length: found.len(), written })
}
