//! The recipe of `docs/schemas-ci.md`, run as it stands there by a repository that is not this one.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, its parts too"
)]

mod copied;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use copied::copy;
use serde_json::{Value, json};

const TOOL: &str = env!("CARGO_BIN_EXE_doorward-schema");
const TYPE: &str = "schemas/delivery.completed/next.json";
const EXAMPLES: &str = "schemas/delivery.completed/examples";

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The first block marked `sh`.
fn recipe() -> String {
    let text = fs::read_to_string(ours().join("docs/schemas-ci.md")).unwrap();
    let (_, rest) = text.split_once("```sh\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Another team's repository: released types, on the branch `main`.
struct Theirs {
    folder: tempfile::TempDir,
}

impl Theirs {
    fn new() -> Self {
        let theirs = Self { folder: tempfile::tempdir().unwrap() };
        for part in ["schemas", "subscriptions"] {
            copy(&ours().join(part), &theirs.folder.path().join(part));
        }
        fs::create_dir(theirs.folder.path().join(".ci")).unwrap();
        fs::write(theirs.folder.path().join(".ci/schemas"), recipe()).unwrap();
        theirs.done("git", &["init", "-q", "-b", "main"]);
        theirs.commit();
        theirs.done("git", &["checkout", "-q", "-b", "change"]);
        theirs
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn done(&self, program: &str, arguments: &[&str]) {
        let output = self.run(program, arguments);
        assert!(output.status.success(), "{program} {arguments:?}: {}", said(&output));
    }

    fn commit(&self) {
        self.done("git", &["add", "-A"]);
        let who = ["-c", "user.name=Theirs", "-c", "user.email=theirs@example.invalid"];
        self.done("git", &[&who[..], &["commit", "-q", "-m", "A state"]].concat());
    }

    /// What the recipe says, and whether it let the change through.
    fn gate(&self) -> (bool, String) {
        let tool = Path::new(TOOL).parent().unwrap().display().to_string();
        let path = format!("{tool}:{}", std::env::var("PATH").unwrap());
        let output = Command::new("sh")
            .arg(".ci/schemas")
            .current_dir(self.folder.path())
            .env("PATH", path)
            .env("BASE", "main")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        (output.status.success(), said(&output))
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        let file = self.folder.path().join(TYPE);
        let mut schema = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        change(&mut schema);
        fs::write(file, serde_json::to_string_pretty(&schema).unwrap() + "\n").unwrap();
    }
}

fn said(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

#[test]
fn what_adds_passes_and_what_breaks_is_named_with_a_document() {
    let theirs = Theirs::new();
    let (passes, said) = theirs.gate();
    assert!(passes, "nothing has changed: {said}");

    theirs.edit(|schema| {
        schema["properties"]["left_with_neighbour"] =
            json!({ "description": "It was not left at the door itself.", "type": "boolean" });
    });
    theirs.commit();
    let (passes, said) = theirs.gate();
    assert!(passes, "a member that nobody must write: {said}");

    for example in fs::read_dir(theirs.folder.path().join(EXAMPLES)).unwrap() {
        let file = example.unwrap().path();
        if file.is_file() {
            let mut data: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            data["left_with_neighbour"] = json!(false);
            fs::write(file, serde_json::to_string_pretty(&data).unwrap() + "\n").unwrap();
        }
    }
    theirs.edit(|schema| {
        schema["required"].as_array_mut().unwrap().push(json!("left_with_neighbour"));
    });
    theirs.commit();
    let (passes, said) = theirs.gate();
    assert!(!passes, "a member that everybody must write from now on: {said}");
    for wanted in [TYPE, "required-added", "left_with_neighbour"] {
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}
