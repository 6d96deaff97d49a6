//! `doorward-schema bindings`: packages for the programs of other teams.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::ended;
use crate::bindings::{self, Choice, Failure, Language};

const EXAMPLES: &str = "\
Examples:
  # All types, both ways; then `npm install && npm pack` in the folder
  doorward-schema bindings --language typescript --out bindings-ts
  # What one service needs
  doorward-schema bindings --language python --out bindings-py \\
      --publish delivery.scheduled,grant.issued --subscribe visit.secured,gateway.started
  # Beside another repository's package
  doorward-schema bindings --language python --name acme-parcels --out bindings-py
  # From another repository with the same layout
  doorward-schema --root ../contracts bindings --language typescript --out client

Exit codes: 0 written; 1 the repository cannot be bound; 2 the call is wrong.";

/// Writes types, validation and a client for one language.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct Arguments {
    /// Types to publish, in the writer's form, separated by commas; without --subscribe
    /// and without this, all
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    publish: Option<Vec<String>>,
    /// Types to receive, in the reader's form, separated by commas; without --publish
    /// and without this, all
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    subscribe: Option<Vec<String>>,
    /// What the package is called: @SCOPE/NAME for npm, NAME for pip. By default what
    /// publishers.json says under "packages", or else @doorward/events and doorward-events.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The language
    #[arg(long, value_enum)]
    language: Language,
    /// The folder for it: a new or an empty one, or one that this command made
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(root: &Path, arguments: &Arguments) -> ExitCode {
    let Arguments { publish, subscribe, name, language, out, json } = arguments;
    let choice = Choice {
        publish: publish.as_deref(),
        subscribe: subscribe.as_deref(),
        name: name.as_deref(),
    };
    match bindings::write(root, *language, choice, out) {
        Ok(files) if *json => {
            println!("{}", serde_json::json!({ "out": out, "files": files }));
            ExitCode::SUCCESS
        }
        Ok(files) => {
            println!("{files} files in {}", out.display());
            println!("{}", next_step(*language, out));
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let code = if matches!(failure, Failure::Repository(_)) { 1 } else { 2 };
            ended(code, &failure.to_string())
        }
    }
}

fn next_step(language: Language, out: &Path) -> String {
    let folder = out.display();
    match language {
        Language::Rust => "the build of doorward-events includes these files".to_owned(),
        Language::Typescript => format!("next: cd {folder} && npm install && npm pack"),
        Language::Python => {
            // A bare name would be looked up in the package index.
            let folder = if out.components().count() == 1 && out.is_relative() {
                format!("./{folder}")
            } else {
                folder.to_string()
            };
            format!("next: pip install {folder}, or pip wheel {folder}")
        }
    }
}
