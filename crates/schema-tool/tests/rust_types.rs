//! What `lint` lets through can be a Rust type: else a released type would stop the build of every
//! binary.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its parts too")]

mod copied;

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

const TYPE: &str = "parcel.weighed";

fn tool(root: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward-schema"));
    let output = command.arg("--root").arg(root).args(arguments).output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {out}{err}");
    out
}

#[test]
fn what_lint_lets_through_can_be_a_rust_type() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    for part in ["schemas", "subscriptions"] {
        copied::copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(part),
            &root.join(part),
        );
    }
    tool(root, &["new", TYPE, "--owner", "acme.delivery", "--summary", "A parcel was weighed."]);
    let file = root.join("schemas").join(TYPE).join("next.json");
    let mut schema: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let about = "What the scales say.";
    let words = json!({ "description": about, "type": "string", "enum": ["a-b", "a_b", "1x"] });
    let members = schema.as_object_mut().unwrap();
    members.insert("description".to_owned(), json!(about));
    members.insert(
        "properties".to_owned(),
        json!({
            "count": { "description": about, "type": "integer", "minimum": 0, "maximum": 9 },
            "grams": { "description": about, "type": "integer",
                "minimum": 0, "exclusiveMinimum": true, "maximum": 9, "exclusiveMaximum": true },
            "steps": { "description": about, "type": "integer",
                "minimum": 0, "maximum": 9, "multipleOf": 3 },
            "share": { "description": about, "type": "number",
                "minimum": 0, "exclusiveMinimum": true, "maximum": 1 },
            "why": words,
            "scales": { "description": about, "type": "array",
                "minItems": 2, "maxItems": 2, "items": words },
            "inner": { "description": about, "type": "object", "properties": { "why": words } },
        }),
    );
    fs::write(&file, schema.to_string()).unwrap();
    tool(root, &["lint", TYPE]);
    for language in ["rust", "python", "typescript"] {
        let out = root.join(language);
        tool(root, &["bindings", "--language", language, "--out", out.to_str().unwrap()]);
    }
    // A reader keeps a word that it does not know, so its type is no list of words.
    let written = fs::read_to_string(root.join("rust/structs.rs")).unwrap();
    assert!(!written.contains("enum ParcelWeighed"), "{written}");
}
