//! When the write-ahead log goes into the file.

use super::*;
use crate::journal::wal::{LONG, LONGEST};

/// Commits until the log is at least so long; its length.
fn grow(journal: &mut Journal, file: &Path, bytes: u64) -> u64 {
    for n in 1..100_000 {
        let batch =
            Batch { events: (0..20).map(|m| telemetry(20 * n + m)).collect(), ..Batch::default() };
        journal.commit(&batch).unwrap();
        let length = length(&file.with_extension("db-wal"));
        if length >= bytes {
            return length;
        }
    }
    panic!("the log does not grow to {bytes}");
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).unwrap().len()
}

#[test]
fn a_long_log_goes_into_the_file_between_two_commits_and_is_used_again() {
    let folder = folder();
    let (mut journal, _) = open(&folder.file);
    journal.shorten_log(false).unwrap();
    let small = length(&folder.file);
    let long = grow(&mut journal, &folder.file, LONG + LONG / 8);
    assert_eq!(length(&folder.file), small, "no commit waited for it");
    journal.shorten_log(true).unwrap();
    assert_eq!(length(&folder.file), small, "nor does the next one");
    journal.shorten_log(false).unwrap();
    assert!(length(&folder.file) > small);
    // The log begins again at its front.
    for n in 0..100 {
        journal.commit(&Batch { events: vec![state(n)], ..Batch::default() }).unwrap();
    }
    assert_eq!(length(&folder.file.with_extension("db-wal")), long);
}

#[test]
fn a_log_that_nobody_shortens_has_an_end_too() {
    let folder = folder();
    let (mut journal, _) = open(&folder.file);
    let small = length(&folder.file);
    for n in 0..20_000 {
        let events = (0..5).map(|m| telemetry(5 * n + m)).collect();
        journal.commit(&Batch { events, ..Batch::default() }).unwrap();
        if length(&folder.file) > small {
            break;
        }
    }
    let log = length(&folder.file.with_extension("db-wal"));
    assert!(log > LONG && log < LONGEST * LONG * 9 / 8, "{log}");
    assert!(length(&folder.file) > small);
}
