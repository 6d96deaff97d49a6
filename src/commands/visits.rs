//! `doorward visits`: who is at which door just now.

use std::path::Path;
use std::process::ExitCode;

use super::output;
use crate::local::VisitView;

#[derive(clap::Args)]
pub struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let visits: Vec<VisitView> = output::client(config)?.get("/v1/visits", &()).await?;
    if args.json {
        output::json(&visits)?;
        return Ok(ExitCode::SUCCESS);
    }
    if visits.is_empty() {
        output::say(
            "no visit is under way; those that ended: doorward events --type visit.secured",
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows =
        vec![["ENTRY", "STAGE", "GRANTED", "SUBJECT", "VISIT"].map(str::to_owned).to_vec()];
    for visit in &visits {
        rows.push(vec![
            visit.entry.clone(),
            visit.stage.clone(),
            output::ago(visit.granted_at),
            visit.subject.clone().unwrap_or_else(|| "-".to_owned()),
            visit.visit_id.to_string(),
        ]);
    }
    output::table(&rows);
    Ok(ExitCode::SUCCESS)
}
