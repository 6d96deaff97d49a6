//! Writes the list of event types and the vocabularies as calls of the macros in `src/types`.

use std::fmt::Write as _;

use serde_json::Value;

use crate::repository::Repository;
use crate::walk::pascal_case;

/// One `event_types!` call: variant, name, version, audience, flags, schemas, summary.
pub fn event_types(repository: &Repository) -> String {
    let mut text = String::from("event_types! {\n");
    for source in &repository.types {
        let name = &source.name;
        let _ = writeln!(
            text,
            "    #[doc = {summary:?}] {variant} {{ name: {name:?}, version: {version:?}, \
             audience: {audience}, personal: {personal}, direction: {direction:?}, \
             writer: include_str!(concat!(env!(\"OUT_DIR\"), \"/{name}.writer.json\")), \
             reader: include_str!(concat!(env!(\"OUT_DIR\"), \"/{name}.reader.json\")) }}",
            summary = source.summary,
            variant = pascal_case(name),
            version = source.version,
            audience = pascal_case(&source.audience),
            personal = source.personal,
            direction = source.direction,
        );
    }
    text.push_str("}\n");
    text
}

/// One `open_vocabulary!` or `closed_vocabulary!` call per shared enumeration.
pub fn vocabularies(repository: &Repository) -> Result<String, String> {
    let mut text = String::new();
    for (name, schema, words) in repository.enumerations() {
        let closed = schema.get("x-closed") == Some(&Value::Bool(true));
        let kind = if closed { "closed" } else { "open" };
        let description = schema.get("description").and_then(Value::as_str);
        let description = description.ok_or_else(|| format!("{name}: no description"))?;
        let _ =
            writeln!(text, "{kind}_vocabulary! {{\n    #[doc = {description:?}]\n    {name} {{");
        for word in words {
            let _ = writeln!(text, "        {} = {word:?},", variant(word));
        }
        text.push_str("    }\n}\n");
    }
    Ok(text)
}

/// `Other` is the variant of words that a build does not know.
fn variant(word: &str) -> String {
    match word {
        "other" => "NoneOfThese".to_owned(),
        word => pascal_case(word),
    }
}
