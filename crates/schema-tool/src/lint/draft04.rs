//! Draft-04 and its traps: what a validator of this draft skips without a word, or reads otherwise
//! than its author meant.

use doorward_schema_repository::Document;
use doorward_schema_repository::references::nearest;
use doorward_schema_repository::walk::each_schema_at;
use serde_json::{Map, Value};

use super::pattern;
use crate::finding::Finding;

/// The keywords that this repository uses.
const KEYWORDS: [&str; 28] = [
    "$ref",
    "$schema",
    "title",
    "description",
    "default",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxProperties",
    "minProperties",
    "required",
    "properties",
    "patternProperties",
    "items",
    "enum",
    "type",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
];
const ALSO: [&str; 2] = ["definitions", "format"];
/// Keywords of Draft-04 that composing, bindings and generators do not read, and what to do.
const UNREAD: [(&str, &str); 4] = [
    (
        "additionalProperties",
        "leave it out: the writer's form closes objects, the reader's opens them; a map has patternProperties",
    ),
    ("additionalItems", "give all items one schema in `items`"),
    ("dependencies", "say it in the description, or make two types"),
    ("id", "leave it out: definitions are found by their file"),
];
/// Keywords of later drafts, and what Draft-04 has instead.
const LATER: [(&str, &str); 25] = [
    ("const", "write \"enum\" with the one value"),
    ("contains", "leave it out: Draft-04 cannot say it"),
    ("if", "write it with anyOf and not, or make two types"),
    ("then", "write it with anyOf and not, or make two types"),
    ("else", "write it with anyOf and not, or make two types"),
    ("propertyNames", "write the keys' pattern under patternProperties"),
    ("$defs", "write \"definitions\", in a file of core/"),
    ("$id", "leave it out: definitions are found by their file"),
    ("$anchor", "leave it out: definitions are found by their file"),
    ("$dynamicRef", "write $ref"),
    ("$recursiveRef", "write $ref"),
    ("$comment", "write it into the description"),
    ("$vocabulary", "leave it out"),
    ("examples", "put examples into the folder examples/"),
    ("dependentRequired", "say it in the description, or make two types"),
    ("dependentSchemas", "say it in the description, or make two types"),
    ("unevaluatedProperties", "leave it out: the writer's form closes objects"),
    ("unevaluatedItems", "leave it out"),
    ("prefixItems", "give all items one schema in `items`"),
    ("minContains", "leave it out: Draft-04 cannot say it"),
    ("maxContains", "leave it out: Draft-04 cannot say it"),
    ("contentEncoding", "write a pattern"),
    ("contentMediaType", "say it in the description"),
    ("readOnly", "leave it out: events are only read"),
    ("writeOnly", "leave it out"),
];

/// Everything about the keywords of one document.
pub fn check(document: &Document, findings: &mut Vec<Finding>) {
    each_schema_at(&document.value, &mut |at, schema| {
        keywords(document, at, schema, findings);
        numbers(document, at, schema, findings);
        texts(document, at, schema, findings);
        required(document, at, schema, findings);
    });
    // What the meta-schema says of a keyword that a rule above has named is the same thing twice.
    if findings.iter().any(|finding| finding.place.file == document.file) {
        return;
    }
    if let Err(error) = jsonschema::draft4::meta::validate(&document.value) {
        let at = error.instance_path().as_str().to_owned();
        findings.push(Finding::at(
            document,
            &at,
            "schema-invalid",
            error.to_string(),
            "write it as Draft-04 defines the keyword",
        ));
    }
}

fn keywords(document: &Document, at: &str, schema: &Map<String, Value>, out: &mut Vec<Finding>) {
    let has_ref = schema.contains_key("$ref");
    for keyword in schema.keys() {
        let here = format!("{at}/{}", doorward_schema_repository::places::step(keyword));
        let word = keyword.as_str();
        let mut found = |rule, what: String, remedy: &str| {
            out.push(Finding::at(document, &here, rule, what, remedy));
        };
        if let Some((_, instead)) = LATER.iter().find(|(later, _)| *later == word) {
            found("later-keyword", format!("Draft-04 has no {word:?} and skips it"), instead);
        } else if let Some((_, instead)) = UNREAD.iter().find(|(unread, _)| *unread == word) {
            found("unread-keyword", format!("{word:?} is read by no form and no binding"), instead);
        } else if !KEYWORDS.contains(&word) && !ALSO.contains(&word) && !word.starts_with("x-") {
            let near = nearest(word, KEYWORDS.into_iter().chain(ALSO));
            let remedy = near.map_or_else(
                || "leave it out, or begin an annotation with x-".to_owned(),
                |near| format!("did you mean {near:?}?"),
            );
            found("unknown-keyword", format!("{word:?} is no keyword of Draft-04"), &remedy);
        } else if has_ref
            && !matches!(word, "$ref" | "description" | "title")
            && !word.starts_with("x-")
        {
            found(
                "ref-sibling",
                format!("{word:?} stands beside $ref, where Draft-04 ignores it"),
                "move it into the definition, or make a definition that has both",
            );
        }
    }
    if matches!(schema.get("items"), Some(Value::Array(_))) {
        out.push(Finding::at(
            document,
            &format!("{at}/items"),
            "unread-keyword",
            "a list of schemas for items",
            "give all items one schema; for a tuple make an object with named members",
        ));
    }
    let holds = ["type", "$ref", "enum", "allOf", "anyOf", "oneOf", "not", "definitions"];
    if !holds.iter().any(|keyword| schema.contains_key(*keyword)) && !at.ends_with("/not") {
        out.push(Finding::at(
            document,
            at,
            "type-missing",
            "it accepts a value of any type",
            "add \"type\", or refer to a definition",
        ));
    }
}

fn numbers(document: &Document, at: &str, schema: &Map<String, Value>, out: &mut Vec<Finding>) {
    let mut found = |keyword: &str, rule, what: String, remedy: &str| {
        out.push(Finding::at(document, &format!("{at}/{keyword}"), rule, what, remedy));
    };
    for (keyword, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match schema.get(keyword) {
            Some(Value::Number(number)) => found(
                keyword,
                "numeric-exclusive",
                format!("{keyword} is a number, which Draft-04 does not read as a bound"),
                &format!("write \"{bound}\": {number}, \"{keyword}\": true"),
            ),
            Some(_) if !schema.contains_key(bound) => found(
                keyword,
                "numeric-exclusive",
                format!("{keyword} without {bound} says nothing"),
                &format!("add \"{bound}\""),
            ),
            _ => {}
        }
    }
    let is_integer = schema.get("type").and_then(Value::as_str) == Some("integer");
    if is_integer {
        for keyword in ["minimum", "maximum", "multipleOf"] {
            if let Some(number) = schema.get(keyword).filter(|number| number.is_f64()) {
                found(
                    keyword,
                    "float-in-integer",
                    format!("{number} is no integer in Draft-04"),
                    "write it without a fraction",
                );
            }
        }
    }
    let divisor = schema.get("multipleOf").filter(|divisor| divisor.is_f64());
    if let Some(divisor) = divisor.filter(|_| !is_integer) {
        found(
            "multipleOf",
            "fraction-multiple",
            format!("a multiple of {divisor} is reckoned differently by each language"),
            "count in the smaller unit, as an integer",
        );
    }
    let pairs = [
        ("minimum", "maximum"),
        ("minLength", "maxLength"),
        ("minItems", "maxItems"),
        ("minProperties", "maxProperties"),
    ];
    for (lower, upper) in pairs {
        let number = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
        if let (Some(least), Some(most)) = (number(lower), number(upper))
            && least > most
        {
            found(
                lower,
                "bound-reversed",
                format!("{lower} {least} is above {upper} {most}: nothing is valid"),
                "mend one of them",
            );
        }
    }
}

fn texts(document: &Document, at: &str, schema: &Map<String, Value>, out: &mut Vec<Finding>) {
    let mut found = |keyword: &str, rule, what: String, remedy: &str| {
        out.push(Finding::at(document, &format!("{at}/{keyword}"), rule, what, remedy));
    };
    if schema.contains_key("format") && !schema.contains_key("pattern") {
        found(
            "format",
            "format-unasserted",
            "validators need not assert a format".to_owned(),
            "add a pattern that says the same",
        );
    }
    if let Some(text) = schema.get("pattern").and_then(Value::as_str) {
        // What is excluded may be excluded by its beginning alone.
        pattern_of(text, at.ends_with("/not"), |rule, what, remedy| {
            found("pattern", rule, what, remedy);
        });
    }
    for key in schema.get("patternProperties").and_then(Value::as_object).into_iter().flatten() {
        let here = format!("patternProperties/{}", doorward_schema_repository::places::step(key.0));
        pattern_of(key.0, false, |rule, what, remedy| found(&here, rule, what, remedy));
    }
    let Some(words) = schema.get("enum").and_then(Value::as_array) else { return };
    let Some(kind) = schema.get("type").and_then(Value::as_str) else {
        found("enum", "enum-mismatch", "an enum without a type".to_owned(), "add \"type\"");
        return;
    };
    for (index, word) in words.iter().enumerate() {
        let here = format!("enum/{index}");
        let fits = match kind {
            "string" => word.is_string(),
            "integer" => word.is_i64() || word.is_u64(),
            "number" => word.is_number(),
            "boolean" => word.is_boolean(),
            "null" => word.is_null(),
            "array" => word.is_array(),
            _ => word.is_object(),
        };
        if kind == "integer" && word.is_f64() {
            found(
                &here,
                "float-in-integer",
                format!("{word} is no integer in Draft-04"),
                "write it without a fraction",
            );
        } else if !fits {
            found(&here, "enum-mismatch", format!("{word} is no {kind}"), "mend word or type");
        }
    }
}

fn pattern_of(text: &str, excluding: bool, mut found: impl FnMut(&'static str, String, &str)) {
    match pattern::read(text) {
        Err(why) => found(
            "pattern-invalid",
            format!("{text:?}: {why}"),
            "use classes, groups, alternatives, repetition and anchors only",
        ),
        Ok(shape) if !shape.anchored && !excluding => found(
            "pattern-open",
            format!("{text:?} may match a part of a text alone"),
            "begin it with ^ and end it with $, around all alternatives",
        ),
        Ok(_) => {}
    }
}

fn required(document: &Document, at: &str, schema: &Map<String, Value>, out: &mut Vec<Finding>) {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    for (index, name) in names.enumerate() {
        let Some(name) = name.as_str() else { continue };
        if !properties.contains_key(name) {
            let near = nearest(name, properties.keys().map(String::as_str));
            let remedy = near.map_or_else(
                || "add the member to properties".to_owned(),
                |near| format!("did you mean {near:?}?"),
            );
            out.push(Finding::at(
                document,
                &format!("{at}/required/{index}"),
                "required-unknown",
                format!("{name:?} is required, but properties has no such member"),
                remedy,
            ));
        }
    }
}
