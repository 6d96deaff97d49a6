//! The journal's files as plain SQLite and plain bytes see them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use doorward::journal::Class;
use rusqlite::Connection;

use crate::oracle::{Oracle, Violation, demand};

/// The journal's name in its folder.
pub const FILE: &str = "journal.db";

/// Copies what a killed process leaves: every file but shared memory.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_file() && !name.ends_with("-shm") {
            fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}

/// Bytes of the bodies that wait, by class, out of the tables themselves. `folder` is one in
/// which nobody has the journal open; it is worn out afterwards.
pub fn waiting_bytes(
    folder: &Path,
    oracle: &Oracle,
) -> Result<BTreeMap<&'static str, u64>, Violation> {
    let sqlite = |error: rusqlite::Error| Violation(format!("SQLite says: {error}"));
    let db = Connection::open(folder.join(FILE)).map_err(sqlite)?;
    let check: String =
        db.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0)).map_err(sqlite)?;
    demand!(check == "ok", "the file is not whole: {check}");
    let mut rows: BTreeMap<u64, (String, u64, u64)> = BTreeMap::new();
    for table in ["access", "state", "telemetry"] {
        let sql = format!(
            "SELECT slot, word, type_sequence, length(body) FROM {table} JOIN word ON id = kind"
        );
        let mut statement = db.prepare(&sql).map_err(sqlite)?;
        let found = statement
            .query_map([], |row| Ok((row.get(0)?, (row.get(1)?, row.get(2)?, row.get(3)?))))
            .map_err(sqlite)?;
        for row in found {
            let (slot, row) = row.map_err(sqlite)?;
            let twice = rows.insert(slot, row);
            demand!(twice.is_none(), "slot {slot} is in two tables");
        }
    }
    let mut bytes: BTreeMap<_, u64> = Class::ALL.iter().map(|class| (class.as_str(), 0)).collect();
    for event in oracle.waiting() {
        let Some((kind, type_sequence, length)) = rows.get(&event.slot) else {
            return Err(Violation(format!("slot {} waits and has no row", event.slot)));
        };
        demand!(kind == event.kind.as_str(), "slot {} is a {kind} in its table", event.slot);
        let right = event.carried || *type_sequence == event.type_sequence;
        demand!(right, "slot {} is number {type_sequence} of its type", event.slot);
        *bytes.entry(event.class.as_str()).or_default() += length;
    }
    Ok(bytes)
}

/// Where the files of a folder hold this text: the first place in each.
pub fn holding(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let bytes = fs::read(entry.path()).unwrap_or_default();
        if let Some(at) = bytes.windows(text.len()).position(|window| window == text.as_bytes()) {
            let name = entry.file_name().to_string_lossy().into_owned();
            let page = at / 4096;
            found.push(format!("{name} at {at} (page {}, {:#x})", page + 1, bytes[page * 4096]));
        }
    }
    found
}

/// Bytes of all files of a folder.
pub fn size(folder: &Path) -> u64 {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}
