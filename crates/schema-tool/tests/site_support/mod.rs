//! A repository of three types, small enough to be read here, and the tool run on it.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

#[path = "../copied/mod.rs"]
mod copied;

use std::path::{Path, PathBuf};
use std::process::Command;

use copied::{copy, without_releases};
use serde_json::{Value, json};

/// A folder with a schema repository in it, gone at the end.
pub struct Repository(tempfile::TempDir);

/// What a run of the tool said.
#[derive(Debug)]
pub struct Said {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The repository that this workspace holds.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Runs the tool on the repository in `root`.
pub fn run(root: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward-schema"))
        .env_remove("AWS_REGION")
        .env_remove("AWS_DEFAULT_REGION")
        .env_remove("AWS_PROFILE")
        .envs(environment.iter().copied())
        .arg("--root")
        .arg(root)
        .args(arguments)
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Repository {
    /// A copy of this workspace's own, of drafts alone: whole enough to be released.
    pub fn ours() -> Self {
        let it = Self(tempfile::tempdir().unwrap());
        for part in ["schemas", "subscriptions"] {
            copy(&workspace().join(part), &it.path().join(part));
        }
        without_releases(&it.path().join("schemas"));
        it
    }

    /// Releases a type as it stands there now.
    pub fn release(&self, name: &str) {
        let said = self.run(&["release", name, "--reason", "For a test."]);
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// A door that opens, a request that it unlock, and a parcel between services.
    pub fn small() -> Self {
        let it = Self(tempfile::tempdir().unwrap());
        it.core();
        let manifest = |name: &str, direction: &str, summary: &str| {
            json!({
                "type": name, "owner": "test", "lifecycle": "draft", "version": "0.1",
                "direction": direction, "audience": "public", "sensitivity": "none",
                "sensitive_fields": {}, "summary": summary,
            })
        };
        let mut opened = manifest("door.opened", "from_gateway", "A door was opened.");
        opened["sensitivity"] = json!("personal");
        opened["sensitive_fields"] = json!({"/data/who": "personal: a pseudonym"});
        it.write("schemas/door.opened/type.json", &opened);
        it.write(
            "schemas/door.opened/next.json",
            &schema(&["door"], &json!({
                "door": {"$ref": "../core/primitives.json#/definitions/Name"},
                "how": {"$ref": "../core/primitives.json#/definitions/How"},
                "who": {"description": "Whoever <b>it</b> \"was\" & is.", "type": "string", "maxLength": 32},
                "marks": {"type": "array", "maxItems": 4, "items": {"$ref": "../core/primitives.json#/definitions/Mark"}},
            })),
        );
        it.write(
            "schemas/door.opened/examples/by-hand.json",
            &json!({"door": "front", "how": "hand"}),
        );
        it.write(
            "schemas/door.opened/examples/invalid/required-door.json",
            &json!({"how": "motor"}),
        );

        let mut unlock = manifest("door.unlock_requested", "to_gateway", "Unlock a door, now.");
        unlock["statement"] = json!("UnlockStatement");
        it.write("schemas/door.unlock_requested/type.json", &unlock);
        it.write(
            "schemas/door.unlock_requested/next.json",
            &schema(
                &["signed"],
                &json!({
                    "signed": {"$ref": "../core/statements.json#/definitions/Signed"},
                }),
            ),
        );
        it.write("schemas/door.unlock_requested/examples/now.json", &json!({"signed": "a.b.c"}));

        let parcel = manifest("parcel.delivered", "between_services", "A parcel is there.");
        it.write("schemas/parcel.delivered/type.json", &parcel);
        it.write(
            "schemas/parcel.delivered/next.json",
            &schema(
                &["weight"],
                &json!({
                    "weight": {"type": "number", "minimum": 0, "maximum": 50},
                }),
            ),
        );
        it.write("schemas/parcel.delivered/examples/light.json", &json!({"weight": 0.5}));

        it.write(
            "schemas/publishers.json",
            &json!({"publishers": [
                publisher("test.gateway", true, &[]),
                publisher("test.parcels", false, &["door.unlock_requested", "parcel.delivered"]),
            ]}),
        );
        it
    }

    fn core(&self) {
        let name = json!({"description": "A short name.", "type": "string", "minLength": 1, "maxLength": 16});
        self.write(
            "schemas/core/Envelope.json",
            &json!({
                "$schema": "http://json-schema.org/draft-04/schema#",
                "title": "Envelope", "description": "Around every event.", "type": "object",
                "required": ["id", "type", "schema_version"],
                "properties": {
                    "id": {"$ref": "primitives.json#/definitions/Id"},
                    "type": {"$ref": "primitives.json#/definitions/Name"},
                    "schema_version": {"$ref": "primitives.json#/definitions/Version"},
                },
            }),
        );
        self.write("schemas/core/GatewayOrigin.json", &json!({
            "$schema": "http://json-schema.org/draft-04/schema#",
            "title": "GatewayOrigin", "description": "Where it stands in a journal.", "type": "object",
            "properties": {"sequence": {"type": "integer", "minimum": 0, "maximum": 1000}},
        }));
        self.write("schemas/core/primitives.json", &json!({"definitions": {
            "Id": {"type": "string", "minLength": 36, "maxLength": 36, "pattern": "^[0-9a-f-]{36}$"},
            "Name": name,
            "Version": {"type": "string", "maxLength": 9, "pattern": "^[0-9]+\\.[0-9]+$"},
            "How": {"description": "How it was opened.", "type": "string", "enum": ["hand", "motor"]},
            "Mark": {"description": "Something about it.", "type": "object", "required": ["at"], "properties": {
                "at": {"type": "integer", "minimum": 0, "maximum": 9},
                "inside": {"$ref": "#/definitions/How"},
            }},
        }}));
        self.write(
            "schemas/core/statements.json",
            &json!({"definitions": {
                "Signed": {"type": "string", "minLength": 5, "maxLength": 400},
                "UnlockStatement": {"type": "object", "required": ["door"], "properties": {
                    "door": {"$ref": "primitives.json#/definitions/Name"},
                }},
            }}),
        );
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a file of it.
    pub fn write(&self, file: &str, content: &Value) {
        let path = self.path().join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, format!("{content:#}\n")).unwrap();
    }

    /// Changes a file below `schemas/`.
    pub fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let file = format!("schemas/{file}");
        let text = std::fs::read_to_string(self.path().join(&file)).unwrap();
        let mut content = serde_json::from_str(&text).unwrap();
        change(&mut content);
        self.write(&file, &content);
    }

    /// A subscription to these types.
    pub fn subscribe(&self, team: &str, name: &str, types: &[&str]) {
        self.write(
            &format!("subscriptions/{team}/{name}.json"),
            &json!({
                "account": "999988887777", "region": "eu-central-1", "owner": team,
                "summary": "Whoever wants to know.", "types": types,
                "filter": {"data": {"how": ["hand"]}},
                "fields": ["/data/door"],
            }),
        );
    }

    /// Runs the tool on it.
    pub fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[])
    }

    /// Runs the tool on it in this environment.
    pub fn run_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
        run(self.path(), arguments, environment)
    }
}

fn schema(required: &[&str], properties: &Value) -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object", "required": required, "properties": properties,
    })
}

fn publisher(name: &str, gateway: bool, publishes: &[&str]) -> Value {
    json!({
        "name": name, "source": format!("{name}/"), "owner": "test", "summary": "For <tests>.",
        "accounts": [], "gateway": gateway, "publishes": publishes, "issuer_keys": [],
    })
}
