//! Examples: a valid one shows what a type is for, an invalid one what it refuses and by which
//! rule. Both are data of an event, judged by the writer's form.

use doorward_schema_repository::{Document, Folder, Form, Repository, Tree, compose};
use serde_json::{Value, json};

use crate::finding::Finding;

/// All examples of all types.
pub fn check(tree: &Tree, repository: &Repository, out: &mut Vec<Finding>) {
    for source in &repository.types {
        let Some(folder) = tree.types.get(&source.name) else { continue };
        let examples = format!("schemas/{}/examples", source.name);
        if folder.valid.is_empty() {
            out.push(Finding::of_file(
                &examples,
                "example-missing",
                "the type has no valid example",
                "add data of an event, named by what it shows: examples/first-of-the-day.json",
            ));
        }
        if folder.invalid.is_empty() {
            out.push(Finding::of_file(
                &format!("{examples}/invalid"),
                "example-missing",
                "the type has no invalid example",
                "add data that breaks one rule, named by its keyword: \
                 examples/invalid/required-reason.json",
            ));
        }
        let Ok(schema) = compose(repository, source, Form::Writer) else { continue };
        let validator = match of_data(&schema) {
            Ok(validator) => validator,
            Err(why) => {
                uncompiled(folder, why, out);
                continue;
            }
        };
        for example in folder.valid.values() {
            valid(example, &validator, out);
        }
        for (name, example) in &folder.invalid {
            invalid(name, example, &validator, out);
        }
    }
}

/// Without a validator no example is judged: that is told, unless a rule has named why.
fn uncompiled(folder: &Folder, why: String, out: &mut Vec<Finding>) {
    let Some(next) = &folder.next else { return };
    let named = out.iter().any(|finding| {
        let file = &finding.place.file;
        matches!(finding.rule, "schema-invalid" | "pattern-invalid")
            && (*file == next.file || file.starts_with("schemas/core/"))
    });
    if !named {
        let remedy = "mend the keyword that it names, here or in the definition that is referred \
                      to; until then no example is judged";
        out.push(Finding::at(next, "", "schema-invalid", why, remedy));
    }
}

/// The validator of an event's data alone, or why there is none.
pub fn of_data(composed: &Value) -> Result<jsonschema::Validator, String> {
    let mut schema = json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "allOf": [composed.pointer("/properties/data")],
    });
    if let (Some(members), Some(definitions)) =
        (schema.as_object_mut(), composed.get("definitions"))
    {
        members.insert("definitions".to_owned(), definitions.clone());
    }
    jsonschema::draft4::new(&schema)
        .map_err(|error| format!("the schema does not compile: {error}"))
}

fn valid(example: &Document, validator: &jsonschema::Validator, out: &mut Vec<Finding>) {
    for error in validator.iter_errors(&example.value).take(3) {
        let at = error.instance_path().as_str().to_owned();
        out.push(Finding::at(
            example,
            &at,
            "example-refused",
            format!("the writer's form refuses it: {error}"),
            "mend the example, or the schema if that is wrong",
        ));
    }
}

fn invalid(
    name: &str,
    example: &Document,
    validator: &jsonschema::Validator,
    out: &mut Vec<Finding>,
) {
    let breaks: Vec<String> = validator.iter_errors(&example.value).map(|e| keyword(&e)).collect();
    let wanted = name.split(['-', '.']).next().unwrap_or_default();
    if breaks.is_empty() {
        out.push(Finding::at(
            example,
            "",
            "example-accepted",
            "the writer's form accepts it",
            "break the rule that its name begins with, or move it to the valid ones",
        ));
    } else if !breaks.iter().any(|keyword| keyword == wanted) {
        out.push(Finding::at(
            example,
            "",
            "example-accepted",
            format!("it breaks {}, not {wanted}", breaks.join(", ")),
            format!("begin its name with the keyword: {}-….json", breaks.join("- or ")),
        ));
    }
}

/// The keyword that refused.
pub fn keyword(error: &jsonschema::ValidationError<'_>) -> String {
    let path = error.schema_path().as_str().to_owned();
    path.rsplit('/').next().unwrap_or_default().to_owned()
}
