//! What a subscriber asks for is what the schemas have, and no more than was declared.

use std::path::Path;

use serde_json::{Value, json};

use super::stand::{Copy, here, tool};

const COURIERS: &str = "subscriptions/acme.delivery/couriers-at-the-door.json";
const PLATFORM: &str = "subscriptions/acme.platform/gateways-that-need-us.json";
const DOORS: &str = "subscriptions/acme.property/doors-in-trouble.json";

/// A rule, the file, and what is done to it.
type Fault = (&'static str, &'static str, fn(&mut Value));

const FAULTS: &[Fault] = &[
    ("subscription-form", COURIERS, |v| v["account"] = json!("1234")),
    ("subscription-form", COURIERS, |v| v["region"] = json!("Frankfurt")),
    ("subscription-form", COURIERS, |v| v["filtre"] = json!({})),
    ("subscription-type", COURIERS, |v| v["types"][0] = json!("access.denyed")),
    ("subscription-type", COURIERS, |v| v["types"][0] = json!("grant.issued")),
    ("subscription-field", COURIERS, |v| v["fields"][0] = json!("/data/card_number")),
    ("filter-form", COURIERS, |v| v["filter"] = json!({ "data": { "a": "b" } })),
    ("filter-field", COURIERS, |v| v["filter"] = json!({ "data": { "grantid": ["a"] } })),
    ("filter-field", COURIERS, |v| v["filter"] = json!({ "data": { "reason": ["expired"] } })),
    ("filter-field", COURIERS, |v| v["filter"] = json!({ "publisher": [{ "exists": true }] })),
    ("filter-value", DOORS, |v| {
        v["filter"] = json!({ "data": { "alarm": ["force_open"] } });
    }),
    ("filter-value", DOORS, |v| {
        v["filter"] = json!({ "data": { "alarm": [{ "prefix": "hold" }] } });
    }),
    ("filter-value", DOORS, |v| {
        v["filter"] = json!({ "data": { "alarm": [{ "anything-but": "force_open" }] } });
    }),
    ("filter-value", DOORS, |v| v["filter"] = json!({ "test": ["false"] })),
    ("filter-value", DOORS, |v| v["filter"] = json!({ "id": [{ "exists": false }] })),
    ("filter-value", DOORS, |v| {
        v["filter"] = json!({ "gateway": { "sequence": [{ "numeric": ["<", 0] }] } });
    }),
    ("filter-value", DOORS, |v| {
        v["filter"] = json!({ "$or": [{ "test": [true] }, { "test": ["no"] }] });
    }),
    ("subscription-broader", PLATFORM, |v| {
        v["rule"]["detail-type"] = json!([{ "prefix": "gateway." }, "vendor.isolated"]);
    }),
    ("subscription-broader", PLATFORM, |v| {
        v["rule"].as_object_mut().unwrap().remove("detail-type");
    }),
    ("subscription-broader", PLATFORM, |v| v["rule"]["detail-type"] = json!(["vendor.isolated"])),
    ("subscription-broader", PLATFORM, |v| {
        v["rule"]["detail-type"] = json!([{ "anything-but": "access.duress" }]);
    }),
    ("subscription-broader", PLATFORM, |v| v["filter"] = json!({ "test": [false] })),
    ("subscription-broader", PLATFORM, |v| {
        v["rule"]["detail-type"][0] = json!({ "prefix": "gateway.credential_expiring" });
    }),
    ("subscription-broader", PLATFORM, |v| {
        v["rule"]["detail-type"][0] = json!({ "suffix": "credential_expiring" });
    }),
    ("subscription-broader", PLATFORM, |v| {
        v["rule"]["detail-type"][1] = json!({ "wildcard": "vendor.iso*ted" });
    }),
    ("subscription-broader", PLATFORM, |v| {
        v["rule"]["detail-type"].as_array_mut().unwrap().push(json!("vendor.yet_to_come"));
    }),
    ("filter-field", PLATFORM, |v| v["rule"]["detailtype"] = json!(["vendor.isolated"])),
    ("filter-field", PLATFORM, |v| v["rule"]["test"] = json!([false])),
    ("filter-form", PLATFORM, |v| {
        v["rule"]["$or"] = json!([{ "account": ["111122223333"] }, { "region": ["eu-central-1"] }]);
    }),
    ("filter-value", PLATFORM, |v| v["rule"]["source"] = json!(["doorward.gateway"])),
    ("filter-value", PLATFORM, |v| {
        v["rule"]["source"] = json!([{ "prefix": "doorward.gatewy/" }]);
    }),
    ("filter-value", PLATFORM, |v| {
        v["rule"]["source"] = json!([{ "prefix": "doorward.gateway/" }, "acme.delivery/blue-1"]);
    }),
    ("filter-value", PLATFORM, |v| {
        v["types"].as_array_mut().unwrap().push(json!("delivery.scheduled"));
        v["rule"]["detail-type"].as_array_mut().unwrap().push(json!("delivery.scheduled"));
    }),
    ("filter-value", PLATFORM, |v| v["rule"]["source"] = json!({ "name": ["gateway"] })),
];

#[test]
fn those_of_this_repository_hold() {
    let ran = tool(&here(), &["subscriptions", "check"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
}

#[test]
fn every_fault_is_named_at_its_place() {
    let copy = Copy::new();
    for (rule, file, change) in FAULTS {
        let before = copy.text(file);
        copy.edit(file, change);
        let ran = copy.tool(&["subscriptions", "check", "--json"]);
        let findings = ran.json()["findings"].as_array().unwrap().clone();
        let found = findings.iter().any(|f| f["rule"] == *rule && f["file"] == *file);
        assert!(found && ran.code == 1, "{rule} in {file}: {}", ran.out);
        copy.write(file, &before);
    }
}

#[test]
fn an_audience_is_kept() {
    let copy = Copy::new();
    let whole = copy.text(PLATFORM);
    copy.write("subscriptions/strangers/all.json", &whole);
    let ran = copy.tool(&["subscriptions", "check"]);
    assert!(ran.code == 1 && ran.out.contains("strangers may not receive it"), "{ran:?}");
    std::fs::remove_file(copy.root().join("subscriptions/strangers/all.json")).unwrap();

    copy.edit(COURIERS, |v| {
        v["types"] = json!(["grant.issued"]);
        v["fields"] = json!(["/data/grant_id"]);
    });
    assert_eq!(copy.tool(&["subscriptions", "check"]).code, 1);
    copy.edit("schemas/grant.issued/type.json", |v| v["restricted_to"] = json!(["acme.delivery"]));
    copy.runs(&["subscriptions", "check"]);
    copy.runs(&["lint"]);
}

#[test]
fn a_rule_may_name_sources_and_where_events_come_from() {
    let copy = Copy::new();
    copy.edit(PLATFORM, |v| {
        v["rule"]["source"] = json!(["doorward.gateway/front-door", { "wildcard": "doorward.*" }]);
        v["rule"]["account"] = json!(["777788889999"]);
        v["rule"]["region"] = json!(["eu-central-1"]);
    });
    copy.runs(&["subscriptions", "check"]);
    copy.edit(PLATFORM, |v| v["rule"]["sorce"] = json!(["doorward.gateway/front-door"]));
    let ran = copy.tool(&["subscriptions", "check"]);
    assert!(ran.out.contains("did you mean \"source\"?"), "{}", ran.out);
    copy.edit(PLATFORM, |v| {
        v["rule"].as_object_mut().unwrap().remove("sorce");
        v["rule"]["source"] = json!([{ "prefix": "acme.platform/" }]);
    });
    let ran = copy.tool(&["subscriptions", "check"]);
    assert!(ran.out.contains("its sources begin with doorward.gateway/"), "{}", ran.out);
}

#[test]
fn a_near_word_is_told() {
    let copy = Copy::new();
    copy.edit(DOORS, |v| v["filter"] = json!({ "data": { "alarm": ["force_open"] } }));
    let ran = copy.tool(&["subscriptions", "check"]);
    assert!(ran.out.contains("did you mean \"forced_open\"?"), "{}", ran.out);
}

/// Patterns and events of others, where somebody has them: their folder is named, not copied.
#[test]
fn patterns_of_others_are_read_as_they_must_be() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, value: Value| {
        std::fs::write(folder.path().join(file), value.to_string()).unwrap();
    };
    write("oneEvent.json", json!({ "a": [{ "b": 1, "c": 2 }, { "b": 3 }] }));
    write("together.json", json!({ "a": { "b": [1], "c": [2] } }));
    write("apart.json", json!({ "a": { "b": [3], "c": [2] } }));
    write("wrongOnes.json", json!([{ "$or": [{ "a": [1] }] }]));
    let run = |folder: &Path| {
        tool(&here(), &["subscriptions", "conformance", &folder.display().to_string()])
    };
    let ran = run(folder.path());
    assert_eq!(ran.code, 0, "{ran:?}");
    let line =
        |rule: &str| ran.out.lines().find(|l| l.starts_with(rule) && l.ends_with("oneEvent"));
    assert!(line("together/0").unwrap().contains(" matches "), "{}", ran.out);
    assert!(line("apart/0").unwrap().contains("does not match"), "{}", ran.out);
    write("wrongToo.json", json!({ "a": [1] }));
    assert_eq!(run(folder.path()).code, 1, "a pattern that must be refused was read");
    if let Ok(theirs) = std::env::var("DOORWARD_EVENT_PATTERNS") {
        let ran = run(Path::new(&theirs));
        assert_eq!(ran.code, 0, "{ran:?}");
    }
}
