//! `doorward-schema`: the command line over a schema repository.

mod breaking;
mod bindings;
mod commands;
mod finding;
mod lint;
mod release;
mod today;
mod asyncapi;
mod commands;
mod site;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    commands::CommandLine::parse().run()
}
