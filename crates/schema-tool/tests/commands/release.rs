//! Releases stay as they are, binaries are built from them, and a type ends as it was announced.

use std::path::Path;

use doorward_schema_repository::{Repository, rust};
use serde_json::{Value, json};

use super::stand::Copy;

const NEXT: &str = "schemas/delivery.scheduled/next.json";
const PAGE: &str = "schemas/visit.secured/MIGRATION.md";
const COURIERS: &str = "subscriptions/acme.delivery/couriers-at-the-door.json";
const FIRST: &str = "schemas/delivery.scheduled/1.0.json";

fn grow(copy: &Copy) {
    copy.edit(NEXT, |v| {
        v["properties"]["fragile"] =
            json!({ "description": "Handle with care.", "type": "boolean" });
    });
}

/// What the build of the client library would write.
fn built(root: &Path) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    rust::write(&Repository::load(&root.join("schemas")).unwrap(), folder.path()).unwrap();
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

#[test]
fn a_release_is_self_contained_and_its_type_says_so() {
    let copy = Copy::released();
    let bundle: Value = serde_json::from_str(&copy.text(FIRST)).unwrap();
    assert!(!copy.text(FIRST).contains("../core"), "it refers to itself alone");
    assert_eq!(bundle["x-version"], "1.0");
    assert!(bundle["description"].is_string() && bundle["definitions"]["Envelope"].is_object());
    let validator = jsonschema::draft4::new(&bundle).unwrap();
    let example = copy.text("schemas/delivery.scheduled/examples/two-parcels-before-noon.json");
    assert!(validator.is_valid(&serde_json::from_str(&example).unwrap()));
    let manifest: Value =
        serde_json::from_str(&copy.text("schemas/delivery.scheduled/type.json")).unwrap();
    assert_eq!((&manifest["version"], &manifest["lifecycle"]), (&json!("1.0"), &json!("active")));
    copy.runs(&["lint"]);
}

#[test]
fn what_is_unlinted_unchanged_or_without_a_reason_is_refused() {
    let copy = Copy::released();
    let same = copy.tool(&["release", "delivery.scheduled", "--reason", "Why not."]);
    assert!(same.code == 1 && same.err.contains("nothing changed"), "{same:?}");
    grow(&copy);
    let silent = copy.tool(&["release", "delivery.scheduled"]);
    assert!(silent.code == 2 && silent.err.contains("--reason"), "{silent:?}");
    let trial = copy.runs(&["release", "--all", "--reason", "Fragile.", "--dry-run", "--json"]);
    assert_eq!(
        trial.json()["released"],
        json!([{ "type": "delivery.scheduled", "version": "1.1" }])
    );
    assert!(!copy.root().join("schemas/delivery.scheduled/1.1.json").exists());
    copy.edit(NEXT, |v| {
        v["properties"]["fragile"].as_object_mut().unwrap().remove("description");
    });
    let unlinted = copy.tool(&["release", "--all", "--reason", "Fragile."]);
    assert!(unlinted.code == 1 && unlinted.out.contains("description-missing"), "{unlinted:?}");
    copy.edit(NEXT, |v| {
        v["properties"].as_object_mut().unwrap().remove("fragile");
        v["properties"]["parcels"]["maximum"] = json!(500);
    });
    let breaking = copy.tool(&["release", "--all", "--reason", "Fewer."]);
    assert!(breaking.code == 1 && breaking.out.contains("maximum-lowered"), "{breaking:?}");
    assert!(!copy.root().join("schemas/delivery.scheduled/1.1.json").exists());
}

#[test]
fn a_released_file_that_changed_stops_every_command() {
    let copy = Copy::released();
    copy.write(FIRST, &copy.text(FIRST).replace("\"maximum\": 1000", "\"maximum\": 1001"));
    for command in [
        &["lint"][..],
        &["breaking"],
        &["release", "--all", "--reason", "A."],
        &["explain", "access.denied"],
        &["changelog"],
        &["subscriptions", "check"],
        &["deprecate", "access.denied", "--replacement", "visit.opened", "--sunset", "2100-01-01"],
    ] {
        let ran = copy.tool(command);
        assert_eq!(ran.code, 1, "{command:?} {ran:?}");
        assert!(format!("{}{}", ran.out, ran.err).contains(FIRST), "{command:?} {ran:?}");
    }
    assert!(Repository::load(&copy.root().join("schemas")).is_err(), "and the build");
    std::fs::remove_file(copy.root().join(FIRST)).unwrap();
    let gone = copy.tool(&["lint"]);
    assert!(gone.code == 1 && gone.out.contains("is gone"), "{gone:?}");
}

#[test]
fn a_binary_is_built_from_releases_and_next_changes_nothing() {
    let copy = Copy::released();
    let released = built(copy.root());
    let writer = |files: &[(String, String)]| {
        let (_, text) =
            files.iter().find(|(name, _)| name == "delivery.scheduled.writer.json").unwrap();
        serde_json::from_str::<Value>(text).unwrap()
    };
    assert_eq!(writer(&released)["properties"]["schema_version"]["enum"], json!(["1.0"]));

    grow(&copy);
    copy.edit("schemas/core/vocabulary.json", |v| {
        v["definitions"]["LockState"]["enum"].as_array_mut().unwrap().push(json!("frozen"));
    });
    copy.edit("schemas/core/Envelope.json", |v| {
        v["properties"]["weather"] = json!({ "description": "A.", "type": "boolean" });
    });
    assert_eq!(built(copy.root()), released, "ahead of the release nothing changes");

    copy.runs(&["release", "delivery.scheduled", "--reason", "Fragile."]);
    let grown = writer(&built(copy.root()));
    assert_eq!(grown["properties"]["schema_version"]["enum"], json!(["1.1"]));
    assert!(grown["properties"]["data"]["properties"]["fragile"].is_object());
}

#[test]
fn the_changelog_is_read_from_the_releases() {
    let copy = Copy::released();
    grow(&copy);
    copy.runs(&["release", "delivery.scheduled", "--reason", "Couriers ask."]);
    let log = copy.runs(&["changelog", "delivery.scheduled"]).out;
    for part in
        ["### 1.0\n\nFirst release.", "### 1.1\n\nCouriers ask.", "/properties/fragile/type"]
    {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert!(Copy::new().runs(&["changelog"]).out.contains("nothing was released"));
}

#[test]
fn a_type_ends_after_its_sunset_and_not_before() {
    let copy = Copy::released();
    copy.runs(&["new", "visit.done", "--like", "visit.secured", "--summary", "A visit ended."]);
    let call = |sunset: &str| {
        let types = ["deprecate", "visit.secured", "--replacement", "visit.done"];
        copy.tool(&[&types[..], &["--sunset", sunset, "--today", "2026-12-01"]].concat())
    };
    let draft = call("2027-06-30");
    assert!(draft.code == 1 && draft.err.contains("release it first"), "{draft:?}");
    copy.runs(&["release", "visit.done"]);
    let announced = call("2027-06-30");
    assert_eq!(announced.code, 0, "{announced:?}");
    let reads = "acme.delivery/couriers-at-the-door still reads /id /entry_id /data/grant_id";
    assert!(announced.out.contains(reads), "{}", announced.out);
    let page = copy.text(PAGE);
    assert!(page.contains("| `/data/visit_id` | `/data/visit_id` | nothing |"), "{page}");
    copy.runs(&["lint", "--today", "2026-12-02"]);

    let earlier = call("2027-06-29");
    assert!(earlier.code == 1 && earlier.err.contains("only moves later"), "{earlier:?}");
    let by_hand = page.replace("/data/visit_id` | nothing |", "/data/visit_id` | a new number |");
    let by_hand = format!("{by_hand}\nAsk Jo when in doubt.\n");
    copy.write(PAGE, &by_hand);
    copy.edit(COURIERS, |v| v["fields"] = json!(["/id"]));
    assert_eq!(call("2027-07-31").code, 0);
    let expected = by_hand
        .replace("2027-06-30", "2027-07-31")
        .replace("reads `/id`, `/entry_id`, `/data/grant_id`", "reads `/id`");
    assert!(by_hand != page && expected.contains("2027-07-31"), "{expected}");
    assert_eq!(copy.text(PAGE), expected, "what people wrote stays");
    let elsewhere = ["deprecate", "visit.secured", "--replacement", "visit.not_taken"];
    let elsewhere = [&elsewhere[..], &["--sunset", "2027-08-31", "--today", "2026-12-01"]].concat();
    let elsewhere = copy.tool(&elsewhere);
    assert!(elsewhere.code == 1 && elsewhere.err.contains("leads to visit.done"), "{elsewhere:?}");
    copy.write(PAGE, "What people wrote alone.\n");
    let unmarked = call("2027-08-31");
    assert!(unmarked.code == 1 && unmarked.err.contains("put both marks back"), "{unmarked:?}");
    assert_eq!(copy.text(PAGE), "What people wrote alone.\n");
    copy.edit("schemas/visit.secured/type.json", |v| v["sunset"] = json!("2027-01-01"));
    let by_hand = copy.tool(&["lint", "--today", "2026-12-02"]);
    assert!(by_hand.code == 1 && by_hand.out.contains("promised"), "{by_hand:?}");

    std::fs::remove_dir_all(copy.root().join("schemas/visit.secured")).unwrap();
    copy.edit(COURIERS, |v| {
        v["types"].as_array_mut().unwrap().retain(|name| name != "visit.secured");
    });
    let early = copy.tool(&["lint", "--today", "2027-07-31"]);
    assert!(early.code == 1 && early.out.contains("promised until 2027-07-31"), "{early:?}");
    copy.runs(&["lint", "--today", "2027-08-01"]);
}
