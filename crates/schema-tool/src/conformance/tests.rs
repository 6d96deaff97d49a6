//! The whole run over a folder laid out like the published suites, with cases of our own.

use std::fs;
use std::path::Path;

use doorward_schema_compatibility::Limits;
use serde_json::{Value, json};

use crate::bindings::Language;

fn write(folder: &Path, path: &str, content: &Value) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content.to_string()).unwrap();
}

/// Rust alone.
fn run(folder: &Path) -> anyhow::Result<super::Report> {
    run_in(folder, &[Language::Rust])
}

/// The other languages are not where they are said to be.
fn run_in(folder: &Path, wanted: &[Language]) -> anyhow::Result<super::Report> {
    let places = super::Places { node_modules: folder.join("gone"), python: folder.join("gone") };
    super::run(folder, &Limits::default(), wanted, &places)
}

/// A small folder: each suite with a case or two.
fn folder(contested: &Value) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let (short, long) =
        (json!({ "type": "string", "maxLength": 3 }), json!({ "type": "string", "maxLength": 5 }));
    write(
        at,
        "apicurio/compatibility-test-data.json",
        &json!({ "tests": [
        { "enabled": true, "id": "longer", "compatibility": "backward", "original": short, "updated": long },
        { "enabled": false, "id": "off", "compatibility": "both", "original": short, "updated": long },
    ] }),
    );
    write(
        at,
        "karapace/compat-cases.json",
        &json!([
            { "id": "k", "old": true, "new": { "const": 1 }, "backward_compatible": false },
            { "id": "n", "old": { "contentEncoding": "base64" }, "new": {}, "backward_compatible": true },
            { "id": "same", "old": true, "new": { "properties": { "a": {} } }, "backward_compatible": false },
            { "id": "more", "old": { "const": 1 }, "new": true, "backward_compatible": false },
            { "id": "none", "old": false, "new": true, "backward_compatible": false },
            { "id": "text", "old": true, "new": { "maxLength": 3 }, "backward_compatible": true },
            { "id": "float", "old": { "enum": [2.0] }, "new": { "type": ["integer"] }, "backward_compatible": true },
        ]),
    );
    write(
        at,
        "ibm-jsonsubschema/subschema-cases.json",
        &json!([
            { "id": "s", "relation": "subschema", "old": short, "new": long, "expected": true },
            { "id": "e", "relation": "equivalent", "old": { "enum": [true, false] }, "new": { "type": "boolean" }, "expected": true },
        ]),
    );
    write(
        at,
        "sentry-json-schema-diff/tests/fixtures/max_length/lowered.json",
        &json!({ "lhs": long, "rhs": short }),
    );
    let snapshot = "change: MaxLengthChange {\n    old_value: 5,\n    new_value: 3,\n},\n";
    fs::create_dir_all(at.join("sentry-json-schema-diff/tests/snapshots")).unwrap();
    fs::write(at.join("sentry-json-schema-diff/tests/snapshots/test__from_fixtures@max_length__lowered.json.snap"), snapshot).unwrap();
    let line = json!({ "suite": "s", "id": "w", "draft": "draft-07", "old": long, "new": short, "vendor_backward_compatible": false, "witness_found": true, "witness": "abcd" });
    write(at, "compat-cases-permissive.jsonl", &line);
    write(
        at,
        "contested.json",
        &json!({ "vendor_says_compatible_but_witness_breaks": [contested], "vendor_says_incompatible_no_witness_found": [] }),
    );
    write(
        at,
        "json-schema-test-suite/tests/draft4/a.json",
        &json!([
            { "description": "g", "schema": { "type": "integer" }, "tests": [
                { "description": "whole", "data": 1, "valid": true },
                { "description": "wrong on purpose", "data": 1, "valid": false },
            ] },
            { "description": "r", "schema": { "$ref": "http://localhost:1234/other.json" }, "tests": [{ "description": "x", "data": 1, "valid": true }] },
            { "description": "gone", "schema": { "$ref": "http://localhost:1234/../../gone.json" }, "tests": [{ "description": "x", "data": 1, "valid": true }] },
        ]),
    );
    write(at, "json-schema-test-suite/remotes/other.json", &json!({ "type": "integer" }));
    folder
}

fn contested(old: &Value, new: &Value, witness: &Value) -> Value {
    json!({ "suite": "s", "id": "c", "draft": "draft-04", "old": old, "new": new, "vendor_backward_compatible": true, "witness_found": true, "witness": witness })
}

#[test]
fn every_suite_is_counted() {
    let folder =
        folder(&contested(&json!({ "enum": [2.0] }), &json!({ "type": "integer" }), &json!(2.0)));
    let report = run(folder.path()).unwrap();
    let told = report.json();
    let figures = |suite: &str, name: &str| told["suites"][suite][name].as_u64().unwrap();
    for (suite, pairs, agree) in [
        ("apicurio", 2, 2),
        ("karapace", 7, 2),
        ("ibm-jsonsubschema", 3, 3),
        ("sentry-json-schema-diff", 1, 1),
        ("compat-cases-permissive", 1, 1),
        ("contested", 1, 0),
    ] {
        assert_eq!(
            (figures(suite, "pairs"), figures(suite, "agree")),
            (pairs, agree),
            "{suite}: {told:#}"
        );
        assert_eq!(figures(suite, "witness_called_compatible"), 0);
    }
    assert_eq!(figures("karapace", "not_applicable"), 1);
    assert_eq!(figures("contested", "disagree"), 1);
    assert_eq!(told["validator"]["passed"], 2);
    assert_eq!(told["validator"]["not_applicable"].as_array().unwrap().len(), 1);
    // The one fault is the test that is wrong on purpose; and all is far too little.
    let missed = report.missed();
    let count = |part: &str| missed.iter().filter(|line| line.contains(part)).count();
    assert_eq!((count("wrong on purpose"), count("fewer than the ")), (2, 7), "{missed:#?}");
    assert_eq!((count("Rust judged 3 tests"), missed.len()), (1, 10), "{missed:#?}");
    assert!(
        report.table().contains("ibm-jsonsubschema")
            && report.details().contains("asserted by some")
    );
}

#[test]
fn a_contested_case_that_is_not_refuted_is_missed() {
    // The witness shows nothing: the two are the same.
    let folder =
        folder(&contested(&json!({ "type": "integer" }), &json!({ "type": "integer" }), &json!(1)));
    let report = run(folder.path()).unwrap();
    assert!(
        report.missed().iter().any(|line| line.starts_with("contested: s c")),
        "{:?}",
        report.missed()
    );
}

#[test]
fn a_folder_without_the_suites_is_a_wrong_call() {
    let empty = tempfile::tempdir().unwrap();
    let problem = run(empty.path()).err().unwrap();
    assert!(format!("{problem:#}").contains("none of the suites apicurio, "), "{problem:#}");
}

fn refuted() -> Value {
    contested(&json!({ "enum": [2.0] }), &json!({ "type": "integer" }), &json!(2.0))
}

#[test]
fn a_disagreement_is_counted_with_its_reason() {
    let folder = folder(&refuted());
    let report = run(folder.path()).unwrap();
    let table = report.table();
    for line in [
        "1 refuted against the source: document shown, which maxLength refuses; such as text",
        "1 proved against the source: policy of the source: both accept the same documents; such as same",
        "1 proved against the source: policy of the source: the new schema only accepts more; such as more",
        "1 proved against the source: policy of the source: the old schema accepts nothing; such as none",
        "1 refuted against the source: document shown, and one was published that shows it too; such as s c",
        "1 not applicable: contentEncoding is asserted by some",
    ] {
        assert!(table.contains(line), "{line}:\n{table}");
    }
    let told = report.json();
    let reasons = told["suites"]["karapace"]["reasons"].as_array().unwrap();
    let counted: u64 = reasons.iter().map(|group| group["pairs"].as_u64().unwrap()).sum();
    let karapace = &told["suites"]["karapace"];
    let left = karapace["pairs"].as_u64().unwrap() - karapace["agree"].as_u64().unwrap();
    assert_eq!(counted, left, "every pair that does not agree has a reason: {karapace:#}");
}

#[test]
fn a_suite_that_is_missing_is_said_as_not_run_and_fails() {
    let folder = folder(&refuted());
    fs::remove_dir_all(folder.path().join("karapace")).unwrap();
    fs::remove_dir_all(folder.path().join("json-schema-test-suite")).unwrap();
    let report = run(folder.path()).unwrap();
    let missed = report.missed();
    for suite in ["karapace", "json-schema-test-suite"] {
        let line = missed.iter().find(|line| line.starts_with(&format!("{suite}: not run: ")));
        assert!(line.is_some(), "{suite}: {missed:#?}");
    }
    let table = report.table();
    assert_eq!(table.matches(" not run: /").count(), 2, "{table}");
    assert!(table.contains("apicurio                        2      2"), "{table}");
}

#[test]
fn a_language_that_cannot_be_run_is_said_and_fails_unless_it_is_left_out() {
    let folder = folder(&refuted());
    let report = run_in(folder.path(), &[Language::Rust, Language::Python]).unwrap();
    let missed = report.missed();
    let not_run: Vec<&String> = missed.iter().filter(|line| line.contains("not run")).collect();
    assert_eq!(not_run.len(), 1, "{missed:#?}");
    assert!(not_run[0].starts_with("validators: Python: not run: no "), "{missed:#?}");
    let table = report.table();
    for row in
        ["TypeScript                 not run: left out", "Python                     not run: no "]
    {
        assert!(table.contains(row), "{row}: {table}");
    }
    let told = report.json()["validators"]["not_run"].clone();
    assert_eq!((&told[0]["language"], &told[0]["wanted"]), (&json!("TypeScript"), &json!(false)));
    assert_eq!((&told[1]["language"], &told[1]["wanted"]), (&json!("Python"), &json!(true)));

    let report = run(folder.path()).unwrap();
    assert!(!report.missed().iter().any(|line| line.contains("not run")));
}
