//! A service that takes the client library in part gets that part and nothing of the rest.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::process::Command;

/// Every crate that the library links with these features.
fn linked(features: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "doorward-events", "--edges", "normal", "--prefix", "none"])
        .args(["--no-default-features", "--features", features, "--format", "{p}"])
        .arg("--offline")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

fn has(crates: &BTreeSet<String>, beginning: &str) -> bool {
    crates.iter().any(|name| name.starts_with(beginning))
}

#[test]
fn a_feature_brings_what_it_needs_and_no_more() {
    let all = ["tokio", "ring", "rustls", "rusqlite", "aws-", "aws-sdk-sqs", "aws-sdk-dynamodb"];
    for (features, expected) in [
        ("", &[][..]),
        ("publish", &["tokio"]),
        ("subscribe", &["tokio"]),
        ("sign", &["ring"]),
        ("sqlite", &["tokio", "rusqlite"]),
        ("eventbridge", &["tokio", "ring", "rustls", "aws-"]),
        ("sqs", &["tokio", "ring", "rustls", "aws-", "aws-sdk-sqs"]),
        ("dynamodb", &["tokio", "ring", "rustls", "aws-", "aws-sdk-dynamodb"]),
    ] {
        let crates = linked(features);
        for name in all {
            assert_eq!(has(&crates, name), expected.contains(&name), "{features}: {name}");
        }
    }
}

#[test]
fn nothing_of_the_daemon_is_in_the_library() {
    let crates = linked("eventbridge,publish,sign,kms,sqs,sqlite,dynamodb,testkit");
    assert!(crates.contains("doorward-events"));
    for foreign in ["doorward-translators", "rumqttc", "axum", "minijinja", "clap", "libseccomp"] {
        assert!(!has(&crates, foreign), "{foreign}");
    }
    assert!(!crates.contains("doorward"));
}
