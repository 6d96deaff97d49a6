//! A mutation for each change that must be caught: planted in a schema that has every keyword, it
//! is named by its code, refuted, and shown by a document that the validator confirms, by itself
//! and beside another.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]

use std::collections::BTreeSet;

use doorward_schema_compatibility::{
    Code, Effect, Explained, Inclusion, Limits, Reading, Side, changes, explain, included,
};
use jsonschema::Draft;
use serde_json::{Value, json};

fn base() -> Value {
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "type": "object",
        "required": ["id", "state"],
        "additionalProperties": false,
        "properties": {
            "id": { "$ref": "#/definitions/Name" },
            "state": { "enum": ["open", "closed", "ajar"] },
            "level": { "type": "integer", "minimum": 0, "maximum": 100 },
            "share": { "type": "number", "minimum": 0, "maximum": 1 },
            "tenths": { "type": "number", "multipleOf": 0.1, "minimum": 0, "maximum": 9 },
            "at": { "type": "string", "format": "date-time", "maxLength": 40 },
            "tags": { "type": "array", "items": { "$ref": "#/definitions/Name" }, "minItems": 1, "maxItems": 4, "uniqueItems": true },
            "pair": { "type": "array", "items": [{ "type": "string", "maxLength": 3 }, { "type": "integer", "minimum": 0, "maximum": 9 }], "additionalItems": false, "maxItems": 3 },
            "trio": { "type": "array", "items": [{ "type": "null" }], "maxItems": 3 },
            "map": { "type": "object", "additionalProperties": { "type": "boolean" }, "minProperties": 1, "maxProperties": 5 },
            "coded": { "type": "object", "patternProperties": { "^x-[a-z]{1,4}$": { "type": "integer", "minimum": 0, "maximum": 9 } }, "additionalProperties": false, "maxProperties": 5 },
            "loose": { "type": "object", "properties": { "a": { "type": "string", "maxLength": 2 } }, "dependencies": { "a": ["b"] }, "maxProperties": 9 },
            "either": { "anyOf": [{ "type": "string", "maxLength": 5 }, { "type": "null" }] },
            "one": { "oneOf": [{ "type": "string", "maxLength": 5 }, { "type": "boolean" }] },
            "both": { "type": "string", "maxLength": 9, "allOf": [{ "pattern": "^[a-z]+$" }] },
            "never": { "type": "string", "maxLength": 9, "not": { "enum": ["root"] } }
        },
        "definitions": {
            "Name": { "type": "string", "minLength": 1, "maxLength": 16, "pattern": "^[a-z0-9_]+$" }
        }
    })
}

/// How far the second of two planted changes stands behind the first.
const APART: usize = 17;

/// What the planted change may cost.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Loses {
    /// Old documents become invalid.
    Old,
    /// New documents were invalid before.
    New,
    /// Both.
    Each,
}

/// Place, the value put there (none: removed), the code that must be told, what is lost.
fn mutations() -> Vec<(&'static str, Option<Value>, &'static str, Loses)> {
    use Loses::{Each, New, Old};
    let name = "/definitions/Name";
    assert!(base().pointer(name).is_some());
    vec![
        ("/definitions/Name/maxLength", Some(json!(8)), "max-length-lowered", Old),
        ("/definitions/Name/maxLength", Some(json!(20)), "max-length-raised", New),
        ("/definitions/Name/maxLength", None, "max-length-removed", New),
        ("/definitions/Name/minLength", Some(json!(2)), "min-length-raised", Old),
        ("/properties/both/minLength", Some(json!(3)), "min-length-added", Old),
        ("/definitions/Name/pattern", Some(json!("^[a-z0-9]+$")), "pattern-changed", Old),
        ("/definitions/Name/pattern", None, "pattern-removed", New),
        ("/properties/never/pattern", Some(json!("^[a-z]*$")), "pattern-added", Old),
        ("/properties/at/format", None, "format-removed", New),
        ("/properties/at/format", Some(json!("date")), "format-changed", Each),
        ("/properties/never/format", Some(json!("ipv4")), "format-added", Old),
        ("/properties/state/enum/1", None, "enum-word-removed", Old),
        ("/properties/state/enum/3", Some(json!("locked")), "enum-word-added", New),
        ("/properties/never/enum", Some(json!(["a"])), "enum-added", Old),
        ("/properties/state/enum", None, "enum-removed", New),
        ("/properties/level/minimum", Some(json!(1)), "minimum-raised", Old),
        ("/properties/level/minimum", Some(json!(-1)), "minimum-lowered", New),
        ("/properties/level/minimum", None, "minimum-removed", New),
        ("/properties/level/maximum", Some(json!(99)), "maximum-lowered", Old),
        ("/properties/level/maximum", Some(json!(101)), "maximum-raised", New),
        ("/properties/level/maximum", None, "maximum-removed", New),
        ("/properties/share/exclusiveMinimum", Some(json!(true)), "minimum-raised", Old),
        ("/properties/share/exclusiveMaximum", Some(json!(true)), "maximum-lowered", Old),
        ("/properties/tenths/multipleOf", Some(json!(0.3)), "multiple-of-changed", Old),
        ("/properties/tenths/multipleOf", None, "multiple-of-removed", New),
        ("/properties/level/multipleOf", Some(json!(5)), "multiple-of-added", Old),
        ("/properties/share/type", Some(json!("integer")), "type-narrowed", Old),
        ("/properties/level/type", Some(json!(["integer", "null"])), "type-widened", New),
        ("/properties/share/type", Some(json!("string")), "type-changed", Each),
        ("/properties/level/type", None, "type-widened", New),
        ("/required/2", Some(json!("level")), "required-added", Old),
        ("/required/1", None, "required-removed", New),
        ("/additionalProperties", None, "additional-properties-opened", New),
        (
            "/properties/loose/additionalProperties",
            Some(json!(false)),
            "additional-properties-closed",
            Old,
        ),
        (
            "/properties/map/additionalProperties",
            Some(json!(false)),
            "additional-properties-narrowed",
            Old,
        ),
        (
            "/properties/map/additionalProperties",
            Some(json!(true)),
            "additional-properties-widened",
            New,
        ),
        ("/properties/map/additionalProperties/type", Some(json!("string")), "type-changed", Each),
        ("/properties/level", None, "property-removed", Old),
        ("/properties/loose/properties/a", None, "property-removed", New),
        ("/properties/extra", Some(json!({ "type": "null" })), "property-added", New),
        ("/properties/loose/properties/c", Some(json!({ "type": "null" })), "property-added", Old),
        ("/properties/map/minProperties", Some(json!(2)), "min-properties-raised", Old),
        ("/properties/map/minProperties", None, "min-properties-removed", New),
        ("/properties/map/maxProperties", Some(json!(4)), "max-properties-lowered", Old),
        ("/properties/map/maxProperties", Some(json!(6)), "max-properties-raised", New),
        ("/properties/map/maxProperties", None, "max-properties-removed", New),
        ("/properties/coded/patternProperties/^y$", Some(json!({})), "pattern-property-added", New),
        (
            "/properties/coded/patternProperties/^x-[a-z]{1,4}$",
            None,
            "pattern-property-removed",
            Old,
        ),
        (
            "/properties/coded/patternProperties/^x-[a-z]{1,4}$/maximum",
            Some(json!(8)),
            "maximum-lowered",
            Old,
        ),
        ("/properties/tags/minItems", Some(json!(2)), "min-items-raised", Old),
        ("/properties/tags/minItems", None, "min-items-removed", New),
        ("/properties/tags/maxItems", Some(json!(3)), "max-items-lowered", Old),
        ("/properties/tags/maxItems", Some(json!(5)), "max-items-raised", New),
        ("/properties/tags/maxItems", None, "max-items-removed", New),
        ("/properties/tags/uniqueItems", None, "unique-items-removed", New),
        ("/properties/trio/uniqueItems", Some(json!(true)), "unique-items-added", Old),
        ("/properties/tags/items", None, "items-removed", New),
        ("/properties/trio/items", Some(json!({ "type": "null" })), "items-changed", Old),
        ("/properties/pair/items/1/maximum", Some(json!(8)), "maximum-lowered", Old),
        ("/properties/pair/additionalItems", None, "additional-items-opened", New),
        ("/properties/trio/additionalItems", Some(json!(false)), "additional-items-closed", Old),
        (
            "/properties/trio/additionalItems",
            Some(json!({ "type": "string" })),
            "additional-items-narrowed",
            Old,
        ),
        ("/properties/loose/dependencies/a", Some(json!(["b", "c"])), "dependency-changed", Old),
        ("/properties/loose/dependencies/a", None, "dependency-removed", New),
        ("/properties/loose/dependencies/b", Some(json!(["a"])), "dependency-added", Old),
        ("/properties/either/anyOf/1", None, "any-of-branch-removed", Old),
        (
            "/properties/either/anyOf/2",
            Some(json!({ "type": "boolean" })),
            "any-of-branch-added",
            New,
        ),
        ("/properties/either/anyOf/0/maxLength", Some(json!(4)), "max-length-lowered", Old),
        ("/properties/either/anyOf", None, "any-of-removed", New),
        ("/properties/level/anyOf", Some(json!([{ "minimum": 5 }])), "any-of-added", Old),
        ("/properties/one/oneOf/1", None, "one-of-branch-removed", Old),
        ("/properties/one/oneOf/2", Some(json!({ "maxLength": 2 })), "one-of-branch-added", Each),
        ("/properties/one/oneOf", None, "one-of-removed", New),
        ("/properties/level/oneOf", Some(json!([{ "minimum": 5 }])), "one-of-added", Old),
        ("/properties/both/allOf", None, "all-of-removed", New),
        ("/properties/both/allOf/1", Some(json!({ "minLength": 2 })), "all-of-added", Old),
        ("/properties/never/not", None, "not-removed", New),
        ("/properties/level/not", Some(json!({ "enum": [7] })), "not-added", Old),
        ("/properties/never/not/enum/1", Some(json!("admin")), "enum-word-added", Old),
    ]
}

fn planted(place: &str, value: Option<Value>) -> Value {
    plant(base(), place, value)
}

fn plant(mut schema: Value, place: &str, value: Option<Value>) -> Value {
    let (parent, token) = place.rsplit_once('/').unwrap();
    let token = token.replace("~1", "/");
    match schema.pointer_mut(parent) {
        Some(Value::Object(members)) => match value {
            Some(value) => drop(members.insert(token, value)),
            None => assert!(members.remove(&token).is_some(), "{place}"),
        },
        Some(Value::Array(items)) => match value {
            Some(value) => items.push(value),
            None => drop(items.remove(token.parse().unwrap())),
        },
        _ => {
            let (above, keyword) = parent.rsplit_once('/').unwrap();
            schema.pointer_mut(above).unwrap()[keyword] = json!({ token: value.unwrap() });
        }
    }
    schema
}

fn refuted(sub: &Value, sup: &Value) -> bool {
    match included(sub, sup, &Limits::default()).unwrap() {
        Inclusion::Proved => false,
        Inclusion::Refuted(found) => {
            let build = |schema| {
                jsonschema::options()
                    .with_draft(Draft::Draft4)
                    .should_validate_formats(true)
                    .build(schema)
                    .unwrap()
            };
            assert!(
                build(sub).is_valid(&found.document) && !build(sup).is_valid(&found.document),
                "{found:?}"
            );
            true
        }
        Inclusion::Undecided(gap) => panic!("{gap:?}"),
    }
}

/// The changes that have documents of this side refused, and whether by themselves.
fn shown(old: &Value, new: &Value, writer: Side) -> Vec<(String, bool)> {
    let told = changes(old, new).unwrap();
    let written = if writer == Side::Old { old } else { new };
    let reading = Reading { old, new, writer, written };
    let Explained { shown, rest } = explain(&told, &reading, &Limits::default()).unwrap();
    assert_eq!(rest, Inclusion::Proved, "{told:?} leave something open");
    shown.iter().map(|shown| (shown.change.pointer.clone(), shown.alone)).collect()
}

/// What each change refuses by itself it refuses beside the other, by a document of its own.
#[test]
fn two_planted_changes_are_told_apart() {
    let all = mutations();
    let old = base();
    let root = |place: &str| place.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let mut tried = 0;
    for (n, (one, value, ..)) in all.iter().enumerate() {
        let (other, beside, ..) = &all[(n + APART) % all.len()];
        // Of one member, the one may undo the other.
        if root(one) == root(other) || one.rfind('/') == Some(0) || other.rfind('/') == Some(0) {
            continue;
        }
        tried += 1;
        let both = plant(planted(one, value.clone()), other, beside.clone());
        for side in [Side::Old, Side::New] {
            let mut apart: Vec<(String, bool)> = [(one, value), (other, beside)]
                .into_iter()
                .flat_map(|(place, value)| shown(&old, &planted(place, value.clone()), side))
                .collect();
            apart.sort();
            assert_eq!(shown(&old, &both, side), apart, "{one} and {other}, {side}");
        }
    }
    assert!(tried > 60, "{tried}");
}

#[test]
fn every_planted_change_is_named_refuted_and_shown() {
    let old = base();
    let mut missing: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    for (place, value, code, loses) in mutations() {
        let new = planted(place, value);
        let told = changes(&old, &new).unwrap();
        let change = told.iter().find(|change| change.code.as_str() == code);
        let change = change.unwrap_or_else(|| panic!("{place}: {code} is not among {told:?}"));
        let schema = if change.side.as_str() == "old" { &old } else { &new };
        assert!(schema.pointer(&change.pointer).is_some(), "{place}: {change:?} is nowhere");
        missing.remove(code);
        for opposite in changes(&new, &old).unwrap() {
            missing.remove(opposite.code.as_str());
        }

        assert_eq!(refuted(&old, &new), loses != Loses::New, "{place}: {code}: old in new");
        assert_eq!(refuted(&new, &old), loses != Loses::Old, "{place}: {code}: new in old");
        for (side, lost) in [(Side::Old, loses != Loses::New), (Side::New, loses != Loses::Old)] {
            let shown = shown(&old, &new, side);
            let expected = if lost { vec![(change.pointer.clone(), true)] } else { Vec::new() };
            assert_eq!(shown, expected, "{place}: {code}: documents of the {side} side");
        }
        match change.effect {
            Effect::Narrows => assert_eq!(loses, Loses::Old, "{place}: {code}"),
            Effect::Widens => assert_eq!(loses, Loses::New, "{place}: {code}"),
            Effect::Both | Effect::Unknown => {}
            Effect::Neither => panic!("{place}: {code} has an effect"),
        }
    }
    // What is not planted itself is the opposite of something planted; an annotation has its own test.
    assert_eq!(
        missing.into_iter().collect::<Vec<_>>(),
        ["annotation-changed"],
        "codes without a mutation"
    );
}

#[test]
fn a_definition_that_only_moves_is_no_change() {
    let old = base();
    let mut new = old.clone();
    let name = new["definitions"].as_object_mut().unwrap().remove("Name").unwrap();
    new["definitions"]["Identifier"] = name;
    new["properties"]["id"]["$ref"] = json!("#/definitions/Identifier");
    new["properties"]["tags"]["items"]["$ref"] = json!("#/definitions/Identifier");
    assert_eq!(changes(&old, &new).unwrap(), []);
    assert!(!refuted(&old, &new) && !refuted(&new, &old));
}

#[test]
fn an_annotation_changes_no_verdict() {
    let old = base();
    let mut new = old.clone();
    new["properties"]["level"]["description"] = json!("How full");
    let told = changes(&old, &new).unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].code.as_str(), told[0].effect), ("annotation-changed", Effect::Neither));
    assert_eq!(shown(&old, &new, Side::Old), []);
}
