//! `doorward journal`: looking after the journal.

mod export;
mod import;
mod lines;
mod stats;
mod verify;

use std::path::Path;
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Show the journal's figures: what waits, what is kept, what is missing, how full it is.
    #[command(after_help = "Examples:
  doorward journal stats
  doorward journal stats --json
  doorward journal stats --file /var/lib/doorward/journal.db.foreign-1")]
    Stats(stats::Args),
    /// Look whether every row is as it was written.
    #[command(after_help = "Exit status: 0 whole, 1 damaged, 2 it could not be looked at.

The running gateway looks at the rows, in steps between its commits. Of a file that no gateway has
open the whole file is checked too.

Examples:
  doorward journal verify
  doorward journal verify --mend
  doorward journal verify --json
  doorward journal verify --file /var/lib/doorward/journal.db")]
    Verify(verify::Args),
    /// Write events with their exact bytes to the standard output, one a line.
    #[command(after_help = "Exit status: 0 all of them, 1 some could not be read, 2 it broke off.

Examples:
  doorward journal export > events.jsonl
  doorward journal export --waiting --after 1200 > events.jsonl
  doorward journal export --file /var/lib/doorward/journal.db > events.jsonl")]
    Export(export::Args),
    /// Take over exported events that had not been delivered; the gateway must be stopped.
    #[command(
        after_help = "Events that are here already are left out: importing twice changes nothing more.

Examples:
  doorward journal import events.jsonl
  doorward journal import events.jsonl --skip-bad --json"
    )]
    Import(import::Args),
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Stats(args) => stats::run(config, args).await,
        Command::Verify(args) => verify::run(config, args).await,
        Command::Export(args) => export::run(config, args).await,
        Command::Import(args) => import::run(config, args),
    }
}
