//! What a schema may use so that it means the same to every client.
//!
//! Regular expressions differ between languages in what they add to the common core; a pattern that
//! one engine reads in another way would let one client send what another refuses. Whatever is
//! outside the core is refused here, with the pattern's name, before anything is generated.

use doorward_schema_repository::walk::each_schema;
use serde_json::{Map, Value};

/// The keywords that the clients' validators apply, and those that say nothing about validity.
const KEYWORDS: &[&str] = &[
    "$ref",
    "$schema",
    "additionalProperties",
    "allOf",
    "anyOf",
    "default",
    "definitions",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "items",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "oneOf",
    "pattern",
    "patternProperties",
    "properties",
    "required",
    "title",
    "type",
    "uniqueItems",
];

/// Whether all clients read this composed schema alike; the error names what they would not.
pub fn check(schema: &Value) -> Result<(), String> {
    let mut wrong = Vec::new();
    each_schema(&mut schema.clone(), &mut |inner| {
        if let Err(error) = check_one(inner) {
            wrong.push(error);
        }
    });
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}

fn check_one(schema: &Map<String, Value>) -> Result<(), String> {
    if let Some(unknown) = schema.keys().find(|keyword| !KEYWORDS.contains(&keyword.as_str())) {
        return Err(format!("the keyword {unknown} is none that all bindings apply: remove it"));
    }
    if schema.get("items").is_some_and(|items| !items.is_object()) {
        return Err("items holds a list of schemas, which not all bindings apply".to_owned());
    }
    match schema.get("format").and_then(Value::as_str) {
        None | Some("date-time") => {}
        Some(other) => {
            return Err(format!(
                "the format {other} is none that all bindings check: use a pattern"
            ));
        }
    }
    if schema.get("multipleOf").is_some_and(|divisor| !divisor.is_u64()) {
        return Err("multipleOf holds in all bindings for whole numbers only".to_owned());
    }
    let named = schema.get("patternProperties").and_then(Value::as_object);
    let patterns = named.into_iter().flat_map(Map::keys).map(String::as_str);
    for pattern in patterns.chain(schema.get("pattern").and_then(Value::as_str)) {
        portable(pattern).map_err(|what| {
            format!("the pattern {pattern} has {what}, which languages read differently")
        })?;
    }
    Ok(())
}

/// Whether the pattern is within the core: classes, groups, alternatives, greedy repetition, anchors and
/// escaped punctuation.
fn portable(pattern: &str) -> Result<(), &'static str> {
    let mut rest = pattern.chars().peekable();
    let (mut in_class, mut repeated) = (false, true);
    let mut before = None;
    while let Some(c) = rest.next() {
        let quantifier = !in_class && matches!(c, '*' | '+' | '?' | '{');
        if quantifier && repeated {
            return Err("a repetition of nothing, or of a repetition");
        }
        match c {
            '\\' => match rest.next() {
                Some('u') => {
                    let digits: Vec<char> = rest.by_ref().take(4).collect();
                    if digits.len() != 4 || !digits.iter().all(char::is_ascii_hexdigit) {
                        return Err("an incomplete \\u escape");
                    }
                }
                Some('-') if in_class => {}
                Some(
                    '.' | '\\' | '/' | '^' | '$' | '|' | '?' | '*' | '+' | '(' | ')' | '[' | ']'
                    | '{' | '}',
                ) => {}
                _ => return Err("an escape of a letter"),
            },
            '[' if in_class => return Err("a class within a class"),
            '&' | '~' | '-' if in_class && before == Some(c) => {
                return Err("an operation on classes");
            }
            '[' => {
                in_class = true;
                let _ = rest.next_if_eq(&'^');
                if rest.peek() == Some(&']') {
                    return Err("an empty class");
                }
            }
            ']' if in_class => in_class = false,
            _ if in_class => {}
            '.' => return Err("a dot outside a class"),
            '(' if rest.peek() == Some(&'?') => return Err("a group with a question mark"),
            '{' => bounds(&mut rest)?,
            ']' | '}' => return Err("a bracket without its other half"),
            _ => {}
        }
        repeated = quantifier || (!in_class && matches!(c, '(' | '|' | '^'));
        before = Some(c);
    }
    if in_class { Err("a class without an end") } else { Ok(()) }
}

/// `{n}`, `{n,}` or `{n,m}`.
fn bounds(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<(), &'static str> {
    let (mut digits, mut commas) = (0, 0);
    for c in rest.by_ref() {
        match c {
            '}' if digits > 0 => return Ok(()),
            ',' if digits > 0 && commas == 0 => commas = 1,
            c if c.is_ascii_digit() => digits += 1,
            _ => break,
        }
    }
    Err("a repetition that is not {n}, {n,} or {n,m}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_languages_read_differently_is_refused() {
        for pattern in [
            r"^\d+$",
            r"^\w$",
            r"^.$",
            r"^(?i)a$",
            r"^(?=a)$",
            r"^[a[b]]$",
            r"^[a&&b]$",
            r"^a{,3}$",
            r"^a+?$",
            r"^a++$",
            r"\bx",
            r"^\p{L}$",
            r"^[]a]$",
            r"^a{2",
            r"^]$",
            r"^\u00$",
            "[a",
        ] {
            assert!(portable(pattern).is_err(), "{pattern}");
        }
        for pattern in [
            r"^[a-z][a-z0-9-]*(\.[a-z0-9-]+)*$",
            r"^[^\u0000-\u001f\u007f]*$",
            r"^[ -~]*$",
            r"^a{2}b{2,}c{2,3}d?$",
            r"^(a|b)\$$",
            r"^[A-Za-z0-9_+/-]+$",
            r"^[$.(]$",
        ] {
            assert_eq!(portable(pattern), Ok(()), "{pattern}");
        }
    }

    #[test]
    fn an_unknown_rule_is_never_left_out() {
        let schema = |text: &str| check(&serde_json::from_str(text).unwrap_or_default());
        assert!(schema(r#"{"properties":{"a":{"const":1}}}"#).is_err());
        assert!(schema(r#"{"format":"email"}"#).is_err());
        assert!(schema(r#"{"multipleOf":0.1}"#).is_err());
        assert_eq!(schema(r#"{"properties":{"const":{"type":"string"}}}"#), Ok(()));
    }
}
