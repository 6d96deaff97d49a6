//! `doorward erase`: a person's data out of the journal.

use std::io::{BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::bail;

use super::output;
use crate::journal::{Erased, MAX_SUBJECT, MIN_SUBJECT};
use crate::local::{EraseLine, EraseRequest, ErasedView};

#[derive(clap::Args)]
pub struct Args {
    /// The person's pseudonym, as in `subject_ref`: 8 to 128 bytes.
    #[arg(long, value_name = "REF")]
    subject: String,
    /// Do not ask first.
    #[arg(long)]
    yes: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    if !(MIN_SUBJECT..=MAX_SUBJECT).contains(&args.subject.len()) {
        bail!(
            "a subject has {MIN_SUBJECT} to {MAX_SUBJECT} bytes: a shorter one would match by chance"
        );
    }
    let client = output::client(config)?;
    if !args.yes && !confirmed()? {
        bail!("nothing was erased");
    }
    let request = EraseRequest { subject: args.subject.clone() };
    let mut outcome = None;
    client
        .post("/v1/erase", &request, |line: EraseLine| {
            if let EraseLine::Progress(erased) = line {
                if erased != Erased::default() {
                    output::say_error(&format!("{} events so far …", erased.events));
                }
                return true;
            }
            outcome = Some(line);
            false
        })
        .await?;
    match outcome {
        Some(EraseLine::Done(view)) if args.json => output::json(&view)?,
        Some(EraseLine::Done(view)) => say(&view),
        Some(EraseLine::Failed(words)) => {
            bail!("the erasure is not complete: {words}\n  remedy: erase again; what went is gone")
        }
        _ => bail!("the gateway stopped before it was done\n  remedy: erase again when it runs"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks at the terminal.
fn confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("erasing cannot be undone\n  remedy: add --yes if that is meant");
    }
    let mut out = std::io::stderr();
    write!(out, "All that names this subject goes for good. Type yes: ")?;
    out.flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

fn say(view: &ErasedView) {
    let Erased { events, waiting, quarantine, facts } = view.erased;
    output::say(&format!(
        "erased: {events} events ({waiting} of them had not left), {quarantine} quarantined messages, \
         {facts} facts"
    ));
    if !view.told {
        output::say("the event that tells of it waits for the disk, see doorward queue");
    }
    for file in &view.removed {
        output::say(&format!("removed: {}", file.display()));
    }
    for file in &view.left {
        output::say(&format!(
            "NOT LOOKED AT: {}, another machine's; adopt it and erase again, or remove it",
            file.display()
        ));
    }
}
