//! `docs/integration-mistakes.md` and the tests say the same thing: each row names one that is
//! there, and no test goes without a row.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const FEWEST_ROWS: usize = 30;

/// What a row may say of where its mistake is caught.
const CAUGHT: [&str; 5] = ["at compile time", "at creation", "at publish", "on receipt", "**not**"];

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The cells of every row: what stands before the first heading explains them.
fn rows() -> Vec<[String; 4]> {
    let document = file("../../docs/integration-mistakes.md");
    let (_, table) = document.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|line| !line.starts_with("| mistake "));
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        let cells: Vec<String> = cells.collect();
        cells.try_into().unwrap_or_else(|_| panic!("not four cells: {row}"))
    })
    .collect()
}

/// The tests that a row names.
fn named([_, _, _, tests]: &[String; 4]) -> Vec<String> {
    tests.split(", ").map(|name| name.trim_matches('`').to_owned()).collect()
}

/// The doc examples of `src/mistakes.rs`: name, the one that compiles, the one that does not.
fn examples() -> BTreeMap<String, (Vec<String>, Vec<String>)> {
    let source = file("src/mistakes.rs");
    let (mut blocks, mut block, mut found) = (Vec::new(), None, BTreeMap::new());
    for line in source.lines() {
        let text = line.strip_prefix("///").map(str::trim);
        match (text, &mut block) {
            (Some(fence), None) if fence.starts_with("```") => {
                let fails = fence.starts_with("```compile_fail");
                assert!(fails || fence == "```", "{fence}");
                block = Some((fails, Vec::new()));
            }
            (Some("```"), Some(_)) => blocks.extend(block.take()),
            (Some(code), Some((_, lines))) => lines.push(code.to_owned()),
            _ => {}
        }
        if let Some(name) = line.strip_prefix("mod ") {
            let name = name.trim_end_matches(" {}").to_owned();
            let [(false, compiles), (true, fails)] = &blocks[..] else {
                panic!("{name}: not one that compiles and then one that does not")
            };
            found.insert(name, (compiles.clone(), fails.clone()));
            blocks.clear();
        }
    }
    assert!(blocks.is_empty() && block.is_none());
    found
}

/// Every test of this folder but those of this file, as `file::name`, and every doc example.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mistakes");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stage = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if stage == "table" {
            continue;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let mut is_test = false;
        for line in text.lines() {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
            if let Some(function) = function
                && std::mem::take(&mut is_test)
            {
                names.insert(format!("{stage}::{}", function.split('(').next().unwrap()));
            }
        }
    }
    names.extend(examples().into_keys().map(|name| format!("mistakes::{name}")));
    names
}

#[test]
fn every_row_names_tests_that_are_there_and_every_test_has_a_row() {
    let rows = rows();
    assert!(rows.len() >= FEWEST_ROWS, "{} rows", rows.len());
    let all: Vec<String> = rows.iter().flat_map(named).collect();
    let once: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(all.len(), once.len(), "a test stands in two rows");
    let there = tests();
    let missing: Vec<_> = once.difference(&there).collect();
    assert!(missing.is_empty(), "named and not there: {missing:?}");
    let silent: Vec<_> = there.difference(&once).collect();
    assert!(silent.is_empty(), "there and not named: {silent:?}");
}

#[test]
fn a_row_says_where_as_its_test_shows_it() {
    for row in rows() {
        let [mistake, caught, shows, _] = &row;
        assert!(!mistake.is_empty() && !shows.is_empty(), "{mistake}");
        let known = CAUGHT.iter().any(|known| caught.starts_with(known));
        assert!(known, "{mistake}: {caught}");
        for test in named(&row) {
            let stage = test.split("::").next().unwrap();
            let of_stage = match stage {
                "mistakes" => "at compile time",
                "creation" => "at creation",
                "publishing" | "sending" => "at publish",
                "receipt" | "handling" => "on receipt",
                "uncaught" => "**not**",
                _ => continue,
            };
            assert!(caught.contains(of_stage), "{mistake}: {caught}, and {test}");
        }
        let passes = named(&row).iter().all(|test| test.starts_with("uncaught::"));
        assert_eq!(caught == "**not**", passes, "{mistake}");
    }
}

/// What does not compile differs from what does in one line: that line is why.
#[test]
fn an_example_that_does_not_compile_has_a_twin_that_does() {
    let examples = examples();
    assert!(examples.len() >= 10);
    for (name, (compiles, fails)) in examples {
        let same_start =
            compiles.iter().zip(&fails).take_while(|(one, other)| one == other).count();
        let (one, other) = (&compiles[same_start..], &fails[same_start..]);
        let pairs = one.iter().rev().zip(other.iter().rev());
        let same_end = pairs.take_while(|(one, other)| one == other).count();
        let differ = (one.len() - same_end, other.len() - same_end);
        assert!(matches!(differ, (1, 0 | 1) | (0, 1)), "{name}: {differ:?}");
    }
}
