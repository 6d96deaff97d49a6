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
