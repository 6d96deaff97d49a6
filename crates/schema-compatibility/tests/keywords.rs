//! Each keyword, both ways: what loosening it proves, and what tightening it is refuted by.
#![allow(clippy::unwrap_used, clippy::panic)]

use doorward_schema_compatibility::{Inclusion, Limits, included};
use jsonschema::Draft;
use serde_json::{Value, json};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Proved,
    Refuted,
}
use Expected::{Proved, Refuted};

/// The verdict; of a refutation only after a validator built here has confirmed the document.
fn verdict(sub: &Value, sup: &Value) -> Expected {
    match included(sub, sup, &Limits::default()).unwrap() {
        Inclusion::Proved => Proved,
        Inclusion::Refuted(found) => {
            let build = |schema| {
                jsonschema::options()
                    .with_draft(Draft::Draft4)
                    .should_validate_formats(true)
                    .build(schema)
                    .unwrap()
            };
            assert!(build(sub).is_valid(&found.document), "{found:?} is invalid under {sub}");
            assert!(!build(sup).is_valid(&found.document), "{found:?} is valid under {sup}");
            assert!(sup.pointer(&found.refused_by).is_some(), "{found:?} names no place in {sup}");
            assert!(
                found.document.pointer(&found.at).is_some(),
                "{found:?} names no place in the document"
            );
            Refuted
        }
        Inclusion::Undecided(gap) => panic!("undecided: {gap:?}\n{sub}\n{sup}"),
    }
}

fn check(table: &[(Value, Value, Expected, Expected)]) {
    for (a, b, forth, back) in table {
        assert_eq!(verdict(a, b), *forth, "{a} in {b}");
        assert_eq!(verdict(b, a), *back, "{b} in {a}");
    }
}

#[test]
fn types() {
    check(&[
        (json!({}), json!({}), Proved, Proved),
        (json!({ "type": "integer" }), json!({ "type": "number" }), Proved, Refuted),
        (json!({ "type": "string" }), json!({ "type": ["string", "null"] }), Proved, Refuted),
        (json!({ "type": "string" }), json!({ "type": "object" }), Refuted, Refuted),
        (
            json!({ "type": ["null", "boolean", "number", "string", "array", "object"] }),
            json!({}),
            Proved,
            Proved,
        ),
        (
            json!({ "type": "number", "multipleOf": 1 }),
            json!({ "type": "integer" }),
            Refuted,
            Proved,
        ),
        (json!({ "not": {} }), json!({ "type": "string" }), Proved, Refuted),
    ]);
}

#[test]
fn words() {
    check(&[
        (json!({ "enum": ["a"] }), json!({ "enum": ["a", "b"] }), Proved, Refuted),
        (json!({ "enum": ["a", "b"] }), json!({ "type": "string" }), Proved, Refuted),
        (json!({ "enum": [1, 2.0, 3] }), json!({ "type": "integer" }), Refuted, Refuted),
        (
            json!({ "type": "integer", "enum": [1, 2] }),
            json!({ "type": "integer", "minimum": 1, "maximum": 2 }),
            Proved,
            Proved,
        ),
        (json!({ "type": "boolean" }), json!({ "enum": [true, false] }), Proved, Proved),
        (
            json!({ "enum": [{ "a": 1 }] }),
            json!({ "type": "object", "required": ["a"] }),
            Proved,
            Refuted,
        ),
        (
            json!({ "enum": ["ab", "b"] }),
            json!({ "type": "string", "pattern": "b$" }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "string", "pattern": "^(on|off)$" }),
            json!({ "enum": ["on", "off"] }),
            Proved,
            Proved,
        ),
    ]);
}

#[test]
fn numbers() {
    check(&[
        (
            json!({ "type": "number", "minimum": 1 }),
            json!({ "type": "number", "minimum": 0 }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "number", "maximum": 1 }),
            json!({ "type": "number", "maximum": 2 }),
            Proved,
            Refuted,
        ),
        (
            json!({ "minimum": 0, "exclusiveMinimum": true }),
            json!({ "minimum": 0 }),
            Proved,
            Refuted,
        ),
        (
            json!({ "maximum": 0, "exclusiveMaximum": true }),
            json!({ "maximum": 0 }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "integer", "minimum": 0, "exclusiveMinimum": true }),
            json!({ "type": "integer", "minimum": 1 }),
            Proved,
            Proved,
        ),
        (
            json!({ "type": "integer", "minimum": 0.5 }),
            json!({ "type": "integer", "minimum": 1 }),
            Proved,
            Proved,
        ),
        (json!({ "multipleOf": 6 }), json!({ "multipleOf": 3 }), Proved, Refuted),
        (json!({ "multipleOf": 0.1 }), json!({ "multipleOf": 0.05 }), Proved, Refuted),
        (
            json!({ "allOf": [{ "multipleOf": 4 }, { "multipleOf": 6 }] }),
            json!({ "multipleOf": 12 }),
            Proved,
            Proved,
        ),
        (
            json!({ "type": "integer", "minimum": 3, "maximum": 5, "multipleOf": 4 }),
            json!({ "type": "integer", "minimum": 4, "maximum": 4 }),
            Proved,
            Proved,
        ),
        (
            json!({ "type": "integer", "minimum": 5, "maximum": 4 }),
            json!({ "type": "string" }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "integer", "minimum": 1, "maximum": 9 }),
            json!({ "type": "integer", "not": { "enum": [0, 10] } }),
            Proved,
            Refuted,
        ),
    ]);
}

#[test]
fn strings() {
    let long = json!({ "type": "string", "maxLength": 8 });
    check(&[
        (json!({ "type": "string", "maxLength": 4 }), long.clone(), Proved, Refuted),
        (
            json!({ "type": "string", "minLength": 4 }),
            json!({ "type": "string", "minLength": 3 }),
            Proved,
            Refuted,
        ),
        (json!({ "type": "string", "pattern": "^[a-f]{1,8}$" }), long, Proved, Refuted),
        (
            json!({ "type": "string", "pattern": "^[a-c]+$" }),
            json!({ "type": "string", "pattern": "^[a-d]*$" }),
            Proved,
            Refuted,
        ),
        (json!({ "pattern": "^ab" }), json!({ "pattern": "a" }), Proved, Refuted),
        (json!({ "pattern": "^[0-9]{4}$" }), json!({ "pattern": "^\\d{4}$" }), Proved, Proved),
        (json!({ "pattern": "^(a|b)$" }), json!({ "pattern": "^[ab]$" }), Proved, Proved),
        (
            json!({ "pattern": "^a*$", "maxLength": 2 }),
            json!({ "pattern": "^a{0,2}$" }),
            Proved,
            Proved,
        ),
        (
            json!({ "type": "string", "format": "date-time" }),
            json!({ "type": "string" }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "string", "format": "ipv4" }),
            json!({ "type": "string", "format": "ipv6" }),
            Refuted,
            Refuted,
        ),
        (
            json!({ "type": "string", "format": "no format at all" }),
            json!({ "type": "string" }),
            Proved,
            Proved,
        ),
        (
            json!({ "type": "string", "minLength": 3, "maxLength": 2 }),
            json!({ "enum": [1] }),
            Proved,
            Refuted,
        ),
    ]);
}

#[test]
fn arrays() {
    let of = |items: Value| json!({ "type": "array", "items": items });
    check(&[
        (of(json!({ "type": "integer" })), of(json!({ "type": "number" })), Proved, Refuted),
        (
            json!({ "type": "array", "minItems": 2 }),
            json!({ "type": "array", "minItems": 1 }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "array", "maxItems": 1 }),
            json!({ "type": "array", "maxItems": 2 }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "array", "uniqueItems": true }),
            json!({ "type": "array" }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "array", "maxItems": 1 }),
            json!({ "type": "array", "uniqueItems": true }),
            Proved,
            Refuted,
        ),
        (
            of(json!([{ "type": "string" }])),
            of(json!([{}, { "type": "string" }])),
            Refuted,
            Refuted,
        ),
        (
            json!({ "type": "array", "items": [{ "type": "null" }], "additionalItems": false }),
            of(json!({ "type": "null" })),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "array", "items": [{}, { "not": {} }] }),
            json!({ "type": "array", "maxItems": 1 }),
            Proved,
            Proved,
        ),
        (
            json!({ "type": "array", "items": { "type": "boolean" }, "uniqueItems": true }),
            json!({ "type": "array", "maxItems": 2 }),
            Proved,
            Refuted,
        ),
        (
            of(json!([{ "type": "string" }, {}])),
            json!({ "type": "array", "items": [{ "type": "string" }], "additionalItems": {} }),
            Proved,
            Proved,
        ),
    ]);
}

#[test]
fn objects() {
    let with = |extra: Value| {
        let mut schema = json!({ "type": "object", "properties": { "a": { "type": "integer" } } });
        schema.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
        schema
    };
    check(&[
        (with(json!({ "required": ["a"] })), with(json!({})), Proved, Refuted),
        (with(json!({ "additionalProperties": false })), with(json!({})), Proved, Refuted),
        (
            with(json!({ "additionalProperties": { "type": "string" } })),
            with(json!({ "additionalProperties": { "type": ["string", "null"] } })),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "object", "properties": { "a": {} }, "additionalProperties": false }),
            json!({ "type": "object", "maxProperties": 1 }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "object", "required": ["a", "b"] }),
            json!({ "type": "object", "minProperties": 2 }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "object", "patternProperties": { "^a": { "type": "string" } } }),
            json!({ "type": "object", "patternProperties": { "^ab": { "type": "string" } } }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "object", "patternProperties": { "^a": { "type": "string" } } }),
            json!({ "type": "object", "properties": { "ax": { "type": "string" } } }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "object", "patternProperties": { "^a": {} }, "additionalProperties": false }),
            json!({ "type": "object", "properties": { "b": { "type": "null" } } }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "object", "dependencies": { "a": ["b", "c"] } }),
            json!({ "type": "object", "dependencies": { "a": ["b"] } }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "object", "dependencies": { "a": { "required": ["b"] } } }),
            json!({ "type": "object", "dependencies": { "a": ["b"] } }),
            Proved,
            Proved,
        ),
        (
            json!({ "type": "object", "required": ["a"], "properties": { "a": { "not": {} } } }),
            json!({ "type": "null" }),
            Proved,
            Refuted,
        ),
        (
            json!({ "type": "object", "properties": { "a": { "type": ["string", "integer"] } } }),
            json!({ "anyOf": [{ "properties": { "a": { "type": "string" } } }, { "properties": { "a": { "type": "integer" } } }] }),
            Proved,
            Refuted,
        ),
    ]);
}

#[test]
fn combinations() {
    let kind = |word: &str, value: &str| json!({ "type": "object", "properties": { "kind": { "enum": [word] }, "value": { "type": value } }, "required": ["kind", "value"] });
    let (a, b, c) = (kind("a", "string"), kind("b", "integer"), kind("c", "boolean"));
    check(&[
        (a.clone(), json!({ "anyOf": [a, b] }), Proved, Refuted),
        (json!({ "anyOf": [a, b] }), json!({ "anyOf": [b, a, c] }), Proved, Refuted),
        (json!({ "oneOf": [a, b] }), json!({ "anyOf": [a, b] }), Proved, Proved),
        (json!({ "oneOf": [a, b] }), json!({ "oneOf": [c, b, a] }), Proved, Refuted),
        (
            json!({ "oneOf": [{ "type": "string" }, { "maxLength": 5 }] }),
            json!({ "oneOf": [{ "type": "string" }, { "maxLength": 10 }] }),
            Refuted,
            Proved,
        ),
        (
            json!({ "allOf": [{ "type": "string" }, { "maxLength": 3 }] }),
            json!({ "type": "string", "maxLength": 3 }),
            Proved,
            Proved,
        ),
        (
            json!({ "not": { "type": "string" } }),
            json!({ "not": { "type": "string", "maxLength": 3 } }),
            Proved,
            Refuted,
        ),
        (
            json!({ "not": { "not": { "type": "string" } } }),
            json!({ "type": "string" }),
            Proved,
            Proved,
        ),
        (
            json!({ "anyOf": [{ "type": "integer", "maximum": 5 }, { "type": "integer", "minimum": 6 }] }),
            json!({ "type": "integer" }),
            Proved,
            Proved,
        ),
        (
            json!({ "type": "object", "not": { "required": ["a"] } }),
            json!({ "type": "object", "properties": { "a": { "type": "null" } } }),
            Proved,
            Refuted,
        ),
    ]);
}

#[test]
fn references_and_recursion() {
    let list = |items: Value, more: Value| json!({ "$ref": "#/definitions/list", "definitions": { "list": { "type": "object", "properties": { "head": items, "tail": { "$ref": "#/definitions/list" } }, "required": more } } });
    let inline = json!({ "type": "object", "properties": { "head": { "type": "integer" }, "tail": { "$ref": "#" } } });
    check(&[
        (
            list(json!({ "type": "integer" }), json!(["head"])),
            list(json!({ "type": "number" }), json!(["head"])),
            Proved,
            Refuted,
        ),
        (
            inline,
            json!({ "definitions": { "a~/b": { "type": "object", "properties": { "head": { "type": "integer" }, "tail": { "$ref": "#/definitions/a~0~1b" } } } }, "$ref": "#/definitions/a~0~1b" }),
            Proved,
            Proved,
        ),
        // Nothing finite satisfies a list that never ends.
        (list(json!({}), json!(["tail"])), json!({ "type": "null" }), Proved, Refuted),
        (
            json!({ "$ref": "#/definitions/100%25", "definitions": { "100%": { "type": "string" } } }),
            json!({ "type": "string" }),
            Proved,
            Proved,
        ),
    ]);
}

/// A format that the validator checks must never be taken for one that it does not know.
#[test]
fn every_format_that_is_checked_narrows() {
    let text = json!({ "type": "string" });
    let of = |format: &str| json!({ "type": "string", "format": format });
    let checked =
        ["date", "date-time", "email", "hostname", "ipv4", "ipv6", "regex", "time", "uri"];
    for format in checked {
        assert_eq!(verdict(&text, &of(format)), Refuted, "{format}");
        assert_eq!(verdict(&of(format), &text), Proved, "{format}");
    }
    for format in ["idn-email", "uuid", "duration", "json-pointer", "uri-reference", "iri", "color"]
    {
        assert_eq!(verdict(&text, &of(format)), Proved, "{format}");
    }
}
