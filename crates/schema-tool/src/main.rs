//! `doorward-schema`: the command line over a schema repository.

mod asyncapi;
mod bindings;
mod breaking;
mod commands;
mod conformance;
mod deprecate;
mod finding;
mod lint;
mod registry;
mod release;
mod sandbox;
mod site;
mod sizes;
mod subscriptions;
mod today;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    commands::CommandLine::parse().run()
}
