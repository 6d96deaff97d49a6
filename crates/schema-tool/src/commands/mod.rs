//! One file a command; what they share is the place of the repository and how a failure is told.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// New types, lint, releases, compatibility, bindings and documentation of a schema repository.
#[derive(Debug, Parser)]
#[command(name = "doorward-schema", version)]
pub struct CommandLine {
    /// The folder that holds `schemas/` and `subscriptions/`.
    #[arg(long, global = true, default_value = ".", value_name = "FOLDER")]
    root: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {}

impl CommandLine {
    /// Runs the command: 0 all well, 1 something is wrong with the repository, 2 with the call.
    pub fn run(self) -> ExitCode {
        match self.command {}
    }
}
