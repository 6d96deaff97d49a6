//! `doorward queue`: how far events have got.

use std::path::Path;
use std::process::ExitCode;

use super::output;
use crate::local::QueueView;

#[derive(clap::Args)]
pub struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let view: QueueView = output::client(config)?.get("/v1/queue", &()).await?;
    if args.json {
        output::json(&view)?;
        return Ok(ExitCode::SUCCESS);
    }
    let QueueView { status, journal } = view;
    let oldest = journal
        .oldest_waiting
        .as_ref()
        .map_or_else(String::new, |at| format!(", the oldest since {}", output::time(at)));
    let classes = output::by_class(&journal.waiting_bytes);
    output::say(&format!("waiting      {}{oldest}{classes}", journal.waiting));
    output::say(&format!(
        "journal      {} events so far, {} quarantined",
        journal.slot, journal.quarantined
    ));
    output::say(&format!(
        "disk         {} of {} KiB in use",
        journal.bytes_used / 1024,
        journal.bytes_bound / 1024
    ));
    if let Some(words) = journal.too_little_space() {
        output::say(&format!("disk low     {words}; near the end of it history goes, then events"));
    }
    if let Some(words) = &status.journal_arrival {
        output::say(&format!("at the start {words}"));
    }
    output::say(&format!(
        "bus          {}: {} accepted, {} refused, {} tried again",
        status.uplink.bus, status.uplink.accepted, status.uplink.refused, status.uplink.retried
    ));
    if let Some(trouble) = &status.uplink.trouble {
        let advice = if status.uplink.denied {
            " (check the gateway's credentials and the bus's policy)"
        } else {
            ""
        };
        output::say(&format!("bus trouble  {trouble}{advice}"));
    }
    if let Some(failure) = &status.storage_failure {
        output::say(&format!("disk trouble {failure}; nothing is acknowledged meanwhile"));
    }
    if status.clock == "untrusted" {
        output::say(
            "clock        nobody stands for it: no door opens; start a time service, or see \
             doorward clock confirm --help",
        );
    }
    for vendor in &status.held {
        output::say(&format!(
            "held         {vendor}: not read, since what waits of it fills its quota"
        ));
    }
    for vendor in &status.throttled {
        output::say(&format!(
            "throttled    {vendor}: sends more than its limit, and is read more slowly"
        ));
    }
    for device in &status.flooding {
        output::say(&format!(
            "flooding     {device}: of its states only the newest are taken, its acts counted"
        ));
    }
    for vendor in &status.vendors {
        output::say(&format!("vendor       {}: {}", vendor.vendor, vendor.state));
    }
    Ok(ExitCode::SUCCESS)
}
