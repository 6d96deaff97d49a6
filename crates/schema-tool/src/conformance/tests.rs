//! The whole run over a folder laid out like the published suites, with cases of our own.

use std::fs;
use std::path::Path;

use doorward_schema_compatibility::Limits;
use serde_json::{Value, json};

fn write(folder: &Path, path: &str, content: &Value) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content.to_string()).unwrap();
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
    let report = super::run(folder.path(), &Limits::default()).unwrap();
    let told = report.json();
    let figures = |suite: &str, name: &str| told["suites"][suite][name].as_u64().unwrap();
    for (suite, pairs, agree) in [
        ("apicurio", 2, 2),
        ("karapace", 2, 1),
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
    // The one fault is the test that is wrong on purpose.
    let missed = report.missed();
    assert!(missed.len() == 1 && missed[0].contains("wrong on purpose"), "{missed:?}");
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
    let report = super::run(folder.path(), &Limits::default()).unwrap();
    assert!(
        report.missed().iter().any(|line| line.starts_with("contested: s c")),
        "{:?}",
        report.missed()
    );
}

#[test]
fn a_folder_without_the_suites_is_a_wrong_call() {
    let empty = tempfile::tempdir().unwrap();
    let problem = super::run(empty.path(), &Limits::default()).err().unwrap();
    assert!(format!("{problem:#}").contains("compatibility-test-data.json"), "{problem:#}");
}
