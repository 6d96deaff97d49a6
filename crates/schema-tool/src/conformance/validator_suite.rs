//! The official tests of Draft-04 against the validator that judges every counterexample, set up
//! as the engine sets it up.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// The address at which the suite expects its own files.
const HOME: &str = "http://localhost:1234/";

/// The tests, and where the files lie that they refer to.
#[derive(Debug, Default)]
pub struct Suite {
    pub groups: Vec<Group>,
    remotes: PathBuf,
}

/// Tests of one schema.
#[derive(Debug, Deserialize)]
pub struct Group {
    #[serde(default)]
    description: String,
    pub schema: Box<RawValue>,
    pub tests: Vec<Test>,
    /// The file it stands in.
    #[serde(skip)]
    place: String,
}

/// One test. Its document is a text: `1.0` is not `1`.
#[derive(Debug, Deserialize)]
pub struct Test {
    #[serde(default)]
    description: String,
    pub data: Box<RawValue>,
    pub valid: bool,
}

impl Group {
    /// What a test of it is called.
    pub fn title(&self, test: &Test) -> String {
        format!("{}: {}: {}", self.place, self.description, test.description)
    }
}

/// Nine tenths of the tests that the suite was published with.
pub const FLOOR: usize = 937 * 9 / 10;

/// What came of the tests.
#[derive(Debug, Default)]
pub struct ValidatorResult {
    pub passed: usize,
    /// Test and what was expected.
    pub failed: Vec<String>,
    /// Test and why it does not apply.
    pub not_applicable: Vec<(String, String)>,
    /// Why the tests could not be read.
    pub not_run: Option<String>,
}

impl ValidatorResult {
    /// How many tests there were.
    pub fn all(&self) -> usize {
        self.passed + self.failed.len() + self.not_applicable.len()
    }
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

/// Reads all tests below the folder, the optional ones too.
pub fn read(folder: &Path) -> Result<Suite> {
    let root = folder.join("json-schema-test-suite");
    let tests = root.join("tests/draft4");
    let mut files = Vec::new();
    collect(&tests, &mut files)?;
    files.sort();
    let mut groups = Vec::new();
    for file in &files {
        let text = fs::read_to_string(file).with_context(|| format!("{}", file.display()))?;
        let read: Vec<Group> =
            serde_json::from_str(&text).with_context(|| format!("{}", file.display()))?;
        let place = file.strip_prefix(&tests).unwrap_or(file).display().to_string();
        groups.extend(read.into_iter().map(|group| Group { place: place.clone(), ..group }));
    }
    Ok(Suite { groups, remotes: root.join("remotes") })
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

/// The validator of a schema that may refer to the suite's own files.
pub fn build(schema: &Value, suite: &Suite) -> Result<Validator, String> {
    let options = jsonschema::options()
        .with_draft(Draft::Draft4)
        .should_validate_formats(true)
        .with_pattern_options(PatternOptions::regex())
        .with_retriever(Remotes(suite.remotes.clone()));
    options.build(schema).map_err(|problem| problem.to_string())
}

/// Runs all tests.
pub fn run(suite: &Suite) -> Result<ValidatorResult> {
    let mut result = ValidatorResult::default();
    for group in &suite.groups {
        let built = build(&serde_json::from_str(group.schema.get())?, suite);
        for test in &group.tests {
            let title = group.title(test);
            match &built {
                Err(problem) => result
                    .not_applicable
                    .push((title, format!("the validator refuses the schema: {problem}"))),
                Ok(validator) => {
                    let document: Value = serde_json::from_str(test.data.get())?;
                    if validator.is_valid(&document) == test.valid {
                        result.passed += 1;
                    } else {
                        let expected = if test.valid { "valid" } else { "invalid" };
                        result.failed.push(format!("{title}: expected {expected}"));
                    }
                }
            }
        }
    }
    Ok(result)
}
