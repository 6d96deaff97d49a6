//! Every rule has a fault that it finds, at its place; and what is no repository ends with a clear
//! error.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::stand::{Copy, here, tool};

const NEXT: &str = "schemas/delivery.scheduled/next.json";
const TYPE: &str = "schemas/delivery.scheduled/type.json";
const PARCELS: &str = "/properties/parcels";

/// A rule, the file, and what is done to it.
type Fault = (&'static str, &'static str, fn(&mut Value));

fn at<'a>(value: &'a mut Value, pointer: &str) -> &'a mut Value {
    value.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}"))
}

/// A pattern that is one, and that no validator takes.
fn too_large() -> Value {
    let pattern = "^(?:[a-z]{1000}){1000}$";
    json!({ "description": "A.", "type": "string", "maxLength": 9, "pattern": pattern })
}

fn of_two_types() -> Value {
    json!({ "description": "A.", "type": ["integer", "null"], "minimum": 1, "maximum": 9 })
}

const FAULTS: &[Fault] = &[
    ("schema-invalid", NEXT, |v| v["required"] = json!([])),
    ("schema-invalid", NEXT, |v| *at(v, PARCELS) = too_large()),
    ("later-keyword", NEXT, |v| at(v, PARCELS)["const"] = json!(1)),
    ("later-keyword", NEXT, |v| at(v, PARCELS)["examples"] = json!([1])),
    ("later-keyword", NEXT, |v| v["propertyNames"] = json!({ "pattern": "^a$" })),
    ("later-keyword", NEXT, |v| v["if"] = json!({})),
    ("later-keyword", NEXT, |v| v["$defs"] = json!({})),
    ("unknown-keyword", NEXT, |v| at(v, PARCELS)["maximun"] = json!(1)),
    ("unread-keyword", NEXT, |v| v["additionalProperties"] = json!(true)),
    ("numeric-exclusive", NEXT, |v| at(v, PARCELS)["exclusiveMinimum"] = json!(0)),
    ("numeric-exclusive", NEXT, |v| {
        at(v, PARCELS).as_object_mut().unwrap().remove("minimum");
        at(v, PARCELS)["exclusiveMinimum"] = json!(true);
    }),
    ("ref-sibling", NEXT, |v| at(v, "/properties/window")["maxProperties"] = json!(1)),
    ("ref-astray", NEXT, |v| {
        at(v, "/properties/window")["$ref"] = json!("https://example.org/a.json#/definitions/A");
    }),
    ("ref-astray", NEXT, |v| {
        at(v, "/properties/window")["$ref"] = json!("../core/deliveries.json#/definitions/Windw");
    }),
    ("ref-cycle", "schemas/core/deliveries.json", |v| {
        at(v, "/definitions/DeliveryWindow/properties")["inner"] =
            json!({ "$ref": "#/definitions/DeliveryWindow" });
    }),
    ("float-in-integer", NEXT, |v| at(v, PARCELS)["minimum"] = json!(1.0)),
    ("float-in-integer", NEXT, |v| at(v, PARCELS)["enum"] = json!([2.0])),
    ("fraction-multiple", NEXT, |v| {
        *at(v, PARCELS) = json!({
            "description": "A.", "type": "number", "minimum": 0, "maximum": 9, "multipleOf": 0.1,
        });
    }),
    ("enum-mismatch", NEXT, |v| at(v, PARCELS)["enum"] = json!(["two"])),
    ("format-unasserted", NEXT, |v| {
        *at(v, PARCELS) =
            json!({ "description": "A.", "type": "string", "maxLength": 9, "format": "uuid" });
    }),
    ("pattern-invalid", NEXT, |v| {
        *at(v, PARCELS) =
            json!({ "description": "A.", "type": "string", "maxLength": 9, "pattern": "^(a$" });
    }),
    ("pattern-open", NEXT, |v| {
        *at(v, PARCELS) =
            json!({ "description": "A.", "type": "string", "maxLength": 9, "pattern": "^a|b$" });
    }),
    ("required-unknown", NEXT, |v| v["required"][0] = json!("deliveryid")),
    ("bound-missing", NEXT, |v| {
        at(v, PARCELS).as_object_mut().unwrap().remove("maximum");
    }),
    ("bound-missing", NEXT, |v| {
        *at(v, PARCELS) = json!({ "description": "A.", "type": "object", "maxProperties": 2,
            "patternProperties": { "^[a-z]+$": { "type": "boolean" } } });
    }),
    ("bound-reversed", NEXT, |v| at(v, PARCELS)["minimum"] = json!(5000)),
    ("type-missing", NEXT, |v| *at(v, PARCELS) = json!({ "description": "Anything." })),
    ("type-name", TYPE, |v| v["type"] = json!("delivery.planned")),
    ("member-name", NEXT, |v| {
        v["properties"]["parcelCount"] = json!({ "description": "A.", "type": "boolean" });
    }),
    ("definition-name", "schemas/core/vocabulary.json", |v| {
        v["definitions"]["Uuid"] = json!({ "description": "A.", "type": "boolean" });
    }),
    ("definition-unused", "schemas/core/deliveries.json", |v| {
        v["definitions"]["Lonely"] = json!({ "description": "A.", "type": "boolean" });
    }),
    ("description-missing", NEXT, |v| {
        at(v, PARCELS).as_object_mut().unwrap().remove("description");
    }),
    ("description-form", NEXT, |v| v["title"] = json!("Delivery")),
    ("description-form", NEXT, |v| v["description"] = json!("no sentence")),
    ("manifest", TYPE, |v| v["audience"] = json!("everybody")),
    ("manifest", TYPE, |v| v["sunmary"] = json!("A.")),
    ("direction", TYPE, |v| v["statement"] = json!("GrantStatement")),
    ("sensitivity", TYPE, |v| v["sensitive_fields"] = json!({ "/data/windw": "personal" })),
    ("sensitivity", TYPE, |v| v["sensitivity"] = json!("none")),
    ("sensitivity", TYPE, |v| v["sensitive_fields"] = json!({})),
    ("sensitivity", TYPE, |v| {
        at(v, "/sensitive_fields").as_object_mut().unwrap().remove("/data/subject_ref");
    }),
    ("sensitivity", TYPE, |v| at(v, "/sensitive_fields")["/data/subject_ref"] = json!("internal")),
    ("sensitivity", "schemas/entry.lock_changed/type.json", |v| v["sensitive_fields"] = json!({})),
    ("sensitivity", "schemas/core/access.json", |v| v["x-personal"] = json!(["SubjectReff"])),
    ("sensitivity", "schemas/core/access.json", |v| v["x-personal"] = json!("SubjectRef")),
    ("example-refused", "schemas/delivery.scheduled/examples/two-parcels-before-noon.json", |v| {
        v["parcels"] = json!(0);
    }),
    (
        "example-accepted",
        "schemas/delivery.scheduled/examples/invalid/pattern-subject-ref-is-a-name.json",
        |v| v["subject_ref"] = json!("jane"),
    ),
    (
        "example-accepted",
        "schemas/delivery.scheduled/examples/invalid/pattern-subject-ref-is-a-name.json",
        |v| *v = json!({}),
    ),
    ("publisher", "schemas/publishers.json", |v| {
        v["publishers"][2]["name"] = json!("aws.delivery");
    }),
    ("publisher", "schemas/publishers.json", |v| {
        v["publishers"][2]["publishes"][0] = json!("delivery.schedule");
    }),
    ("publisher", "schemas/publishers.json", |v| v["core_from"] = json!(true)),
    ("publisher", "schemas/publishers.json", |v| v["core_form"] = json!("doorward")),
    ("publisher", "schemas/publishers.json", |v| v["packages"] = json!({ "python": "@acme/a" })),
    ("publisher", "schemas/publishers.json", |v| v["packages"] = json!({ "cobol": "acme" })),
    ("size", NEXT, |v| {
        v["properties"]["notes"] = json!({ "description": "A.", "type": "array", "maxItems": 99,
            "items": { "$ref": "../core/primitives.json#/definitions/Text" } });
    }),
    ("size", NEXT, |v| *at(v, PARCELS) = of_two_types()),
    ("size", NEXT, |v| {
        *at(v, PARCELS) = json!({ "description": "A.", "type": "integer", "enum": [1, 2] });
    }),
    ("depth", NEXT, |v| {
        let mut deep = json!({ "type": "boolean" });
        for _ in 0..20 {
            deep = json!({ "type": "array", "maxItems": 1, "items": deep });
        }
        deep["description"] = json!("A.");
        v["properties"]["deep"] = deep;
    }),
    ("release-version", TYPE, |v| v["version"] = json!("1.0")),
    ("lifecycle", TYPE, |v| v["lifecycle"] = json!("active")),
];

#[test]
fn this_repository_has_nothing_to_mend() {
    let ran = tool(&here(), &["lint"]);
    assert_eq!(ran.code, 0, "{}", ran.out);
    let ran = tool(&here(), &["release", "--all", "--dry-run", "--reason", "A trial."]);
    assert_eq!(ran.code, 0, "{ran:?}");
}

#[test]
fn every_rule_finds_its_fault_where_it_is() {
    let mut shown: BTreeSet<String> = BTreeSet::new();
    let copy = Copy::new();
    for (rule, file, change) in FAULTS {
        let before = copy.text(file);
        copy.edit(file, change);
        let ran = copy.tool(&["lint", "--json"]);
        let findings = ran.json()["findings"].as_array().unwrap().clone();
        let found = findings.iter().find(|finding| finding["rule"] == *rule);
        let found = found.unwrap_or_else(|| panic!("{rule} in {file}: {}", ran.out));
        assert_eq!(found["file"], *file, "{found}");
        assert!(!found["remedy"].as_str().unwrap().is_empty(), "{found}");
        assert_eq!(ran.code, 1);
        copy.write(file, &before);
        shown.insert((*rule).to_owned());
    }

    let whole = |rule: &str, break_it: &dyn Fn(&Copy)| {
        let copy = Copy::new();
        break_it(&copy);
        let ran = copy.tool(&["lint", "--json"]);
        let findings = ran.json()["findings"].clone();
        let found = findings.as_array().unwrap().iter().any(|finding| finding["rule"] == rule);
        assert!(found && ran.code == 1, "{rule}: {}", ran.out);
        rule.to_owned()
    };
    let remove = |copy: &Copy, file: &str| std::fs::remove_file(copy.root().join(file)).unwrap();
    shown.insert(whole("json", &|c| c.write(NEXT, "{\"a\": 1, \"a\": 2}")));
    shown.insert(whole("file-stray", &|c| c.write("schemas/delivery.scheduled/old.json", "{}")));
    shown.insert(whole("file-missing", &|c| remove(c, NEXT)));
    shown.insert(whole("file-missing", &|c| remove(c, TYPE)));
    shown.insert(whole("example-missing", &|c| {
        std::fs::remove_dir_all(c.root().join("schemas/delivery.scheduled/examples")).unwrap();
    }));
    shown.insert(whole("lock", &|c| {
        c.runs(&["release", "delivery.scheduled"]);
        let text = c.text("schemas/delivery.scheduled/1.0.json");
        c.write("schemas/delivery.scheduled/1.0.json", &text.replace("1000", "1001"));
    }));
    shown.insert(whole("release-direction", &|c| {
        c.runs(&["release", "delivery.scheduled"]);
        c.edit(TYPE, |v| v["direction"] = json!("platform"));
    }));
    shown.insert(whole("removed", &|c| {
        c.runs(&["release", "delivery.scheduled"]);
        std::fs::remove_dir_all(c.root().join("schemas/delivery.scheduled")).unwrap();
    }));

    let listed = tool(&here(), &["lint", "--rules"]).out;
    let listed: BTreeSet<String> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect();
    assert_eq!(listed, shown, "each rule that is listed has its fault here");
}

#[test]
fn a_finding_names_line_pointer_and_remedy() {
    let copy = Copy::new();
    copy.edit(NEXT, |v| at(v, PARCELS)["maximun"] = json!(1));
    let ran = copy.tool(&["lint", "delivery.scheduled"]);
    let line = copy.text(NEXT).lines().position(|line| line.contains("maximun")).unwrap() + 1;
    let expected = format!("{NEXT}:{line}:7: unknown-keyword: /properties/parcels/maximun: ");
    assert!(ran.out.starts_with(&expected), "{}", ran.out);
    assert!(ran.out.contains("did you mean \"maximum\"?"), "{}", ran.out);
}

/// What is missing or cannot be read may use each of them.
#[test]
fn a_definition_is_called_unused_only_where_all_can_be_read() {
    let copy = Copy::new();
    let rules = || {
        let found = copy.tool(&["lint", "--json"]).json()["findings"].clone();
        let rules = found.as_array().unwrap().iter().map(|finding| finding["rule"].clone());
        rules.collect::<Vec<_>>()
    };
    for file in [NEXT, "schemas/grant.issued/type.json", "schemas/core/entries.json"] {
        let before = copy.text(file);
        copy.write(file, "{ \"title\": ");
        let found = rules();
        assert!(found.contains(&json!("json")), "{file}: {found:?}");
        assert!(!found.contains(&json!("definition-unused")), "{file}: {found:?}");
        std::fs::remove_file(copy.root().join(file)).unwrap();
        let found = rules();
        assert!(!found.contains(&json!("definition-unused")), "no {file}: {found:?}");
        copy.write(file, &before);
    }

    // Whether `core/` was taken over stands in the register.
    let register = "schemas/publishers.json";
    copy.edit("schemas/core/deliveries.json", |v| {
        v["definitions"]["Lonely"] = json!({ "description": "A.", "type": "boolean" });
    });
    assert_eq!(rules(), ["definition-unused"]);
    copy.edit(register, |v| v["core_from"] = json!("doorward"));
    assert!(rules().is_empty());
    copy.write(register, &format!("{}}}", copy.text(register)));
    assert_eq!(rules(), ["json"]);
}

/// What keeps the examples or the worst case from being judged is a finding, not a silence.
#[test]
fn what_cannot_be_judged_is_told_where_it_stands() {
    let copy = Copy::new();
    let whole = copy.text(NEXT);
    copy.edit(NEXT, |v| *at(v, PARCELS) = of_two_types());
    let ran = copy.tool(&["lint", "--json"]);
    let finding = &ran.json()["findings"][0];
    assert_eq!((&finding["rule"], &finding["pointer"]), (&json!("size"), &json!(PARCELS)));
    assert!(finding["what"].as_str().unwrap().contains("/data/parcels"), "{finding}");

    copy.write(NEXT, &whole);
    copy.edit(NEXT, |v| *at(v, PARCELS) = too_large());
    let ran = copy.tool(&["lint"]);
    assert!(ran.code == 1 && ran.out.contains("the schema does not compile: "), "{ran:?}");
    copy.edit(NEXT, |v| at(v, PARCELS)["pattern"] = json!("^(a$"));
    let ran = copy.tool(&["lint"]);
    assert!(!ran.out.contains("does not compile"), "the pattern is named already: {ran:?}");
}

#[test]
fn fix_mends_what_has_one_meaning_and_nothing_else() {
    let copy = Copy::new();
    copy.edit(NEXT, |v| {
        at(v, PARCELS).as_object_mut().unwrap().remove("minimum");
        at(v, PARCELS)["exclusiveMinimum"] = json!(0.0);
    });
    assert_eq!(copy.tool(&["lint"]).code, 1);
    let fixed = copy.runs(&["lint", "--fix"]);
    assert!(fixed.out.starts_with(&format!("{NEXT}: mended\n")), "{}", fixed.out);
    let mended: Value = serde_json::from_str(&copy.text(NEXT)).unwrap();
    assert_eq!(mended["properties"]["parcels"]["minimum"], json!(0));
    assert_eq!(mended["properties"]["parcels"]["exclusiveMinimum"], json!(true));
    let again = copy.runs(&["lint", "--fix"]);
    assert!(!again.out.contains("mended"), "{}", again.out);
}

#[test]
fn fix_of_a_type_leaves_all_others_and_core_alone() {
    let copy = Copy::new();
    let other = "schemas/endpoint.flooding/next.json";
    let core = "schemas/core/deliveries.json";
    for file in [NEXT, other, core] {
        copy.edit(file, |v| v["$comment"] = json!("Somebody will mend it."));
    }
    let fixed = copy.tool(&["lint", "delivery.scheduled", "--fix"]);
    assert_eq!(fixed.out.matches(": mended\n").count(), 1, "{}", fixed.out);
    for (file, stays) in [(NEXT, false), (other, true), (core, true)] {
        assert_eq!(copy.text(file).contains("$comment"), stays, "{file}");
    }
    assert_eq!(copy.runs(&["lint", "--fix"]).out.matches(": mended\n").count(), 2);
}

/// Opening a pipe waits for who writes into it.
#[test]
fn what_is_no_regular_file_is_refused_and_not_waited_for() {
    let copy = Copy::new();
    let pipe = copy.root().join("schemas/core/pipe.json");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let output = Command::new("timeout")
        .args(["20", env!("CARGO_BIN_EXE_doorward-schema"), "lint", "--root"])
        .arg(copy.root())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "124: it waited for the pipe; {said}");
    assert!(said.contains("schemas/core/pipe.json: a pipe, socket or device"), "{said}");
}

#[test]
fn what_is_no_repository_ends_with_a_clear_error_and_in_time() {
    let begin = Instant::now();
    let copy = Copy::new();
    copy.write(NEXT, &" ".repeat(1024 * 1024 + 1));
    for command in [&["lint"][..], &["breaking"], &["explain", "delivery.scheduled"]] {
        let ran = copy.tool(command);
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.err.contains(NEXT) && ran.err.contains("at most 1048576"), "{ran:?}");
    }
    copy.write(NEXT, &format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
    let ran = copy.tool(&["lint"]);
    assert!(ran.code == 1 && ran.out.contains("nested more than 64 levels"), "{ran:?}");
    let ran = copy.tool(&["breaking"]);
    assert!(ran.code == 1 && ran.err.contains(&format!("{NEXT}:1:65")), "{ran:?}");
    let nowhere = tool(&copy.root().join("nowhere"), &["lint"]);
    assert!(nowhere.code == 1 && nowhere.err.contains("--root"), "{nowhere:?}");
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_wrong_call_is_told_from_a_wrong_repository() {
    let ran = tool(&here(), &["lint", "delivery.schedule"]);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("did you mean delivery.scheduled?"), "{ran:?}");
    assert_eq!(tool(&here(), &["lint", "--no-such-option"]).code, 2);
    assert_eq!(tool(&here(), &["explain", "no.such"]).code, 2);
    assert_eq!(tool(&here(), &["breaking", "--against", "no-such-commit"]).code, 2);
}

#[test]
fn a_new_type_needs_its_words_and_nothing_else() {
    let copy = Copy::new();
    let ran = copy.runs(&["new", "delivery.returned", "--like", "delivery.completed"]);
    assert!(ran.out.contains("acme.delivery is registered"), "{}", ran.out);
    copy.runs(&["new", "parcel.weighed", "--owner", "acme.delivery"]);
    let left = |count: usize, file: &str| {
        let ran = copy.tool(&["lint"]);
        let said = format!("{}{}", ran.out, ran.err);
        assert_eq!(ran.code, i32::from(count > 0), "{said}");
        assert_eq!(said.matches("nobody did yet").count(), count, "{said}");
        assert!(said.contains(file), "{said}");
    };
    left(4, "schemas/delivery.returned/type.json");
    copy.edit("schemas/delivery.returned/type.json", |manifest| {
        manifest["summary"] = json!("A parcel came back.");
    });
    left(3, "schemas/parcel.weighed/type.json");
    copy.edit("schemas/parcel.weighed/type.json", |manifest| {
        manifest["summary"] = json!("A parcel was weighed.");
    });
    copy.edit("schemas/parcel.weighed/next.json", |schema| {
        schema["description"] = json!("Once for each parcel.");
        schema["properties"]["count"]["description"] = json!("In kilograms.");
    });
    left(0, "");
    copy.runs(&["release", "parcel.weighed"]);
    assert_eq!(copy.tool(&["new", "parcel.weighed", "--owner", "a"]).code, 2, "it is there");
    assert_eq!(copy.tool(&["new", "Parcel", "--owner", "a"]).code, 2, "no name of a type");
    let ran = copy.tool(&["new", "door.kicked", "--owner", "a", "--direction", "to_gateway"]);
    assert!(ran.code == 2 && ran.err.contains("--like"), "{ran:?}");
}

#[test]
fn explain_says_what_somebody_asks_first() {
    let ran = tool(&here(), &["explain", "access.denied", "--json"]);
    let about = ran.json();
    assert_eq!(about["publishers"], json!(["doorward.gateway"]));
    assert_eq!(about["subscribers"][0]["team"], json!("acme.delivery"));
    assert!(about["worst_case"]["bytes"].as_u64().unwrap() < 65_536);
    let fields = about["fields"].as_array().unwrap();
    let subject = fields.iter().find(|field| field["pointer"] == "/data/subject_ref").unwrap();
    assert_eq!(
        (&subject["sensitivity"], &subject["required"]),
        (&json!("personal"), &json!(false))
    );
    let reason = fields.iter().find(|field| field["pointer"] == "/data/reason").unwrap();
    assert!(reason["words"].as_array().unwrap().contains(&json!("low_battery")));
    let text = tool(&here(), &["explain", "access.denied"]).out;
    for part in ["low_battery", "published by: doorward.gateway", "of 65536 bytes"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
