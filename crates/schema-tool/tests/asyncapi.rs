//! The exported `AsyncAPI` document, read by the project's own parser with a validator of
//! Draft-04: it is well formed, its references lead somewhere, its schemas are schemas, and it says
//! who sends and who receives.
//!
//! `make tools` installs the parser (`npm ci`); without it the test fails and says so.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod site_support;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};
use site_support::{Repository, Said, workspace};

fn modules() -> PathBuf {
    let folder = workspace().join(".tools/asyncapi");
    let folder = std::env::var_os("DOORWARD_ASYNCAPI").map_or(folder, PathBuf::from);
    assert!(folder.join("node_modules").is_dir(), "{}: make tools installs it", folder.display());
    folder
}

/// What the parser says of a document.
fn read(document: &Path) -> Said {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/asyncapi/read.cjs");
    let modules = modules().canonicalize().unwrap();
    let output = Command::new("node").arg(program).arg(modules).arg(document).output().unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn the_parser_understands_this_workspace_s_catalogue_in_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let mut told = Vec::new();
    for form in ["writer", "reader"] {
        let file = folder.path().join(form);
        let out = file.to_str().unwrap();
        let arguments = ["export", "asyncapi", "--form", form, "--out", out];
        let said = site_support::run(&workspace(), &arguments, &[]);
        assert_eq!(said.code, 0, "{said:?}");
        let said = read(&file);
        assert_eq!(said.code, 0, "{}", said.err);
        told.push(serde_json::from_str::<Value>(&said.out).unwrap());
    }
    assert_eq!(told[0], told[1]);
    let channels = told[0]["channels"].as_array().unwrap();
    assert!(channels.contains(&json!("access.granted")), "{channels:?}");
    assert_eq!(told[0]["messages"].as_array().unwrap().len(), channels.len());
    assert!(told[0]["sends"].as_u64().unwrap() >= channels.len() as u64);
}

#[test]
fn who_sends_and_who_receives_are_operations_and_examples_fit_their_payload() {
    let repository = Repository::small();
    repository.subscribe("support", "doors", &["door.opened"]);
    let said = repository.run(&["export", "asyncapi", "--revision", "2026.11"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(said.out, repository.run(&["export", "asyncapi", "--revision", "2026.11"]).out);
    let document: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(document["info"]["version"], "2026.11");
    let operations = document["operations"].as_object().unwrap();
    let names: Vec<&str> = operations.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "test.gateway.send.door.opened",
            "support--doors.receive.door.opened",
            "test.parcels.send.door.unlock_requested",
            "gateway.receive.door.unlock_requested",
            "test.parcels.send.parcel.delivered",
        ]
    );
    let payload = &document["components"]["messages"]["door.opened"]["payload"];
    assert_eq!(payload["schemaFormat"], "application/schema+json;version=draft-04");
    assert_eq!(payload["schema"]["properties"]["type"]["enum"], json!(["door.opened"]));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("document.json");
    std::fs::write(&file, &said.out).unwrap();
    let told = read(&file);
    assert_eq!(told.code, 0, "{}", told.err);
    assert!(told.out.contains("\"sends\":3,\"receives\":2"), "{}", told.out);
}

/// What is planted is found: else the test above would show nothing.
#[test]
fn the_parser_refuses_what_is_wrong() {
    let repository = Repository::small();
    let document: Value =
        serde_json::from_str(&repository.run(&["export", "asyncapi"]).out).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let refused = |change: &dyn Fn(&mut Value), says: &str| {
        let mut document = document.clone();
        change(&mut document);
        let file = folder.path().join("document.json");
        std::fs::write(&file, document.to_string()).unwrap();
        let said = read(&file);
        assert!(said.code == 1 && said.err.contains(says), "{says:?}: {said:?}");
    };
    let opened = "/components/messages/door.opened";
    refused(&|d| d["info"] = json!({"title": "x"}), "version");
    refused(
        &|d| d["channels"]["door.opened"]["messages"]["event"]["$ref"] = json!("#/nowhere"),
        "nowhere",
    );
    refused(
        &|d| d.pointer_mut(opened).unwrap()["payload"]["schema"]["type"] = json!("text"),
        "schema is invalid",
    );
    refused(
        &|d| d.pointer_mut(opened).unwrap()["payload"]["schema"]["minLength"] = json!(-1),
        "schema is invalid",
    );
    refused(
        &|d| {
            d.pointer_mut(opened).unwrap()["examples"] =
                json!([{"name": "x", "payload": {"id": 1}}]);
        },
        "door.opened",
    );
}
