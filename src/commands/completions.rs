//! `doorward completions`: for the shell.

use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;

#[derive(clap::Args)]
pub struct Args {
    /// Which shell.
    shell: clap_complete::Shell,
}

pub fn run(args: &Args) -> ExitCode {
    // Into memory first: it takes a reader that has gone for a fault.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "doorward", &mut script);
    let _ = std::io::stdout().write_all(&script);
    ExitCode::SUCCESS
}
