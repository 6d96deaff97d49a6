//! `doorward identity`: the gateway's key, request and certificate, and what ends when.

mod install;
mod renew;
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
    /// Get a new certificate for a new key, by the command that the configuration names.
    ///
    /// The command (`identity.renew_command`) gets the request's path and the path for the new
    /// certificate as its last two arguments. What it leaves is looked at; key and certificate are
    /// put into place together, and the running gateway takes them without a restart. Whatever
    /// fails, the pair in use stays. To be run by a timer: systemd/doorward-renew.timer.
    #[command(after_help = "Exit status: 0 renewed, or not due, 2 not renewed.

Examples:
  doorward identity renew --if-due
  doorward identity renew --dry-run")]
    Renew(renew::Args),
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
        Command::Renew(args) => renew::run(config, args),
        Command::Show(args) => show::run(config, args),
    }
}
