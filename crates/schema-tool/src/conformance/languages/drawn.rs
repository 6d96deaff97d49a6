//! Schemas and documents drawn by a seed: each keyword that a schema may hold, combined with
//! others and nested, and documents near what it accepts. All are texts, since `1.0` is not `1`.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::Question;

/// Keywords, and the type of what they judge; none: of anything.
pub const KEYWORDS: [(&str, &str); 27] = [
    ("type", ""),
    ("enum", ""),
    ("minimum", "number"),
    ("maximum", "number"),
    ("exclusiveMinimum", "number"),
    ("exclusiveMaximum", "number"),
    ("multipleOf", "number"),
    ("minLength", "string"),
    ("maxLength", "string"),
    ("pattern", "string"),
    ("format", "string"),
    ("minItems", "array"),
    ("maxItems", "array"),
    ("uniqueItems", "array"),
    ("items", "array"),
    ("additionalItems", "array"),
    ("minProperties", "object"),
    ("maxProperties", "object"),
    ("required", "object"),
    ("properties", "object"),
    ("patternProperties", "object"),
    ("additionalProperties", "object"),
    ("dependencies", "object"),
    ("allOf", ""),
    ("anyOf", ""),
    ("oneOf", ""),
    ("not", ""),
];

const DEFINITIONS: u8 = 3;
const TYPES: [&str; 7] = ["null", "boolean", "integer", "number", "string", "array", "object"];
/// As they are written; what is equal and written otherwise stands side by side.
const NUMBERS: [&str; 36] = [
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "1.0",
    "1e0",
    "10E-1",
    "2",
    "2.0",
    "2.5",
    "-3",
    "-3.0",
    "7",
    "100",
    "1e2",
    "0.1",
    "1e-7",
    "5e-324",
    "9007199254740991",
    "9007199254740992",
    "9007199254740993",
    "9007199254740992.0",
    "9007199254740993.0",
    "-9007199254740993",
    "1000000000000000000",
    "1e18",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "-9223372036854775809",
    "18446744073709551615",
    "18446744073709551616",
    "18446744073709551615.0",
    "123456789012345678901234567890",
    "1.7e308",
];
const TEXTS: [&str; 26] = [
    "",
    "a",
    "b",
    "ab",
    "ba",
    "aab",
    "abc",
    "c7",
    "$",
    "42",
    "é",
    "e\u{301}",
    "ü",
    "😀",
    "😀😀",
    "a😀",
    "😀a😁",
    "\u{10ffff}",
    "a\n",
    "\n",
    "\u{0}",
    "٣",
    "\u{fe0f}\u{200d}",
    "2026-11-21T08:00:00Z",
    "2016-12-31T23:59:60Z",
    "2026-02-29T08:00:00Z",
];
const NAMES: [&str; 15] = [
    "a",
    "b",
    "ab",
    "c7",
    "",
    "é",
    "😀",
    "__proto__",
    "constructor",
    "length",
    "toString",
    "a/b",
    "~1",
    "$ref",
    "enum",
];
/// Within what all languages read alike.
const PATTERNS: [&str; 18] = [
    "^a",
    "b$",
    "^[ab]*$",
    "^(ab|c[0-9])$",
    "^[^a]+$",
    "^[a-z]{1,2}$",
    "^[^\\u0000-\\u001f]*$",
    "^\\$$",
    "^$",
    "$",
    "^[à-ü]$",
    "^😀+$",
    "^[😀-😂]{2}$",
    "^[^a]{1}$",
    "a|^$",
    "[0-9]{2,}",
    "^[ -~]*$",
    "^a$|^b$",
];

/// Draws. The number is that of the first definition that may be referred to: each names later ones
/// only, since one that holds itself without a member between is no schema.
pub struct Draw(Rng, u8);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed), 0)
    }

    /// A schema with the keyword at its top, and documents for it.
    pub fn question(&mut self, keyword: &str, documents: usize) -> Question {
        let mut schema = self.schema(3, Some(keyword));
        if let Some(members) = schema.as_object_mut() {
            let definitions: Map<String, Value> = (0..DEFINITIONS)
                .map(|n| {
                    self.1 = n + 1;
                    let mut inner = self.schema(1, None);
                    if n == 2 {
                        // One that holds itself, a level further down.
                        inner = json!({ "properties": { "a": { "$ref": "#/definitions/d2" }, "b": inner } });
                    }
                    (format!("d{n}"), inner)
                })
                .collect();
            members.insert("definitions".to_owned(), Value::Object(definitions));
            self.1 = 0;
        }
        let documents = (0..documents).map(|_| self.document(&schema, &schema, 4)).collect();
        Question { schema: schema.to_string(), documents }
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        self.0.choice(of).copied().unwrap_or_default()
    }

    fn number(&mut self) -> Value {
        serde_json::from_str(self.one(&NUMBERS)).unwrap()
    }

    fn schema(&mut self, depth: usize, keyword: Option<&str>) -> Value {
        if keyword.is_none() && self.1 < DEFINITIONS && self.0.u8(..8) == 0 {
            // What stands beside it does not count.
            let name = self.0.u8(self.1..DEFINITIONS);
            return json!({ "$ref": format!("#/definitions/d{name}"), "maxLength": 0, "enum": [] });
        }
        let mut members = Map::new();
        let chosen = keyword.or_else(|| self.0.choice(KEYWORDS).map(|(word, _)| word));
        let kind = KEYWORDS.iter().find(|(word, _)| Some(*word) == chosen).map_or("", |k| k.1);
        for keyword in chosen.into_iter().chain(self.beside(kind)) {
            let value = self.value(keyword, depth.saturating_sub(1));
            members.insert(keyword.to_owned(), value);
            // What says nothing without another.
            let (other, value) = match keyword {
                "exclusiveMinimum" => ("minimum", self.number()),
                "exclusiveMaximum" => ("maximum", self.number()),
                "additionalItems" => ("items", json!([self.inner(0)])),
                _ => continue,
            };
            members.insert(other.to_owned(), value);
        }
        Value::Object(members)
    }

    /// Up to two more keywords that judge the same type.
    fn beside(&mut self, kind: &str) -> Vec<&'static str> {
        let alike: Vec<&'static str> =
            KEYWORDS.iter().filter(|(_, of)| *of == kind).map(|(word, _)| *word).collect();
        let count = self.0.usize(..3);
        (0..count).filter_map(|_| self.0.choice(&alike).copied()).collect()
    }

    fn value(&mut self, keyword: &str, depth: usize) -> Value {
        match keyword {
            "type" if self.0.bool() => json!(self.one(&TYPES)),
            "type" => {
                let from = self.0.usize(..TYPES.len() - 1);
                json!(TYPES[from..from + 2])
            }
            "enum" => {
                let words = (0..self.0.usize(1..4)).map(|_| self.any(2));
                let words: Vec<String> = words.collect();
                let mut words: Vec<Value> =
                    words.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
                words.dedup();
                Value::Array(words)
            }
            "minimum" | "maximum" => self.number(),
            "exclusiveMinimum" | "exclusiveMaximum" | "uniqueItems" => {
                json!(self.0.u8(..4) > 0)
            }
            "multipleOf" => {
                let divisors = [1, 2, 3, 7, 10, 1_000_000_007, 9_007_199_254_740_991_u64];
                json!(self.0.choice(divisors))
            }
            "minLength" | "maxLength" | "minItems" | "maxItems" | "minProperties"
            | "maxProperties" => json!(self.0.u8(..4)),
            "pattern" => json!(self.one(&PATTERNS)),
            "format" => json!("date-time"),
            "items" if depth == 0 || self.0.bool() => self.inner(depth),
            "items" => Value::Array((0..self.0.usize(1..3)).map(|_| self.inner(depth)).collect()),
            "additionalItems" | "additionalProperties" => match self.0.u8(..3) {
                0 => json!(false),
                1 => json!(true),
                _ => self.inner(depth),
            },
            "required" => json!(self.names()),
            "properties" => {
                let names = self.names();
                Value::Object(names.into_iter().map(|n| (n, self.inner(depth))).collect())
            }
            "patternProperties" => {
                let patterns = (0..self.0.usize(1..3)).map(|_| self.one(&PATTERNS).to_owned());
                let patterns: Vec<String> = patterns.collect();
                Value::Object(patterns.into_iter().map(|p| (p, self.inner(depth))).collect())
            }
            "dependencies" => {
                let names = self.names();
                let rule = |name| {
                    let needs = if self.0.bool() { json!(self.names()) } else { self.inner(depth) };
                    (name, needs)
                };
                Value::Object(names.into_iter().map(rule).collect())
            }
            "not" => self.inner(depth),
            _ => Value::Array((0..self.0.usize(1..4)).map(|_| self.inner(depth)).collect()),
        }
    }

    fn inner(&mut self, depth: usize) -> Value {
        if depth > 0 {
            return self.schema(depth, None);
        }
        match self.0.u8(..4) {
            0 => json!({}),
            1 if self.1 < DEFINITIONS => json!({ "$ref": "#/definitions/d2" }),
            _ => json!({ "type": self.one(&TYPES) }),
        }
    }

    fn names(&mut self) -> Vec<String> {
        let mut names: Vec<String> =
            (0..self.0.usize(1..4)).map(|_| self.one(&NAMES).to_owned()).collect();
        names.sort();
        names.dedup();
        names
    }

    /// A document that the schema may accept: by its type, its members and its items.
    fn document(&mut self, schema: &Value, root: &Value, depth: usize) -> String {
        if depth == 0 || self.0.u8(..6) == 0 {
            return self.any(depth.min(2));
        }
        if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
            let target = root.pointer(name.trim_start_matches('#')).unwrap_or(&Value::Null);
            return self.document(target, root, depth - 1);
        }
        let mut list = |keyword: &str| {
            schema.get(keyword).and_then(Value::as_array).and_then(|all| self.0.choice(all))
        };
        if let Some(word) = list("enum") {
            return word.to_string();
        }
        if let Some(inner) = list("allOf").or_else(|| list("anyOf")).or_else(|| list("oneOf")) {
            return self.document(inner, root, depth - 1);
        }
        let named = match schema.get("type") {
            Some(Value::Array(words)) => self.0.choice(words).and_then(Value::as_str),
            other => other.and_then(Value::as_str),
        };
        let kind = named.or_else(|| {
            let judged = |word: &String| KEYWORDS.iter().find(|(one, _)| one == word);
            let words: Vec<&String> = schema.as_object().into_iter().flat_map(Map::keys).collect();
            words.into_iter().filter_map(judged).map(|(_, of)| *of).find(|of| !of.is_empty())
        });
        match kind {
            Some("object") => self.object(schema, root, depth - 1),
            Some("array") => self.array(schema, root, depth - 1),
            Some("string") => json!(self.one(&TEXTS)).to_string(),
            Some("number" | "integer") => match schema.get("minimum").or(schema.get("maximum")) {
                Some(bound) if self.0.bool() => bound.to_string(),
                _ => self.one(&NUMBERS).to_owned(),
            },
            Some("boolean") => self.0.bool().to_string(),
            Some("null") => "null".to_owned(),
            _ => self.any(depth.min(2)),
        }
    }

    fn object(&mut self, schema: &Value, root: &Value, depth: usize) -> String {
        let texts = |word: &str| schema.get(word).and_then(Value::as_object).cloned();
        let properties = texts("properties").unwrap_or_default();
        let required = schema.get("required").and_then(Value::as_array).cloned();
        let names = required.unwrap_or_default();
        let mut wanted: Vec<String> =
            names.iter().filter_map(Value::as_str).map(str::to_owned).collect();
        wanted.extend(properties.keys().cloned());
        wanted.extend(texts("dependencies").unwrap_or_default().keys().cloned());
        wanted.retain(|_| self.0.u8(..5) > 0);
        let more = self.0.usize(..3);
        wanted.extend((0..more).map(|_| self.one(&NAMES).to_owned()));
        wanted.sort();
        wanted.dedup();
        // Written by hand, so that numbers stay as they are written.
        let parts = wanted.into_iter().map(|name| {
            let of = properties.get(&name).or(schema.get("additionalProperties"));
            let text = match of {
                Some(of) => self.document(of, root, depth),
                None => self.any(1),
            };
            format!("{}:{text}", json!(name))
        });
        format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
    }

    fn array(&mut self, schema: &Value, root: &Value, depth: usize) -> String {
        let mut items: Vec<String> = Vec::new();
        for n in 0..self.0.usize(..4) {
            let of = match schema.get("items") {
                Some(Value::Array(list)) => list.get(n).or(schema.get("additionalItems")),
                other => other,
            };
            // The same again, perhaps written otherwise.
            let text = match (self.0.u8(..4), items.last(), of) {
                (0, Some(last), _) => again(last),
                (_, _, Some(of)) => self.document(of, root, depth),
                _ => self.any(1),
            };
            items.push(text);
        }
        format!("[{}]", items.join(","))
    }

    fn any(&mut self, depth: usize) -> String {
        match self.0.u8(..if depth == 0 { 6 } else { 9 }) {
            0 => "null".to_owned(),
            1 => self.0.bool().to_string(),
            2 | 3 => self.one(&NUMBERS).to_owned(),
            4 | 5 => json!(self.one(&TEXTS)).to_string(),
            6 => {
                let items: Vec<String> =
                    (0..self.0.usize(..4)).map(|_| self.any(depth - 1)).collect();
                format!("[{}]", items.join(","))
            }
            _ => {
                let names = self.names();
                let parts = names
                    .into_iter()
                    .map(|name| format!("{}:{}", json!(name), self.any(depth - 1)));
                format!("{{{}}}", parts.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// Equal, and written otherwise where that can be.
fn again(text: &str) -> String {
    match text {
        "1" => "1.0".to_owned(),
        "1.0" => "1".to_owned(),
        "0" => "-0.0".to_owned(),
        whole if whole.bytes().all(|b| b.is_ascii_digit()) => format!("{whole}.0"),
        other => other.to_owned(),
    }
}
