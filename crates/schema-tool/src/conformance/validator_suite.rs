//! The official tests of Draft-04 against the validator that judges every counterexample, set up
//! as the engine sets it up.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jsonschema::{Draft, PatternOptions, Retrieve, Uri};
use serde_json::Value;

/// The address at which the suite expects its own files.
const HOME: &str = "http://localhost:1234/";

/// What came of the tests.
#[derive(Debug, Default)]
pub struct ValidatorResult {
    pub passed: usize,
    /// Test and what was expected.
    pub failed: Vec<String>,
    /// Test and why it does not apply.
    pub not_applicable: Vec<(String, String)>,
}

/// Serves the suite's own files from the folder; nothing is fetched.
struct Remotes(PathBuf);

impl Retrieve for Remotes {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let path = uri
            .as_str()
            .strip_prefix(HOME)
            .filter(|path| !path.split('/').any(|part| part == ".."));
        let path = path.ok_or("only the suite's own files are served")?;
        Ok(serde_json::from_str(&fs::read_to_string(self.0.join(path))?)?)
    }
}

/// Runs all tests below the folder, the optional ones too.
pub fn run(folder: &Path) -> Result<ValidatorResult> {
    let root = folder.join("json-schema-test-suite");
    let mut result = ValidatorResult::default();
    let mut files = Vec::new();
    let tests = root.join("tests/draft4");
    collect(&tests, &mut files)?;
    files.sort();
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        let groups: Value =
            serde_json::from_str(&text).with_context(|| format!("{}", file.display()))?;
        let place = file.strip_prefix(&tests).unwrap_or(file).display().to_string();
        for group in groups.as_array().into_iter().flatten() {
            one(group, &place, &root, &mut result);
        }
    }
    Ok(result)
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("{}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, into)?;
        } else if path.extension().is_some_and(|extension| extension == "json") {
            into.push(path);
        }
    }
    Ok(())
}

fn one(group: &Value, place: &str, root: &Path, result: &mut ValidatorResult) {
    let name = |value: &Value| {
        value.get("description").and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let (tests, schema) = (group.get("tests").and_then(Value::as_array), group.get("schema"));
    let tests = tests.into_iter().flatten();
    let schema = schema.cloned().unwrap_or_default();
    let built = jsonschema::options()
        .with_draft(Draft::Draft4)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .with_retriever(Remotes(root.join("remotes")))
        .build(&schema);
    for test in tests {
        let title = format!("{place}: {}: {}", name(group), name(test));
        let expected = test.get("valid") == Some(&Value::Bool(true));
        match &built {
            Err(problem) => result
                .not_applicable
                .push((title, format!("the validator refuses the schema: {problem}"))),
            Ok(validator) => {
                let document = test.get("data").unwrap_or(&Value::Null);
                if validator.is_valid(document) == expected {
                    result.passed += 1;
                } else {
                    result.failed.push(format!(
                        "{title}: expected {}",
                        if expected { "valid" } else { "invalid" }
                    ));
                }
            }
        }
    }
}
