//! `doorward quarantine`: what could not become an event.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::output;
use crate::journal::QuarantineRow;

#[derive(clap::Args, Serialize)]
pub struct Args {
    /// The newest so many (1 to 1000).
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: u64,
    /// One JSON object a line.
    #[arg(long)]
    #[serde(skip)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let rows: Vec<QuarantineRow> = output::client(config)?.get("/v1/quarantine", args).await?;
    if args.json {
        for row in &rows {
            if !output::line(&serde_json::to_string(row)?) {
                break;
            }
        }
        return Ok(ExitCode::SUCCESS);
    }
    for row in &rows {
        let vendor = row.vendor.as_deref().unwrap_or("gateway");
        let at = output::time(&row.at);
        let read_on =
            output::say(&format!("#{} {at} {vendor} {}: {}", row.id, row.source, row.reason));
        if !read_on {
            break;
        }
        output::say(&format!("    {} ({} bytes)", row.detail, row.bytes));
        if let Some(raw) = &row.raw {
            output::say(&format!("    {raw}"));
        } else if let Some(digest) = &row.keyed_digest {
            output::say(&format!("    not kept, it may hold a code; keyed digest {digest}"));
        }
    }
    if rows.is_empty() {
        output::say("nothing is in quarantine");
    }
    Ok(ExitCode::SUCCESS)
}
