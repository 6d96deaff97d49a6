//! The catalogue in a schema registry: what is written, that a second run writes nothing, and what
//! a refusal or a wrong call says. The registry is the emulator's, whose calls are those of the
//! service's own description; the client is the tool's own binary with the AWS SDK.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod site_support;

use doorward_emulator::Schemas;
use serde_json::{Value, json};
use site_support::{Repository, Said};

fn publish(schemas: &Schemas, repository: &Repository, more: &[&str]) -> Said {
    let endpoint = schemas.endpoint();
    let mut arguments =
        vec!["publish", "--registry", "doors", "--region", "eu-central-1", "--endpoint", &endpoint];
    arguments.extend(more);
    repository.run_with(
        &arguments,
        &[
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ],
    )
}

fn held(schemas: &Schemas, name: &str) -> (Value, Value) {
    let told = schemas.get(&format!("/v1/registries/name/doors/schemas/name/{name}"));
    let content = serde_json::from_str(told["Content"].as_str().unwrap()).unwrap();
    (told, content)
}

fn writes(schemas: &Schemas) -> u64 {
    let calls = schemas.calls();
    ["CreateRegistry", "CreateSchema", "UpdateSchema"]
        .iter()
        .map(|name| calls[name].as_u64().unwrap_or_default())
        .sum()
}

#[test]
fn a_second_run_writes_nothing_and_a_change_one_version() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = Schemas::start(folder.path());
    let repository = Repository::small();

    let dry = publish(&schemas, &repository, &["--drafts", "--dry-run"]);
    assert!(dry.out.contains("would create registry doors"), "{dry:?}");
    assert!(dry.out.contains("would create door.opened"), "{dry:?}");
    assert!(dry.out.contains("3 to be created"), "{dry:?}");
    assert_eq!(writes(&schemas), 0);

    let first = publish(&schemas, &repository, &["--drafts"]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.out.contains("3 created, 0 updated, 0 unchanged"), "{first:?}");
    assert_eq!(writes(&schemas), 4);
    let (told, content) = held(&schemas, "door.opened");
    assert_eq!(told["Type"], "JSONSchemaDraft4");
    assert_eq!(told["Description"], "A door was opened.");
    assert_eq!(content["x-amazon-events-detail-type"], "door.opened");
    accepts_what_eventbridge_delivers(&content);

    let second = publish(&schemas, &repository, &["--drafts", "--json"]);
    assert_eq!(second.code, 0, "{second:?}");
    assert_eq!(second.out.lines().count(), 3, "{second:?}");
    for line in second.out.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["step"], "unchanged");
        assert_eq!(line["done"], false);
    }
    assert_eq!(writes(&schemas), 4);

    // Another layout of the same JSON is no change.
    let laid_out = json!({"Type": "JSONSchemaDraft4", "Content": format!("{content:#}")});
    schemas.put("/v1/registries/name/doors/schemas/name/door.opened", &laid_out);
    let third = publish(&schemas, &repository, &["--drafts"]);
    assert!(third.out.contains("0 created, 0 updated, 3 unchanged"), "{third:?}");

    repository.edit("door.opened/next.json", |data| {
        data["properties"]["count"] = json!({"type": "integer", "minimum": 0, "maximum": 9});
    });
    let fourth = publish(&schemas, &repository, &["--drafts"]);
    assert!(fourth.out.contains("update door.opened (version 2 there)"), "{fourth:?}");
    assert!(fourth.out.contains("0 created, 1 updated, 2 unchanged"), "{fourth:?}");
    let (told, content) = held(&schemas, "door.opened");
    assert_eq!(told["SchemaVersion"], "3");
    let detail = &content["properties"]["detail"]["properties"]["data"]["properties"];
    assert_eq!(detail["count"]["maximum"], 9);
}

/// A document as `EventBridge` hands it to a target passes, and one with another type does not.
fn accepts_what_eventbridge_delivers(schema: &Value) {
    let validator = jsonschema::draft4::new(schema).unwrap();
    let mut event = json!({
        "version": "0", "id": "6f1c", "detail-type": "door.opened", "source": "test.gateway/g-1",
        "account": "123456789012", "time": "2026-11-01T10:00:00Z", "region": "eu-central-1",
        "resources": [],
        "detail": {
            "id": "0191c7a0-0000-7000-8000-000000000001", "type": "door.opened",
            "schema_version": "0.1", "gateway": {"sequence": 1},
            "data": {"door": "front", "how": "a word of tomorrow"},
        },
    });
    assert!(validator.is_valid(&event), "{:?}", validator.iter_errors(&event).next());
    event["detail"]["type"] = json!("door.closed");
    assert!(!validator.is_valid(&event));
}

#[test]
fn drafts_stay_out_unless_asked_for_and_a_release_counts_as_it_was_frozen() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = Schemas::start(folder.path());
    let repository = Repository::ours();
    let none = publish(&schemas, &repository, &[]);
    assert!(none.out.contains("drafts left out"), "{none:?}");

    repository.release("delivery.completed");
    let one = publish(&schemas, &repository, &[]);
    assert!(one.out.contains("1 created"), "{one:?}");
    repository.edit("delivery.completed/next.json", |schema| {
        schema["properties"]["in_the_yard"] =
            json!({"description": "Whether it lies there.", "type": "boolean"});
    });
    let again = publish(&schemas, &repository, &[]);
    assert!(!again.out.contains("1 updated"), "{again:?}");
    let (_, content) = held(&schemas, "delivery.completed");
    let members = &content["properties"]["detail"]["properties"]["data"]["properties"];
    assert!(members.get("outcome").is_some(), "{content}");
    assert!(members.get("in_the_yard").is_none(), "{content}");
}

#[test]
fn a_throttled_call_is_made_again_and_a_refusal_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = Schemas::start(folder.path());
    let repository = Repository::small();
    schemas.fail(503, "ServiceUnavailableException", 2);
    let again = publish(&schemas, &repository, &["--drafts"]);
    assert_eq!(again.code, 0, "{again:?}");

    schemas.fail(403, "ForbiddenException", 1);
    let refused = publish(&schemas, &repository, &["--drafts"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("asking for the registry doors"), "{refused:?}");
    assert!(refused.err.contains("ForbiddenException"), "{refused:?}");
}

#[test]
fn what_cannot_work_is_a_wrong_call() {
    let repository = Repository::small();
    for (arguments, says) in [
        (vec!["publish", "--registry", "no good"], "1 to 64 letters"),
        (
            vec!["publish", "--registry", "doors", "--region", "eu-central-1", "--endpoint", "x"],
            "no http:// or https:// address",
        ),
        (vec!["publish", "--registry", "doors"], "no region"),
    ] {
        let nowhere = [
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ];
        let said = repository.run_with(&arguments, &nowhere);
        assert_eq!(said.code, 2, "{said:?}");
        assert!(said.err.contains(says), "{said:?}");
    }
}

#[test]
fn without_credentials_it_says_what_to_give() {
    let repository = Repository::small();
    let nobody = [
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
    ];
    let call = ["publish", "--registry", "doors", "--region", "eu-central-1", "--drafts"];
    let said = repository.run_with(&call, &nobody);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.err.contains("no credentials for AWS: give AWS_PROFILE"), "{said:?}");
    assert!(!said.err.contains("what is listed above was done"), "{said:?}");
}
