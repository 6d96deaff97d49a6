//! `doorward-schema`: the command line over a schema repository.

mod asyncapi;
mod bindings;
mod breaking;
mod commands;
mod deprecate;
mod finding;
mod lint;
mod release;
mod registry;
mod sandbox;
mod site;
mod subscriptions;
mod today;
mod conformance;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    commands::CommandLine::parse().run()
}
