//! The table of attacks in docs/access.md names the tests that try them: each of those is there, and
//! each of those here is named.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Where the tests of a name's first part are.
const PLACES: &[(&str, &str)] = &[
    ("real", "tests/real"),
    ("sim", "tests/sim"),
    ("journal", "tests/journal"),
    ("cli", "tests/cli"),
    ("doorward", "src"),
    ("statements", "crates/events/tests/statements"),
    ("subscriber", "crates/events/tests/subscriber"),
    ("mistakes", "crates/events/tests/mistakes"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of the table.
fn rows() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("docs/access.md")).unwrap();
    let (_, section) =
        text.split_once("\n## Attacks, and the tests that try them\n").expect("the section");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    rows.skip(2).map(str::to_owned).collect()
}

/// The names of tests in a row: those in backticks that are paths.
fn names(row: &str) -> impl Iterator<Item = &str> {
    row.split('`').skip(1).step_by(2).filter(|word| word.contains("::"))
}

/// Whether a source has a function of this name that is a test.
fn has_test(source: &str, name: &str) -> bool {
    let function = format!("fn {name}(");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    (0..lines.len()).filter(|line| lines[*line].contains(&function)).any(|line| {
        let attributes = lines[..line].iter().rev().take_while(|line| line.starts_with("#["));
        attributes.into_iter().any(|line| ["#[test]", "#[tokio::test]"].contains(line))
    })
}

/// Whether there is a test of this whole name.
fn is_there(full: &str) -> bool {
    let mut parts: Vec<&str> = full.split("::").collect();
    let (Some(name), first) = (parts.pop(), parts.first().copied()) else { return false };
    let Some((_, place)) = PLACES.iter().find(|(part, _)| Some(*part) == first) else {
        return false;
    };
    // A module of tests may stand in the file of what it tests.
    let inside = parts.last() == Some(&"tests");
    let module = |less: usize| -> PathBuf { parts[1..parts.len() - less].iter().collect() };
    (0..=usize::from(inside)).any(|less| {
        let file = root().join(place).join(module(less));
        let candidates = [file.with_extension("rs"), file.join("mod.rs")];
        candidates
            .iter()
            .any(|file| std::fs::read_to_string(file).is_ok_and(|source| has_test(&source, name)))
    })
}

#[test]
fn the_tests_that_the_table_of_attacks_names_are_there() {
    let rows = rows();
    assert!(rows.len() >= 12, "{} rows", rows.len());
    let mut named = 0;
    for row in &rows {
        let gone: Vec<&str> = names(row).filter(|name| !is_there(name)).collect();
        assert!(gone.is_empty(), "no such test: {gone:?}");
        let excused = row.contains("not there yet");
        assert!(names(row).count() > 0 || excused, "nobody tries it: {row}");
        named += names(row).count();
    }
    assert!(named >= 20, "{named}");
    assert!(!is_there("real::attacks::table::names"), "a function is no test");
    assert!(!is_there("real::attacks::table::gone"));
}

#[test]
fn the_table_of_attacks_names_each_test_of_them() {
    let rows = rows();
    let named: BTreeSet<&str> = rows.iter().flat_map(|row| names(row)).collect();
    for file in std::fs::read_dir(root().join("tests/real/attacks")).unwrap() {
        let file = file.unwrap().path();
        let module = file.file_stem().unwrap().to_string_lossy().into_owned();
        let source = std::fs::read_to_string(&file).unwrap();
        for after in source.split("#[test]\nfn ").skip(1).filter(|_| module != "table") {
            let name = after.split('(').next().unwrap();
            let full = format!("real::attacks::{module}::{name}");
            assert!(named.contains(full.as_str()), "{full} is in no row");
        }
    }
}
