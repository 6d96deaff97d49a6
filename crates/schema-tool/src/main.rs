//! `doorward-schema`: the command line over a schema repository.

mod commands;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    commands::CommandLine::parse().run()
}
