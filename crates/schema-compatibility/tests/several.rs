//! Changes that come together are told apart: each is shown by a document that it alone has
//! refused, those that break nobody are not shown by another's, and what is shown explains all.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use doorward_schema_compatibility::{Inclusion, Limits, Reading, Side, changes, explain};
use serde_json::{Value, json};

fn accepts(schema: &Value, document: &Value) -> bool {
    jsonschema::draft4::new(schema).unwrap().is_valid(document)
}

/// Codes of the changes that have documents of this side refused, by themselves or not; what they
/// leave unexplained must be nothing.
fn shown(old: &Value, new: &Value, writer: Side) -> Vec<(String, bool)> {
    let written = if writer == Side::Old { old } else { new };
    let reader = if writer == Side::Old { new } else { old };
    let told = changes(old, new).unwrap();
    let reading = Reading { old, new, writer, written };
    let explained = explain(&told, &reading, &Limits::default()).unwrap();
    assert_eq!(explained.rest, Inclusion::Proved, "{explained:?}");
    let shown = explained.shown.iter();
    shown
        .map(|shown| {
            let document = &shown.example.document;
            assert!(accepts(written, document) && !accepts(reader, document), "{shown:?}");
            (shown.change.code.to_string(), shown.alone)
        })
        .collect()
}

fn alone(codes: &[&str]) -> Vec<(String, bool)> {
    codes.iter().map(|code| ((*code).to_owned(), true)).collect()
}

fn together(codes: &[&str]) -> Vec<(String, bool)> {
    codes.iter().map(|code| ((*code).to_owned(), false)).collect()
}

fn order(parcels: [u32; 2], states: &[&str], required: &[&str]) -> Value {
    json!({
        "type": "object",
        "required": required,
        "additionalProperties": false,
        "properties": {
            "parcels": { "type": "integer", "minimum": parcels[0], "maximum": parcels[1] },
            "state": { "enum": states },
            "note": { "type": "string", "maxLength": 9 }
        }
    })
}

#[test]
fn each_of_several_changes_has_a_document_of_its_own() {
    let old = order([1, 1000], &["open", "shut", "ajar"], &["parcels"]);
    let mut new = order([1, 100], &["shut", "lost"], &["note"]);
    new["properties"]["fragile"] = json!({ "type": "boolean" });
    assert_eq!(
        shown(&old, &new, Side::Old),
        alone(&["maximum-lowered", "enum-word-removed", "enum-word-removed", "required-added"])
    );
    // The closed form has no room for a member that comes; an open one has.
    assert_eq!(
        shown(&old, &new, Side::New),
        alone(&["property-added", "enum-word-added", "required-removed"])
    );

    let open = |schema: &Value| {
        let mut open = schema.clone();
        open.as_object_mut().unwrap().remove("additionalProperties");
        open
    };
    let told = changes(&old, &new).unwrap();
    let (before, after) = (open(&old), open(&new));
    let reading = Reading { old: &before, new: &after, writer: Side::New, written: &new };
    let explained = explain(&told, &reading, &Limits::default()).unwrap();
    let codes: Vec<&str> = explained.shown.iter().map(|shown| shown.change.code.as_str()).collect();
    assert_eq!(codes, ["enum-word-added", "required-removed"], "what may come breaks nobody");
    assert!(explained.shown.iter().all(|shown| shown.alone), "{explained:?}");
    assert_eq!(explained.rest, Inclusion::Proved);
    for shown in &explained.shown {
        let errors = jsonschema::draft4::new(&before).unwrap();
        assert_eq!(errors.iter_errors(&shown.example.document).count(), 1, "{shown:?}");
    }
}

#[test]
fn a_document_that_other_changes_refuse_too_is_told_as_one() {
    // No number is one of both, so what lacks a member is refused for its number as well.
    let old = order([1, 9], &["open"], &["parcels", "note"]);
    let new = order([20, 30], &["open"], &["parcels"]);
    let told = shown(&old, &new, Side::New);
    assert_eq!(told[0], ("maximum-raised".to_owned(), true), "{told:?}");
    assert_eq!(told[1..], together(&["required-removed"]), "{told:?}");

    // The same bound twice: neither has anything refused that the other lets through.
    let twice = |most: u32| json!({ "maximum": most, "allOf": [{ "maximum": most }] });
    assert_eq!(
        shown(&twice(10), &twice(5), Side::Old),
        together(&["maximum-lowered", "maximum-lowered"])
    );
}

#[test]
fn elements_of_one_list_are_taken_out_together() {
    let words = |words: &[&str]| json!({ "enum": words });
    let old = words(&["a", "b", "c", "d", "e"]);
    assert_eq!(shown(&old, &words(&["b", "e"]), Side::Old), alone(&["enum-word-removed"; 3]));
    assert_eq!(shown(&old, &words(&["x"]), Side::Old), alone(&["enum-word-removed"; 5]));

    let kinds = |kinds: &[&str]| {
        let branches: Vec<Value> = kinds
            .iter()
            .map(
                |kind| json!({ "properties": { "a": { "enum": [kind, "z"] } }, "required": ["a"] }),
            )
            .collect();
        json!({ "type": "object", "anyOf": branches })
    };
    let (old, new) = (kinds(&["k", "l", "m", "n"]), kinds(&["l", "n"]));
    assert_eq!(shown(&old, &new, Side::Old), alone(&["any-of-branch-removed"; 2]));
    assert_eq!(shown(&new, &old, Side::New), alone(&["any-of-branch-added"; 2]));
}

#[test]
fn definitions_are_told_apart_behind_references() {
    let schema = |most: u32, least: u32, required: &[&str]| {
        json!({
            "$ref": "#/definitions/Order",
            "description": "Beside a reference nothing counts.",
            "allOf": [{ "not": {} }],
            "definitions": {
                "Order": {
                    "type": "object", "required": required, "additionalProperties": false,
                    "properties": { "a": { "$ref": "#/definitions/Name" }, "b": { "$ref": "#/definitions/Name" } }
                },
                "Name": { "type": "string", "minLength": least, "maxLength": most }
            }
        })
    };
    let (old, new) = (schema(9, 1, &["a"]), schema(5, 2, &["b"]));
    assert_eq!(
        shown(&old, &new, Side::Old),
        alone(&["max-length-lowered", "min-length-raised", "required-added"])
    );
    assert_eq!(shown(&old, &new, Side::New), alone(&["required-removed"]));
}

#[test]
fn a_change_at_one_place_is_none_of_the_definition_that_stood_there() {
    let schema = |a: &Value, most: u32, required: &[&str]| {
        json!({
            "type": "object", "required": required, "additionalProperties": false,
            "properties": { "a": a, "b": { "$ref": "#/definitions/Name" }, "c": { "$ref": "#/definitions/Name" } },
            "definitions": { "Name": { "type": "string", "minLength": 1, "maxLength": most } }
        })
    };
    let old = schema(&json!({ "$ref": "#/definitions/Name" }), 9, &["b"]);
    let new = schema(&json!({ "type": "integer", "minimum": 0 }), 5, &["c"]);
    assert_eq!(
        shown(&old, &new, Side::Old),
        alone(&["max-length-lowered", "type-changed", "required-added"])
    );
    assert_eq!(shown(&old, &new, Side::New), alone(&["type-changed", "required-removed"]));
    assert_eq!(shown(&new, &old, Side::Old), alone(&["type-changed", "required-added"]));
}
