//! `doorward audit close`: a range is closed now.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;

use crate::commands::output;
use crate::domain::audit::Run;
use crate::local::ClosedView;

#[derive(clap::Args)]
pub struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let client = output::client(config)?;
    let mut view = None;
    client.post("/v1/audit", &(), |closed: ClosedView| view.replace(closed).is_none()).await?;
    let view = view.context("the gateway stopped before it was done")?;
    if args.json {
        output::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(&match view.closed {
        Some(Run { first, last }) => format!("closed: sequences {first} to {last}"),
        None => {
            "there is nothing to close: see doorward queue for what waits for the bus".to_owned()
        }
    });
    Ok(ExitCode::SUCCESS)
}
