//! Two processes, one journal.

use doorward::journal::{Bounds, Journal, OpenError};
use uuid::Uuid;

const FILE: &str = "DOORWARD_SIM_JOURNAL";

/// Not a test by itself: the other process of the test below.
#[test]
fn the_other_process() {
    let Some(file) = std::env::var_os(FILE) else { return };
    let opened = Journal::open(file.as_ref(), Bounds::default(), Uuid::from_u128(2));
    assert!(matches!(opened, Err(OpenError::InUse)), "it could be opened twice");
}

#[test]
fn when_another_process_has_the_journal_then_it_is_in_use() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("journal.db");
    let (journal, _) = Journal::open(&file, Bounds::default(), Uuid::from_u128(1)).unwrap();
    let other = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "second_process::the_other_process"])
        .env(FILE, &file)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&other.stdout);
    assert!(other.status.success() && said.contains("1 passed"), "{said}");
    journal.close().unwrap();
    Journal::open(&file, Bounds::default(), Uuid::from_u128(3)).unwrap();
}
