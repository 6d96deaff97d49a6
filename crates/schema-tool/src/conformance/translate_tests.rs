//! A translated schema judges every document as the original does in its own draft.

use jsonschema::{Draft, Validator};
use serde_json::{Value, json};

use super::translate::{Dialect, translate};

fn build(schema: &Value, draft: Draft) -> Validator {
    jsonschema::options().with_draft(draft).should_validate_formats(true).build(schema).unwrap()
}

fn documents() -> Vec<Value> {
    let mut all = vec![
        json!(null),
        json!(true),
        json!(0),
        json!(1),
        json!(2),
        json!(2.0),
        json!(2.5),
        json!(-3),
        json!(10),
        json!(""),
        json!("a"),
        json!("abc"),
        json!("x-1"),
        json!("2001-02-03"),
        json!([]),
        json!({}),
    ];
    let items = all.clone();
    all.extend(items.iter().map(|item| json!([item])));
    all.extend(items.iter().map(|item| json!(["a", item, 1])));
    for name in ["a", "abc", "x-1", "toolong"] {
        all.extend(items.iter().map(|item| json!({ name: item })));
        all.extend(items.iter().map(|item| json!({ name: item, "b": 1 })));
    }
    all
}

#[test]
fn it_accepts_the_same_documents() {
    for schema in [
        json!(true),
        json!(false),
        json!({ "type": "integer" }),
        json!({ "type": ["integer", "string"] }),
        json!({ "type": ["integer", "number"], "multipleOf": 5 }),
        json!({ "type": "integer", "multipleOf": 0.5 }),
        json!({ "const": 2 }),
        json!({ "const": null, "enum": [null, 1] }),
        json!({ "enum": [1, 1.0, "a"] }),
        json!({ "exclusiveMinimum": 1, "minimum": 0 }),
        json!({ "exclusiveMaximum": 2, "maximum": 3 }),
        json!({ "contains": { "type": "integer" } }),
        json!({ "contains": false }),
        json!({ "propertyNames": { "maxLength": 3 } }),
        json!({ "propertyNames": { "minLength": 2, "pattern": "^[a-z]" } }),
        json!({ "propertyNames": { "enum": ["a", "b"] } }),
        json!({ "propertyNames": { "const": "a" } }),
        json!({ "propertyNames": false }),
        json!({ "propertyNames": { "type": "integer" } }),
        json!({ "if": { "type": "number" }, "then": { "minimum": 2 }, "else": { "maxLength": 1 } }),
        json!({ "if": { "required": ["a"] }, "else": { "required": ["b"] } }),
        json!({ "items": [true, false] }),
        json!({ "properties": { "a": false, "b": true }, "required": [] }),
        json!({ "dependencies": { "a": ["b"], "abc": false, "x-1": [] } }),
        json!({ "$defs": { "n": { "type": "integer" } }, "additionalProperties": { "$ref": "#/$defs/n", "maximum": 0 } }),
        json!({ "definitions": { "a/b": { "$id": "#short", "maxLength": 1 } }, "items": { "$ref": "#short" } }),
        json!({ "format": "date", "title": "t", "examples": [1] }),
        json!({ "not": { "const": 2, "type": "integer" } }),
        json!({ "oneOf": [{ "type": "integer" }, { "exclusiveMinimum": 1 }] }),
    ] {
        let translated = translate(&schema, Dialect::Draft07).unwrap();
        let (newer, older) = (build(&schema, Draft::Draft7), build(&translated, Draft::Draft4));
        for document in documents() {
            assert_eq!(
                newer.is_valid(&document),
                older.is_valid(&document),
                "{document} under {schema} and {translated}"
            );
        }
    }
}

#[test]
fn what_cannot_be_said_is_said_to_be_so() {
    for (schema, reason) in [
        (json!({ "format": "uri-template" }), "not checked alike"),
        (json!({ "propertyNames": { "format": "date" } }), "cannot be said by patterns"),
        (json!({ "contentEncoding": "base64" }), "asserted by some"),
        (json!({ "properties": { "a": { "unevaluatedProperties": false } } }), "later draft"),
        (json!({ "properties": { "a": 3 } }), "no schema"),
    ] {
        let problem = translate(&schema, Dialect::Draft07).unwrap_err();
        assert!(problem.contains(reason), "{schema}: {problem}");
    }
}

#[test]
fn draft_04_keeps_what_it_says() {
    let schema = json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": true, "const": 3, "required": [] });
    let kept = json!({ "type": "integer", "minimum": 1, "exclusiveMinimum": true, "const": 3 });
    assert_eq!(translate(&schema, Dialect::Draft04).unwrap(), kept);
}
