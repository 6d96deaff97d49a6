//! `doorward audit`: the record of accesses and decisions.

mod against;
mod close;
mod judge;
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
    /// Recompute every range that is kept, and name the first that is not what was signed.
    #[command(
        after_help = "Exit status: 0 all of it is as it was signed, 1 a range is broken, 2 it could not be read.

The running gateway reads its journal in steps between its commits; of a gateway that is stopped,
the journal is read here. What is compared: each event that is still there with its digest, the
digests of a range with its root, each root with the one before, each range with its signature.
Events that were erased, and those that went as history, leave their digests: the rest verifies.

Whoever owns the machine owns its key and could sign anew what he changed. So the checkpoints that
the bus received are the other half of the proof: --against compares with them.

Examples:
  doorward audit verify
  doorward audit verify --json | jq .broken
  doorward audit verify --against checkpoints.jsonl
  doorward audit verify --file /var/lib/doorward/journal.db.damaged-1 --key 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    )]
    Verify(verify::Args),
    /// Close what can be closed now, and send its checkpoint: before a gateway is taken away, say.
    #[command(after_help = "Exit status: 0 closed, or there was nothing to close.

A range ends before the first event that the bus has not answered yet. The gateway closes ranges by
itself, hourly and every 1,024 accesses and decisions.

Examples:
  doorward audit close
  doorward audit close --json")]
    Close(close::Args),
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Verify(args) => verify::run(config, args).await,
        Command::Close(args) => close::run(config, args).await,
    }
}
