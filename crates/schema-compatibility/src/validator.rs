//! The one judge of a document: the validator that the platform runs, set up as the client
//! libraries set it up. A counterexample that it does not confirm is none.

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Value, json};

use crate::verdict::{Counterexample, Side, Unusable};

/// Builds the Draft-04 validator of a schema: formats are checked, patterns run in linear time,
/// nothing is ever fetched.
pub fn build(schema: &Value, side: Side) -> Result<Validator, Unusable> {
    // What `$schema` and `id` say is not followed: the question is about Draft-04, and references
    // are local.
    let mut schema = schema.clone();
    if let Some(members) = schema.as_object_mut() {
        members.remove("$schema");
        members.remove("id");
    }
    let built = jsonschema::options()
        .with_draft(Draft::Draft4)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .build(&schema);
    built.map_err(|error| {
        let pointer = error.instance_path().to_string();
        let problem = error.masked().to_string();
        let text = schema.pointer(&pointer).and_then(Value::as_str);
        if pointer.ends_with("/pattern")
            && text.is_some_and(|text| text.contains("(?") || text.contains('\\'))
        {
            return Unusable::Pattern { side, pointer, problem };
        }
        Unusable::Malformed { side, pointer, problem }
    })
}

/// A validator of one keyword alone, by which single values are judged.
pub fn of_keyword(keyword: &str, value: &Value) -> Option<Validator> {
    build(&json!({ keyword: value }), Side::Old).ok()
}

/// The counterexample, if the one accepts the document and the other refuses it.
pub fn confirm(
    accepting: &Validator,
    refusing: &Validator,
    document: &Value,
) -> Option<Counterexample> {
    if !accepting.is_valid(document) {
        return None;
    }
    let error = refusing.iter_errors(document).next()?;
    let refused_by = error.schema_path().to_string();
    let keyword = keyword_of(&refused_by);
    Some(Counterexample {
        at: error.instance_path().to_string(),
        keyword,
        refused_by,
        document: document.clone(),
    })
}

/// The keyword at the end of a pointer into a schema.
fn keyword_of(pointer: &str) -> String {
    let mut tokens = pointer.rsplit('/');
    let last = tokens.next().unwrap_or_default();
    let keyword =
        if last.bytes().all(|b| b.is_ascii_digit()) { tokens.next().unwrap_or(last) } else { last };
    keyword.to_owned()
}
