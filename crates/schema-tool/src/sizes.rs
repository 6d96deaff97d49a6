//! What a schema says of sizes and ranges, in the words of `explain` and of the catalogue's pages.

use serde_json::Value;

/// Each in words; empty where nothing is bounded.
pub fn sizes(schema: &Value) -> Vec<String> {
    let number =
        |keyword: &str| schema.get(keyword).filter(|n| n.is_number()).map(Value::to_string);
    let mut found = Vec::new();
    for (least, most, unit) in [
        ("minLength", "maxLength", "characters"),
        ("minItems", "maxItems", "items"),
        ("minProperties", "maxProperties", "members"),
    ] {
        match (number(least), number(most)) {
            (Some(a), Some(b)) if a == b => found.push(format!("{a} {unit}")),
            (Some(a), Some(b)) => found.push(format!("{a} to {b} {unit}")),
            (None, Some(b)) => found.push(format!("at most {b} {unit}")),
            (Some(a), None) => found.push(format!("at least {a} {unit}")),
            (None, None) => {}
        }
    }
    let is_exclusive = |keyword: &str| schema.get(keyword) == Some(&Value::Bool(true));
    let end = |keyword: &str, exclusive: &str, open: &str, closed: &str| {
        let word = if is_exclusive(exclusive) { open } else { closed };
        number(keyword).map(|n| format!("{word} {n}"))
    };
    let range: Vec<String> = [
        end("minimum", "exclusiveMinimum", "more than", "from"),
        end("maximum", "exclusiveMaximum", "less than", "to"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !range.is_empty() {
        found.push(range.join(" "));
    }
    if let Some(n) = number("multipleOf") {
        found.push(format!("a multiple of {n}"));
    }
    found
}
