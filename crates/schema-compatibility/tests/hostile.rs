//! Schemas that nobody should write: each gives a clear error or an honest verdict, soon.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::time::{Duration, Instant};

use doorward_schema_compatibility::{Inclusion, Limits, Unusable, changes, included};
use serde_json::{Value, json};

fn fault(schema: &Value) -> Unusable {
    let begun = Instant::now();
    let fine = json!({ "type": "object" });
    let first = included(schema, &fine, &Limits::default()).unwrap_err();
    let second = included(&fine, schema, &Limits::default()).unwrap_err();
    assert_eq!((first.side().as_str(), second.side().as_str()), ("old", "new"));
    assert_eq!(first.pointer(), second.pointer());
    assert!(changes(schema, &fine).is_err());
    assert!(begun.elapsed() < Duration::from_secs(20), "{first}");
    first
}

#[test]
fn malformed() {
    for (schema, pointer) in [
        (json!(true), ""),
        (json!([]), ""),
        (json!({ "type": "text" }), "/type"),
        (json!({ "properties": { "a": { "minimum": "1" } } }), "/properties/a/minimum"),
        (json!({ "exclusiveMinimum": 3 }), "/exclusiveMinimum"),
        (json!({ "required": [] }), "/required"),
        (json!({ "maxLength": -1 }), "/maxLength"),
        (json!({ "pattern": "(" }), "/pattern"),
        (json!({ "items": 3 }), "/items"),
    ] {
        let fault = fault(&schema);
        assert!(
            matches!(fault, Unusable::Malformed { .. } | Unusable::Pattern { .. }),
            "{schema}: {fault}"
        );
        assert_eq!(fault.pointer(), pointer, "{schema}: {fault}");
    }
}

#[test]
fn patterns_that_backtrack() {
    for pattern in ["^(?!root)", "(a)\\1", "(?<=a)b"] {
        let fault = fault(&json!({ "properties": { "a": { "pattern": pattern } } }));
        assert!(fault.to_string().contains("linear time"), "{fault}");
    }
    // What takes exponential time elsewhere takes none here.
    let slow = json!({ "type": "string", "pattern": "^(a+)+$" });
    let verdict =
        included(&slow, &json!({ "type": "string", "pattern": "^a+$" }), &Limits::default());
    assert_eq!(verdict.unwrap(), Inclusion::Proved);
}

#[test]
fn references_that_leave_or_lead_nowhere() {
    for reference in [
        "http://example.com/a.json",
        "core/Door.json#/definitions/Name",
        "other.json",
        "file:///etc/passwd",
    ] {
        let fault = fault(&json!({ "properties": { "a": { "$ref": reference } } }));
        assert!(matches!(fault, Unusable::Remote { .. }), "{fault}");
        assert_eq!(fault.pointer(), "/properties/a/$ref");
        assert!(fault.to_string().contains("bundle it"), "{fault}");
    }
    for reference in ["#/definitions/None", "#name", "#/definitions/%zz"] {
        let fault = fault(&json!({ "properties": { "a": { "$ref": reference } } }));
        assert!(matches!(fault, Unusable::Dangling { .. }), "{fault}");
    }
}

#[test]
fn circles() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "anyOf": [{ "type": "null" }, { "$ref": "#" }] }),
        json!({ "not": { "$ref": "#" } }),
        json!({ "$ref": "#/definitions/a", "definitions": { "a": { "$ref": "#/definitions/b" }, "b": { "$ref": "#/definitions/a" } } }),
        json!({ "properties": { "x": { "allOf": [{ "$ref": "#/properties/x" }] } } }),
        json!({ "dependencies": { "a": { "$ref": "#" } } }),
    ] {
        let fault = fault(&schema);
        assert!(matches!(fault, Unusable::Cyclic { .. }), "{schema}: {fault}");
    }
}

#[test]
fn deep() {
    let mut schema = json!({});
    for _ in 0..200 {
        schema = json!({ "not": schema });
    }
    assert!(matches!(fault(&schema), Unusable::TooDeep { .. }));
    let mut chain = json!({ "type": "object", "definitions": {} });
    for n in 0..3_000 {
        let next = format!("#/definitions/d{}", (n + 1) % 3_000);
        chain["definitions"][format!("d{n}")] =
            json!({ "type": "object", "properties": { "x": { "$ref": next } } });
    }
    chain["properties"] = json!({ "x": { "$ref": "#/definitions/d0" } });
    let mut other = chain.clone();
    other["definitions"]["d2999"]["required"] = json!(["y"]);
    assert_eq!(included(&chain, &chain, &Limits::default()).unwrap(), Inclusion::Proved);
    let begun = Instant::now();
    let far = included(&chain, &other, &Limits::default()).unwrap();
    assert!(
        !matches!(far, Inclusion::Proved),
        "what differs three thousand levels down is no proof"
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn enormous() {
    let words: Vec<String> = (0..250_000).map(|n| n.to_string()).collect();
    assert!(matches!(fault(&json!({ "enum": words })), Unusable::TooBig { .. }));
    // Legal, and too much to work through: an honest answer within bounds.
    let choice = |n: usize| {
        let branches = (0..8).map(|m| json!({ "properties": { format!("p{n}"): { "type": "integer", "multipleOf": m + 2 }, format!("q{m}"): { "pattern": format!("a.{{{n}}}b.{{{m}}}c") } } }));
        json!({ "oneOf": branches.collect::<Vec<_>>() })
    };
    let all = |from: usize| json!({ "type": "object", "allOf": (from..from + 12).map(choice).collect::<Vec<_>>() });
    let begun = Instant::now();
    let verdict = included(&all(0), &all(1), &Limits::default()).unwrap();
    assert!(!matches!(verdict, Inclusion::Proved));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn automata_that_explode_are_given_up() {
    let a = json!({ "type": "string", "pattern": "^(a|b)*a(a|b){18}$" });
    let b = json!({ "type": "string", "pattern": "^(a|b)*b(a|b){17}(a|b)$" });
    let begun = Instant::now();
    let verdict = included(&a, &b, &Limits::default()).unwrap();
    assert!(!matches!(verdict, Inclusion::Proved));
    assert!(begun.elapsed() < Duration::from_secs(20));
    let huge = json!({ "type": "string", "pattern": "^([a-z]{1,200}-){1,200}$" });
    assert_eq!(included(&huge, &huge, &Limits::default()).unwrap(), Inclusion::Proved);
}

#[test]
fn the_same_question_has_the_same_answer() {
    let (a, b) = (
        json!({ "type": "object", "minProperties": 3 }),
        json!({ "type": "object", "maxProperties": 2 }),
    );
    let ask = || included(&a, &b, &Limits::default()).unwrap();
    assert_eq!(ask(), ask());
}
