//! The measurement as a user calls it: a language that cannot be run is no language that agrees.

use serde_json::json;

use super::stand::{Copy, tool};

#[test]
fn a_language_that_cannot_be_run_has_a_row_and_fails_the_run() {
    let copy = Copy::new();
    let (short, long) =
        (json!({ "type": "string", "maxLength": 3 }), json!({ "type": "string", "maxLength": 5 }));
    let pair = json!({ "enabled": true, "id": "longer", "compatibility": "backward", "original": short, "updated": long });
    copy.write(
        "suites/apicurio/compatibility-test-data.json",
        &json!({ "tests": [pair] }).to_string(),
    );
    let folder = copy.root().join("suites");
    let gone = copy.root().join("gone");
    let (folder, gone) = (folder.to_str().unwrap(), gone.to_str().unwrap());
    let run = |more: &[&str]| {
        let call = ["conformance", folder, "--node-modules", gone, "--python", gone];
        tool(copy.root(), &[&call[..], more].concat())
    };

    let all = run(&[]);
    assert_eq!(all.code, 1, "{all:?}");
    for language in ["TypeScript", "Python"] {
        assert!(all.out.contains(&format!("{language:<26} not run: no ")), "{all:?}");
        let missed = format!("missed: validators: {language}: not run: no ");
        assert!(all.err.contains(&missed), "{all:?}");
    }

    let rust = run(&["--languages", "rust"]);
    assert!(rust.out.contains(&format!("{:<26} not run: left out", "Python")), "{rust:?}");
    assert!(rust.err.contains("missed: json-schema-test-suite: not run"), "{rust:?}");
    assert!(!rust.err.contains("missed: validators: Python"), "{rust:?}");
    assert!(!rust.err.contains("missed: validators: TypeScript"), "{rust:?}");
    assert_eq!(run(&["--languages", "cobol"]).code, 2);
}
