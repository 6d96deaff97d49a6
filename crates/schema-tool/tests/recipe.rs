//! The recipe of `docs/schemas-ci.md`, run as it stands there by repositories that are not this
//! one: with all of our types, and with one of their own alone.

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
const WEIGHED: &str = "schemas/parcel.weighed/next.json";
const REGISTER: &str = "schemas/publishers.json";
const EXAMPLES: &str = "schemas/delivery.completed/examples";

fn ours() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The blocks of a language, in their order.
fn blocks(language: &str) -> Vec<String> {
    let text = fs::read_to_string(ours().join("docs/schemas-ci.md")).unwrap();
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split_once("```").unwrap().0.to_owned()).collect()
}

/// The script that the build server runs.
fn recipe() -> String {
    blocks("sh").into_iter().find(|block| block.starts_with("#!")).unwrap()
}

/// Another team's repository, on a branch beside `main`.
struct Theirs {
    folder: tempfile::TempDir,
}

impl Theirs {
    /// With all that we have.
    fn with_ours() -> Self {
        Self::begun(|folder| {
            for part in ["schemas", "subscriptions"] {
                copy(&ours().join(part), &folder.join(part));
            }
        })
    }

    /// With `core/` and one type of their own, made as the page says; `main` has none of it.
    fn with_their_own() -> Self {
        let theirs = Self::begun(|_| ());
        let typed = blocks("sh");
        let [take, new, ..] = typed.as_slice() else { panic!("{typed:?}") };
        theirs.types(&take.replace("~/doorward", &ours().display().to_string()));
        let register = blocks("json").into_iter().next().unwrap();
        fs::write(theirs.folder.path().join("schemas/publishers.json"), register).unwrap();
        theirs.types(new);
        theirs.edit(WEIGHED, |schema| {
            schema["description"] = json!("Once for each parcel.");
            schema["properties"]["count"]["description"] = json!("In kilograms.");
        });
        theirs
    }

    fn begun(fill: impl FnOnce(&Path)) -> Self {
        let theirs = Self { folder: tempfile::tempdir().unwrap() };
        fill(theirs.folder.path());
        fs::create_dir(theirs.folder.path().join(".ci")).unwrap();
        fs::write(theirs.folder.path().join(".ci/schemas"), recipe()).unwrap();
        theirs.done("git", &["init", "-q", "-b", "main"]);
        theirs.commit();
        theirs.done("git", &["checkout", "-q", "-b", "change"]);
        theirs
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        let tool = Path::new(TOOL).parent().unwrap().display().to_string();
        Command::new(program)
            .args(arguments)
            .current_dir(self.folder.path())
            .env("PATH", format!("{tool}:{}", std::env::var("PATH").unwrap()))
            .env("BASE", "main")
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

    /// Runs what is typed, all of which must succeed.
    fn types(&self, lines: &str) {
        self.done("sh", &["-euc", lines]);
    }

    /// What the recipe says, and whether it let the change through.
    fn gate(&self) -> (bool, String) {
        let output = self.run("sh", &[".ci/schemas"]);
        (output.status.success(), said(&output))
    }

    /// The gate lets it through.
    fn passes(&self, what: &str) {
        let (passes, said) = self.gate();
        assert!(passes, "{what}: {said}");
    }

    /// The gate stops it and says all of this.
    fn stops(&self, what: &str, wanted: &[&str]) {
        let (passes, said) = self.gate();
        assert!(!passes, "{what}: {said}");
        for wanted in wanted {
            assert!(said.contains(wanted), "{what}: {wanted}: {said}");
        }
    }

    fn edit(&self, file: &str, change: impl FnOnce(&mut Value)) {
        let file = self.folder.path().join(file);
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
    let theirs = Theirs::with_ours();
    theirs.passes("nothing has changed");

    theirs.edit(TYPE, |schema| {
        schema["properties"]["left_with_neighbour"] =
            json!({ "description": "It was not left at the door itself.", "type": "boolean" });
    });
    theirs.commit();
    theirs.passes("a member that nobody must write");

    for example in fs::read_dir(theirs.folder.path().join(EXAMPLES)).unwrap() {
        let file = example.unwrap().path();
        if file.is_file() {
            let mut data: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            data["left_with_neighbour"] = json!(false);
            fs::write(file, serde_json::to_string_pretty(&data).unwrap() + "\n").unwrap();
        }
    }
    theirs.edit(TYPE, |schema| {
        schema["required"].as_array_mut().unwrap().push(json!("left_with_neighbour"));
    });
    theirs.commit();
    let wanted = [TYPE, "required-added", "left_with_neighbour"];
    theirs.stops("a member that everybody must write from now on", &wanted);
}

#[test]
fn one_type_of_their_own_and_our_core_are_a_whole_repository() {
    let theirs = Theirs::with_their_own();
    theirs.passes("the first type, where main has none");
    theirs.types("doorward-schema release parcel.weighed");
    fs::create_dir(theirs.folder.path().join("subscriptions/acme.parcels")).unwrap();
    let subscription = json!({
        "account": "111122223333", "region": "eu-central-1", "owner": "acme.parcels",
        "summary": "What the scales say.", "types": ["parcel.weighed"], "fields": ["/data/count"],
    });
    let file = theirs.folder.path().join("subscriptions/acme.parcels/scales.json");
    fs::write(file, subscription.to_string()).unwrap();
    theirs.commit();
    theirs.done("git", &["branch", "-f", "main"]);
    theirs.passes("released and subscribed to");
    theirs.types("doorward-schema explain parcel.weighed && doorward-schema changelog");

    theirs.edit(WEIGHED, |schema| schema["properties"]["count"]["maximum"] = json!(100));
    theirs
        .stops("a lowered bound", &["maximum-lowered", "\"change\":\"maximum was 1000 and is 100"]);
    theirs.done("git", &["checkout", "-q", "--", "."]);

    theirs.edit(REGISTER, |register| {
        register.as_object_mut().unwrap().remove("core_from");
    });
    theirs.stops("a core of their own", &["definition-unused", "schemas/core/access.json"]);
    theirs.done("git", &["checkout", "-q", "--", "."]);

    theirs.edit(REGISTER, |register| {
        let types = &mut register["publishers"][0]["publishes"];
        types.as_array_mut().unwrap().push(json!("grant.issued"));
    });
    theirs.stops("a type that is not there", &["there is no type \"grant.issued\""]);
    let ran = theirs.run("doorward-schema", &["breaking"]);
    assert!(!ran.status.success() && said(&ran).contains("there is no type grant.issued"));
}
