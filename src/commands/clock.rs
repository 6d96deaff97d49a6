//! `doorward clock`: what helps where nobody vouches for the time.

use std::path::Path;
use std::process::ExitCode;

use super::output;
use crate::local::{Answer, Ask};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Stand for this machine's clock, after looking at it.
    ///
    /// A clock that was off for more than a day, or was stepped, is not believed by itself: a wrong
    /// time opens doors that should be shut.
    Confirm {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
}

pub async fn run(config: &Path, command: &Command) -> anyhow::Result<ExitCode> {
    let Command::Confirm { json } = command;
    let client = output::client(config)?;
    let answer = super::grants::ask(&client, &Ask::ConfirmClock).await?;
    if *json {
        output::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let Answer::Clock { at, trust } = answer else {
        anyhow::bail!("the gateway answered something else: {answer:?}");
    };
    output::say(&format!("it is {at}; trust in the clock: {trust}"));
    Ok(ExitCode::SUCCESS)
}
