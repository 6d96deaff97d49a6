//! Changes that come in one release are told apart: each with a document that it alone has
//! refused, and with an exception that lets through nothing but it.

use serde_json::{Value, json};

use super::stand::Copy;

const DENIED: &str = "schemas/access.denied/next.json";
const DELIVERY: &str = "schemas/delivery.scheduled/next.json";

/// Three that break somebody, one of them old and new alike, and two that break nobody.
fn changed() -> Copy {
    let copy = Copy::released();
    copy.edit(DENIED, |v| {
        v["required"] = json!(["grant_id", "reason"]);
        let properties = v["properties"].as_object_mut().unwrap();
        properties.remove("action");
        properties.insert("floor".to_owned(), json!({ "description": "A.", "type": "boolean" }));
        properties.insert(
            "request_id".to_owned(),
            json!({ "description": "A.", "type": "integer", "minimum": 0, "maximum": 9 }),
        );
    });
    copy
}

fn breaking(copy: &Copy) -> Vec<Value> {
    let ran = copy.tool(&["breaking", "access.denied", "--json", "--today", "2026-12-01"]);
    let changes = ran.json()["changes"].as_array().unwrap().clone();
    let fails = changes.iter().any(|change| change["excused_by"].is_null());
    assert_eq!(ran.code, i32::from(fails), "{ran:?}");
    changes
}

#[test]
fn each_change_has_a_document_that_it_alone_has_refused() {
    let copy = changed();
    let found = breaking(&copy);
    let mut told: Vec<[&str; 4]> = found
        .iter()
        .map(|change| {
            assert_eq!(
                (&change["level"], &change["together"]),
                (&json!("breaking"), &json!(false))
            );
            ["rule", "code", "refused_at", "refused_by"].map(|part| change[part].as_str().unwrap())
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            ["new-writer-old-reader", "required-removed", "/data", "required"],
            ["new-writer-old-reader", "type-changed", "/data/request_id", "type"],
            ["old-writer-new-reader", "required-added", "/data", "required"],
            ["old-writer-new-reader", "type-changed", "/data/request_id", "type"],
        ]
    );
    for change in &found {
        let data = &change["counterexample"]["data"];
        let has = |member: &str| data.get(member).is_some();
        let (grant, channel) = match change["code"].as_str().unwrap() {
            "required-added" => (false, true),
            "required-removed" => (true, false),
            _ => (true, true),
        };
        assert_eq!((has("grant_id"), has("channel")), (grant, channel), "{change}");
    }
}

#[test]
fn the_exceptions_for_all_but_one_let_all_but_that_one_through() {
    let copy = changed();
    let found = breaking(&copy);
    let signed = |change: &Value| {
        let mut entry = change["exception"].clone();
        entry["reason"] = json!("Nobody ever did.");
        entry["approver"] = json!("jo@acme.example");
        entry["expires"] = json!("2026-12-24");
        entry
    };
    let mut entries: Vec<Value> = found.iter().map(signed).collect();
    entries.dedup();
    for code in ["required-added", "required-removed", "type-changed"] {
        let rest: Vec<&Value> = entries.iter().filter(|entry| entry["code"] != code).collect();
        assert!(rest.len() < entries.len(), "{code}: {entries:?}");
        let list = json!({ "exceptions": rest });
        copy.write("schemas/exceptions.json", &format!("{list:#}\n"));
        for change in breaking(&copy) {
            assert_eq!(change["excused_by"].is_null(), change["code"] == code, "{change}");
        }
    }
    let list = json!({ "exceptions": entries });
    copy.write("schemas/exceptions.json", &format!("{list:#}\n"));
    assert!(breaking(&copy).iter().all(|change| change["excused_by"].is_object()));
}

/// No old document has the member that is required now, so none shows the bound by itself.
#[test]
fn a_document_that_two_changes_refuse_says_so() {
    let copy = Copy::released();
    copy.edit(DELIVERY, |v| {
        v["properties"]["parcels"]["maximum"] = json!(100);
        v["properties"]["pallets"] = json!({ "description": "A.", "type": "boolean" });
        v["required"].as_array_mut().unwrap().push(json!("pallets"));
    });
    let ran = copy.tool(&["breaking", "delivery.scheduled", "--json"]);
    let told = ran.json()["changes"].as_array().unwrap().clone();
    let told: Vec<(&Value, &Value)> =
        told.iter().map(|change| (&change["code"], &change["together"])).collect();
    assert_eq!(
        told,
        [(&json!("maximum-lowered"), &json!(true)), (&json!("required-added"), &json!(false)),]
    );
    let ran = copy.tool(&["breaking", "delivery.scheduled"]);
    let says = "other changes refuse it too; there is none for this one alone";
    assert_eq!(ran.out.matches(says).count(), 1, "{ran:?}");
}
