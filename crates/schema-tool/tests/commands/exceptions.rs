//! An exception lets the change through that somebody signed for, until its day, and no other.

use serde_json::{Value, json};

use super::stand::{Copy, git};

const DELIVERY: &str = "schemas/delivery.scheduled/next.json";
const GRANT: &str = "schemas/grant.issued/next.json";

#[test]
fn an_exception_is_pasted_signed_and_ends() {
    let copy = Copy::released();
    copy.edit(DELIVERY, |v| v["properties"]["parcels"]["maximum"] = json!(100));
    let ran = copy.tool(&["breaking"]);
    let ready = ran.out.lines().find_map(|line| line.split("exceptions.json: ").nth(1)).unwrap();
    let mut entry: Value = serde_json::from_str(ready).unwrap();
    let put = |entry: &Value| {
        let list = json!({ "exceptions": [entry] });
        copy.write("schemas/exceptions.json", &format!("{list:#}\n"));
        copy.tool(&["breaking", "--today", "2026-12-01"])
    };
    let unsigned = put(&entry);
    assert!(unsigned.code == 1 && unsigned.out.contains("exception-form"), "{unsigned:?}");
    entry["reason"] = json!("Nobody ever sent more than ten.");
    entry["approver"] = json!("jo@acme.example");
    entry["expires"] = json!("2026-12-24");
    let signed = put(&entry);
    assert_eq!(signed.code, 0, "{signed:?}");
    assert!(signed.out.contains("excused: "), "{}", signed.out);

    let over = copy.tool(&["breaking", "--today", "2026-12-25"]);
    assert!(over.code == 1 && over.out.contains("exception-expired"), "{over:?}");
    let release = ["release", "delivery.scheduled", "--reason", "Less.", "--today", "2026-12-01"];
    copy.runs(&release);
    let log = copy.runs(&["changelog", "delivery.scheduled"]).out;
    assert!(log.contains("**exception**") && log.contains("jo@acme.example"), "{log}");

    copy.edit(DELIVERY, |v| v["properties"]["parcels"]["maximum"] = json!(1000));
    copy.write("schemas/exceptions.json", &{
        let mut other = entry.clone();
        other["type"] = json!("access.denied");
        format!("{:#}\n", json!({ "exceptions": [other] }))
    });
    let unused = copy.tool(&["breaking", "--today", "2026-12-01"]);
    assert!(unused.code == 1 && unused.out.contains("exception-unused"), "{unused:?}");
}

/// The entries that `breaking --json` has ready, signed.
fn signed(report: &Value) -> Vec<Value> {
    let changes = report["changes"].as_array().unwrap();
    let entries = changes.iter().map(|change| change["exception"].clone());
    let sign = |mut entry: Value| {
        entry["reason"] = json!("Nobody ever did.");
        entry["approver"] = json!("jo@acme.example");
        entry["expires"] = json!("2026-12-24");
        entry
    };
    entries.filter(|entry| !entry.is_null()).map(sign).collect()
}

#[test]
fn an_exception_is_for_one_change_alone() {
    let copy = Copy::released();
    let put = |entries: &[Value]| {
        let list = json!({ "exceptions": entries });
        copy.write("schemas/exceptions.json", &format!("{list:#}\n"));
    };
    let breaking = || copy.tool(&["breaking", "--json", "--today", "2026-12-01"]);
    let lower = |most: u32| {
        copy.edit(DELIVERY, |v| v["properties"]["parcels"]["maximum"] = json!(most));
    };
    lower(100);
    let entries = signed(&breaking().json());
    assert_eq!(entries.len(), 1, "{entries:?}");
    assert_eq!(entries[0]["change"], "maximum was 1000 and is 100");
    put(&entries);
    let passes = breaking();
    assert_eq!(passes.code, 0, "{}", passes.out);
    assert!(passes.json()["changes"][0]["exception"].is_null(), "{}", passes.out);

    let mut silent = entries.clone();
    silent[0].as_object_mut().unwrap().remove("change");
    put(&silent);
    let ran = copy.tool(&["breaking", "--today", "2026-12-01"]);
    assert!(ran.code == 1 && ran.out.contains("an exception without change"), "{}", ran.out);
    assert!(ran.out.contains("paste the entry that `breaking` prints"), "{}", ran.out);

    put(&entries);
    copy.runs(&["release", "delivery.scheduled", "--reason", "Less.", "--today", "2026-12-01"]);
    lower(5);
    let further = breaking();
    assert_eq!(further.code, 1, "{}", further.out);
    let said: Vec<Value> =
        signed(&further.json()).iter().map(|entry| entry["change"].clone()).collect();
    assert_eq!(said, ["maximum was 1000 and is 5", "maximum was 100 and is 5"]);
    put(&signed(&further.json()));
    assert_eq!(breaking().code, 0);
}

/// A member that comes is told by its name: what it is makes the difference all the same.
#[test]
fn an_exception_for_a_member_is_not_one_for_another_of_its_name() {
    let copy = Copy::released();
    let breaking = || copy.tool(&["breaking", "grant.issued", "--json", "--today", "2026-12-01"]);
    let come = |kind: &str| {
        copy.edit(GRANT, |v| {
            v["properties"]["only_if"] = json!({ "description": "A.", "type": kind });
        });
    };
    come("boolean");
    let list = json!({ "exceptions": signed(&breaking().json()) });
    copy.write("schemas/exceptions.json", &format!("{list:#}\n"));
    let passes = breaking();
    assert_eq!(passes.code, 0, "{}", passes.out);
    come("null");
    let ran = breaking();
    assert_eq!(ran.code, 1, "{}", ran.out);
    assert!(ran.json()["changes"].as_array().unwrap().iter().all(|c| c["excused_by"].is_null()));
}

/// What was edited and not released is promised to nobody but those who build from that commit.
#[test]
fn an_exception_that_only_a_commit_needs_is_not_unused() {
    let copy = Copy::released();
    let member = |most: u32| {
        copy.edit(DELIVERY, |v| {
            v["properties"]["pallets"] =
                json!({ "description": "A.", "type": "integer", "minimum": 1, "maximum": most });
        });
    };
    member(9);
    git(&copy, &["init", "-q", "-b", "main"]);
    git(&copy, &["add", "."]);
    git(&copy, &["commit", "-q", "-m", "First"]);
    member(5);
    let on = |arguments: &[&str]| {
        let today = ["--json", "--today", "2026-12-01"];
        copy.tool(&[&["breaking"], arguments, &today[..]].concat())
    };
    assert_eq!(on(&[]).code, 0, "no release has it");
    let shown = on(&["--against", "main"]);
    assert_eq!(shown.code, 1, "{}", shown.out);
    let mut entries = signed(&shown.json());
    assert_eq!((entries.len(), &entries[0]["against"]), (1, &json!("commit")), "{entries:?}");
    let put = |entries: &[Value]| {
        let list = json!({ "exceptions": entries });
        copy.write("schemas/exceptions.json", &format!("{list:#}\n"));
    };
    put(&entries);
    for arguments in [&[][..], &["--against", "main"]] {
        let ran = on(arguments);
        assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.out);
    }

    // It is for this change, and ends on its day.
    member(4);
    assert_eq!(on(&["--against", "main"]).code, 1);
    let over = copy.tool(&["breaking", "--today", "2026-12-25"]);
    assert!(over.code == 1 && over.out.contains("exception-expired"), "{over:?}");

    // Without the word it is one that nothing needs, and another word is none.
    entries[0].as_object_mut().unwrap().remove("against");
    put(&entries);
    let ran = on(&[]);
    assert!(ran.code == 1 && ran.out.contains("exception-unused"), "{}", ran.out);
    entries[0]["against"] = json!("main");
    put(&entries);
    let ran = on(&[]);
    assert!(ran.code == 1 && ran.out.contains("exception-form"), "{}", ran.out);
}
