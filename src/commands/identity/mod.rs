//! `doorward identity`: the gateway's key, request and certificate, and what ends when.

mod install;
mod request;
mod show;

use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Make the gateway's key, and the request with which its certificate is asked for.
    ///
    /// A key that is there stays, however often this runs.
    Request(request::Args),
    /// Take the certificate that was signed for the request.
    ///
    /// It is looked at first: it must belong to the key, be good now, and end no earlier than the
    /// one in use. Key and certificate are put into place together.
    Install(install::Args),
    /// Show every certificate and list that the gateway relies on, and when each ends.
    #[command(
        after_help = "Exit status: 0 all are good, 1 a new one is due, 2 one is over or of no use."
    )]
    Show(show::Args),
}

pub fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Request(args) => request::run(config, args),
        Command::Install(args) => install::run(config, args),
        Command::Show(args) => show::run(config, args),
    }
}
