//! The compatibility engine measured against verdicts that others published: how often it agrees,
//! and that it never calls compatible what a document refutes.

mod judge;
mod languages;
mod pairs;
mod reasons;
mod report;
#[cfg(test)]
mod tests;
mod translate;
#[cfg(test)]
mod translate_tests;
mod validator_suite;

use std::path::Path;

use anyhow::Result;
use doorward_schema_compatibility::Limits;

use crate::bindings::Language;

pub use languages::Places;
pub use report::Report;

/// Runs every suite in the folder, and asks these languages. A suite that is missing, or not as its
/// source publishes it, is said as not run, and so is a language whose validator cannot be started.
///
/// # Errors
/// No suite is there at all, or a program that was started does not answer.
pub fn run(folder: &Path, limits: &Limits, wanted: &[Language], places: &Places) -> Result<Report> {
    let mut judge = judge::Judge::new(limits);
    let suites = pairs::suites(folder)?.iter().map(|suite| judge.suite(suite)).collect();
    let (tests, not_run) = match validator_suite::read(folder) {
        Ok(tests) => (tests, None),
        Err(why) => (validator_suite::Suite::default(), Some(format!("{why:#}"))),
    };
    let mut validator = validator_suite::run(&tests)?;
    validator.not_run = not_run;
    let languages = languages::run(&tests, wanted, places)?;
    Ok(Report { suites, validator, languages, limits: limits.clone() })
}
