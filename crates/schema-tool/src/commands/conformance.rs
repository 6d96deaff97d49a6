//! `doorward-schema conformance`: how the engine does on other people's test data.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum as _};
use doorward_schema_compatibility::Limits;

use super::WrongCall;
use crate::bindings::Language;
use crate::conformance::{self, Places};

/// Measure the compatibility engine against published verdicts.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  doorward-schema conformance ../data/schemas\n  doorward-schema conformance ../data/schemas --verbose | grep undecided\n  doorward-schema conformance ../data/schemas --languages rust --json\n\nExit codes: 0 the reach is met, 1 it is missed or a language that was asked for cannot be run, 2 the call or the folder is wrong."
)]
pub struct Conformance {
    /// The folder of the suites: apicurio, karapace, ibm-jsonsubschema and so on.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// List every pair on which engine and source do not agree, with the reason.
    #[arg(long, short)]
    verbose: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Whose validators judge the official tests: rust, typescript, python, separated by commas;
    /// by default all. One that cannot be run fails the run.
    #[arg(long, value_name = "LANGUAGES", value_delimiter = ',', hide_possible_values = true)]
    languages: Vec<Language>,
    /// Where npm put the TypeScript compiler; by default the repository's bindings/typescript
    #[arg(long, value_name = "FOLDER")]
    node_modules: Option<PathBuf>,
    /// The interpreter that runs the Python validator
    #[arg(long, value_name = "PROGRAM", env = "DOORWARD_PYTHON", default_value = "python3")]
    python: PathBuf,
    /// Where the search at random begins.
    #[arg(long, default_value_t = Limits::default().seed)]
    seed: u64,
    /// The work that one pair may take.
    #[arg(long, default_value_t = Limits::default().steps)]
    steps: u64,
}

impl Conformance {
    /// Runs all suites and prints what came of them.
    pub fn run(&self, root: &Path) -> Result<ExitCode> {
        let limits = Limits { seed: self.seed, steps: self.steps, ..Limits::default() };
        let node_modules = self.node_modules.clone();
        let places = Places {
            node_modules: node_modules
                .unwrap_or_else(|| root.join("bindings/typescript/node_modules")),
            python: self.python.clone(),
        };
        let all = Language::value_variants();
        let wanted = if self.languages.is_empty() { all } else { &self.languages };
        let report = conformance::run(&self.folder, &limits, wanted, &places)
            .map_err(|error| WrongCall(format!("{error:#}")))?;
        if self.json {
            println!("{:#}", report.json());
        } else {
            if self.verbose {
                println!("{}", report.details());
            }
            print!("{}", report.table());
        }
        let missed = report.missed();
        for line in &missed {
            eprintln!("missed: {line}");
        }
        Ok(if missed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
