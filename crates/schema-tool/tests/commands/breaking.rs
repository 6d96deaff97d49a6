//! Every change that would break somebody is caught, with a document that shows it; what grows
//! compatibly passes.

use serde_json::{Value, json};

use super::stand::{Copy, git};

const DELIVERY: &str = "schemas/delivery.scheduled/next.json";
const GRANT: &str = "schemas/grant.issued/next.json";
const STATEMENTS: &str = "schemas/core/statements.json";
const PRIMITIVES: &str = "schemas/core/primitives.json";

/// What is changed, how, the rule that must catch it, and the keyword that refuses the document.
type Mutation = (&'static str, &'static str, fn(&mut Value), &'static str, &'static str);

const BREAKING: &[Mutation] = &[
    (
        "a member becomes required",
        "schemas/access.denied/next.json",
        |v| {
            v["required"].as_array_mut().unwrap().push(json!("grant_id"));
        },
        "old-writer-new-reader",
        "required",
    ),
    (
        "a member is no longer required",
        DELIVERY,
        |v| {
            v["required"].as_array_mut().unwrap().pop();
        },
        "new-writer-old-reader",
        "required",
    ),
    (
        "a bound is lowered",
        DELIVERY,
        |v| {
            v["properties"]["parcels"]["maximum"] = json!(100);
        },
        "old-writer-new-reader",
        "maximum",
    ),
    (
        "a bound is raised",
        DELIVERY,
        |v| {
            v["properties"]["parcels"]["maximum"] = json!(10_000);
        },
        "new-writer-old-reader",
        "maximum",
    ),
    (
        "a type becomes another",
        DELIVERY,
        |v| {
            v["properties"]["parcels"] = json!({ "description": "A.", "type": "boolean" });
        },
        "old-writer-new-reader",
        "type",
    ),
    (
        "a bound of core is raised",
        PRIMITIVES,
        |v| {
            v["definitions"]["Name"]["maxLength"] = json!(256);
        },
        "new-writer-old-reader",
        "maxLength",
    ),
    (
        "a pattern of core narrows",
        PRIMITIVES,
        |v| {
            v["definitions"]["VendorName"]["pattern"] = json!("^[a-z][a-z0-9_-]*$");
        },
        "old-writer-new-reader",
        "pattern",
    ),
    (
        "a closed enumeration grows",
        STATEMENTS,
        |v| {
            let words = &mut v["definitions"]["SignatureAlgorithm"]["enum"];
            words.as_array_mut().unwrap().push(json!("ES256"));
        },
        "closed-on-both-sides",
        "enum",
    ),
    (
        "a statement gets a member",
        STATEMENTS,
        |v| {
            v["definitions"]["GrantStatement"]["properties"]["only_if"] =
                json!({ "description": "A.", "type": "boolean" });
        },
        "closed-on-both-sides",
        "additionalProperties",
    ),
    (
        "what carries authority gets a member",
        GRANT,
        |v| {
            v["properties"]["only_if"] = json!({ "description": "A.", "type": "boolean" });
        },
        "new-writer-old-reader",
        "additionalProperties",
    ),
    (
        "the envelope requires more",
        "schemas/core/Envelope.json",
        |v| {
            v["required"].as_array_mut().unwrap().push(json!("site_id"));
        },
        "old-writer-new-reader",
        "required",
    ),
];

/// What is changed, and how.
type Growth = (&'static str, &'static str, fn(&mut Value));

const COMPATIBLE: &[Growth] = &[
    ("an optional member is added", DELIVERY, |v| {
        v["properties"]["fragile"] = json!({ "description": "A.", "type": "boolean" });
    }),
    ("an optional member goes", "schemas/access.denied/next.json", |v| {
        v["properties"].as_object_mut().unwrap().remove("issuer");
    }),
    ("an open enumeration grows", "schemas/core/access.json", |v| {
        v["definitions"]["AccessReason"]["enum"].as_array_mut().unwrap().push(json!("bad_weather"));
    }),
    ("a description changes", DELIVERY, |v| v["description"] = json!("Another one.")),
];

#[test]
fn what_breaks_somebody_is_caught_with_a_document() {
    let copy = Copy::released();
    assert_eq!(copy.tool(&["breaking"]).code, 0);
    for (what, file, change, rule, keyword) in BREAKING {
        let before = copy.text(file);
        copy.edit(file, change);
        let ran = copy.tool(&["breaking", "--json"]);
        assert_eq!(ran.code, 1, "{what}: {ran:?}");
        let report = ran.json();
        let changes = report["changes"].as_array().unwrap();
        let found = changes.iter().find(|c| c["rule"] == *rule && c["refused_by"] == *keyword);
        let found = found.unwrap_or_else(|| panic!("{what}: {}", ran.out));
        assert_eq!(found["level"], "breaking", "{what}");
        assert!(found["counterexample"].is_object(), "{what}: {found}");
        assert!(found["line"].as_u64().unwrap() > 1, "{what}: {found}");
        let lies = found["file"].as_str().unwrap();
        let name = found["type"].as_str().unwrap();
        assert!(lies == *file || lies == format!("schemas/{name}/1.0.json"), "{what}: {found}");
        copy.write(file, &before);
    }
}

#[test]
fn what_grows_compatibly_passes() {
    let copy = Copy::released();
    for (what, file, change) in COMPATIBLE {
        let before = copy.text(file);
        copy.edit(file, change);
        let ran = copy.tool(&["breaking"]);
        assert_eq!(ran.code, 0, "{what}: {}", ran.out);
        copy.write(file, &before);
    }
}

#[test]
fn a_change_of_core_shows_at_every_type_that_uses_it() {
    let copy = Copy::released();
    copy.edit(PRIMITIVES, |v| v["definitions"]["VendorName"]["maxLength"] = json!(65));
    let report = copy.tool(&["breaking", "--json"]).json();
    let types: Vec<&str> = report["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["type"].as_str().unwrap())
        .collect();
    for name in ["endpoint.online", "vendor.isolated", "gateway.heartbeat"] {
        assert!(types.contains(&name), "{types:?}");
    }
    assert!(!types.contains(&"delivery.scheduled"), "{types:?}");
}

#[test]
fn every_release_counts_not_the_last_alone() {
    let copy = Copy::released();
    let note = |kind: &str| json!({ "description": "A.", "type": kind });
    copy.edit(DELIVERY, |v| v["properties"]["note"] = note("boolean"));
    copy.runs(&["release", "delivery.scheduled", "--reason", "A note."]);
    copy.edit(DELIVERY, |v| {
        v["properties"].as_object_mut().unwrap().remove("note");
    });
    copy.runs(&["release", "delivery.scheduled", "--reason", "No note."]);
    copy.edit(DELIVERY, |v| v["properties"]["note"] = note("null"));
    let ran = copy.tool(&["breaking", "--json"]);
    let against: Vec<Value> = ran.json()["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["against"].clone())
        .collect();
    assert!(against.contains(&json!("1.1")) && !against.contains(&json!("1.2")), "{}", ran.out);
}

#[test]
fn a_released_type_goes_no_other_way_and_carries_no_other_statement() {
    let copy = Copy::released();
    for (name, change, says) in [
        (
            "delivery.scheduled",
            json!({ "direction": "to_gateway", "statement": "GrantStatement" }),
            "it was between_services and is to_gateway with GrantStatement",
        ),
        (
            "grant.issued",
            json!({ "statement": "RequestStatement" }),
            "it was to_gateway with GrantStatement and is to_gateway with RequestStatement",
        ),
    ] {
        let file = format!("schemas/{name}/type.json");
        let before = copy.text(&file);
        copy.edit(&file, |manifest| {
            manifest.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        });
        let ran = copy.tool(&["breaking", name, "--json"]);
        assert_eq!(ran.code, 1, "{ran:?}");
        let found = &ran.json()["changes"][0];
        assert_eq!((&found["rule"], &found["file"]), (&json!("one-direction"), &json!(file)));
        assert_eq!((&found["level"], &found["says"]), (&json!("breaking"), &json!(says)));
        assert_eq!(found["exception"]["change"], says);
        assert!(found["line"].as_u64().unwrap() > 1, "{found}");
        copy.write(&file, &before);
    }
    assert_eq!(copy.tool(&["breaking"]).code, 0);
}

#[test]
fn against_a_commit_changes_and_broken_promises_show() {
    let copy = Copy::released();
    git(&copy, &["init", "-q", "-b", "main"]);
    git(&copy, &["add", "."]);
    git(&copy, &["commit", "-q", "-m", "First"]);
    assert_eq!(copy.runs(&["breaking", "--against", "main"]).code, 0);

    copy.edit(DELIVERY, |v| v["properties"]["parcels"]["maximum"] = json!(100));
    let ran = copy.tool(&["breaking", "--against", "main", "--json"]);
    assert_eq!(ran.code, 1);
    let change = &ran.json()["changes"][0];
    assert_eq!((&change["against"], &change["level"]), (&json!("main"), &json!("breaking")));
    git(&copy, &["checkout", "-q", "--", "."]);

    // Somebody changes a released file and its hash alike: only the commit before knows.
    let file = "schemas/delivery.scheduled/1.0.json";
    copy.write(file, &copy.text(file).replace("1000", "1001"));
    let sum = doorward_schema_repository::lock::sha256(copy.text(file).as_bytes());
    copy.edit("schemas/lock.json", |v| {
        v["types"]["delivery.scheduled"]["versions"]["1.0"]["sha256"] = json!(sum);
    });
    let ran = copy.tool(&["breaking", "--against", "main"]);
    assert!(ran.code == 1 && ran.out.contains("release-changed"), "{ran:?}");
}

#[test]
fn against_a_commit_a_sunset_only_moves_later_and_a_type_stays_until_it() {
    let copy = Copy::released();
    copy.runs(&["new", "visit.done", "--like", "visit.secured", "--summary", "A visit ended."]);
    copy.runs(&["release", "visit.done"]);
    let end = ["deprecate", "visit.secured", "--replacement", "visit.done"];
    copy.runs(&[&end[..], &["--sunset", "2027-06-30", "--today", "2026-12-01"]].concat());
    git(&copy, &["init", "-q", "-b", "main"]);
    git(&copy, &["add", "."]);
    git(&copy, &["commit", "-q", "-m", "First"]);
    let on = |day: &str| copy.tool(&["breaking", "--against", "main", "--today", day]);

    let lock = "schemas/lock.json";
    for (sunset, code) in [
        (json!("2027-06-29"), 1),
        (Value::Null, 1),
        (json!("2027-06-30"), 0),
        (json!("2028-01-01"), 0),
    ] {
        copy.edit(lock, |v| {
            let promise = v["types"]["visit.secured"].as_object_mut().unwrap();
            promise.remove("sunset");
            if sunset.is_string() {
                promise.insert("sunset".to_owned(), sunset.clone());
            }
        });
        let ran = on("2026-12-02");
        assert_eq!((ran.code, ran.out.contains("sunset-earlier")), (code, code == 1), "{ran:?}");
    }
    git(&copy, &["checkout", "-q", "--", "."]);

    std::fs::remove_dir_all(copy.root().join("schemas/visit.secured")).unwrap();
    let early = on("2027-06-30");
    assert!(early.code == 1 && early.out.contains("visit.secured:1:1: removed"), "{early:?}");
    assert_eq!(on("2027-07-01").code, 0);
    // Without the lock's entry only the commit knows that there was such a type.
    copy.edit(lock, |v| {
        v["types"].as_object_mut().unwrap().remove("visit.secured");
    });
    let unknown = on("2027-06-30");
    assert!(unknown.code == 1 && unknown.out.contains("removed: the type was"), "{unknown:?}");
}

#[test]
fn a_change_of_a_draft_is_shown_and_passes() {
    let copy = Copy::new();
    git(&copy, &["init", "-q", "-b", "main"]);
    git(&copy, &["add", "."]);
    git(&copy, &["commit", "-q", "-m", "First"]);
    // Where some types are released, drafts still promise nothing.
    for name in ["grant.issued", "delivery.scheduled"] {
        assert!(!copy.root().join(format!("schemas/{name}/1.0.json")).exists());
    }
    copy.edit(DELIVERY, |v| v["properties"]["parcels"]["maximum"] = json!(100));
    let ran = copy.tool(&["breaking", "--against", "main", "--json"]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()["changes"][0]["level"], "draft");
    // A first release that comes with a change breaks nobody: there, it was a draft.
    copy.runs(&["release", "delivery.scheduled"]);
    let ran = copy.runs(&["breaking", "--against", "main", "--json"]);
    assert_eq!(ran.json()["changes"][0]["level"], "draft");
}

/// The same texts, written in another way, by two automata whose product is too large to walk.
#[test]
fn what_is_neither_proved_nor_refuted_fails_as_its_own_level() {
    let copy = Copy::new();
    let mark = |pattern: &str| {
        copy.edit(DELIVERY, |v| {
            v["properties"]["mark"] = json!({
                "description": "A mark.", "type": "string", "minLength": 1, "maxLength": 64,
                "pattern": pattern,
            });
        });
    };
    mark("^(?:a|b)*a(?:a|b){24}$");
    copy.runs(&["release", "delivery.scheduled"]);
    mark("^[ab]*a[ab]{24}$");
    let ran = copy.tool(&["breaking", "--json"]);
    assert_eq!(ran.code, 1, "{ran:?}");
    let all = ran.json()["changes"].as_array().unwrap().clone();
    assert_eq!(all.len(), 2, "each direction is open: {all:?}");
    for change in &all {
        assert_eq!(
            (&change["level"], &change["code"]),
            (&json!("unconfirmed"), &json!("undecided"))
        );
        assert!(change["counterexample"].is_null(), "{change}");
    }
    let refused = copy.tool(&["release", "delivery.scheduled", "--reason", "Shorter."]);
    assert_eq!(refused.code, 1, "{refused:?}");
}
