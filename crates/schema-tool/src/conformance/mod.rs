//! The compatibility engine measured against verdicts that others published: how often it agrees,
//! and that it never calls compatible what a document refutes.

mod judge;
mod pairs;
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

pub use report::Report;

/// Runs every suite in the folder.
///
/// # Errors
/// A file of the folder that is missing or not as its source publishes it.
pub fn run(folder: &Path, limits: &Limits) -> Result<Report> {
    let mut judge = judge::Judge::new(limits);
    let suites = pairs::suites(folder)?.iter().map(|suite| judge.suite(suite)).collect();
    Ok(Report { suites, validator: validator_suite::run(folder)?, limits: limits.clone() })
}
