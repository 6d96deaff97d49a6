//! Whether a file is still the one that was read.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What tells a file from the one before it under the same name: where links lead, when it was
/// written, and how long it is. `None`: it is not there. It touches the disk.
pub fn stamp(file: &Path) -> Option<(PathBuf, SystemTime, u64)> {
    let real = std::fs::canonicalize(file).ok()?;
    let found = std::fs::metadata(&real).ok()?;
    Some((real, found.modified().ok()?, found.len()))
}
