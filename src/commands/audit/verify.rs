//! `doorward audit verify`: whether the record is what was signed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::bail;
use doorward_events::statement::Signer as _;

use super::against::Against;
use super::judge::{BrokenRange, Judge, Keys, Report};
use crate::commands::{output, stopped};
use crate::gateway::keys;
use crate::journal::{AuditPage, AuditPlace};
use crate::local::{AuditView, Client, ClientError};

/// How far it is, is said this often.
const PROGRESS: Duration = Duration::from_secs(2);

#[derive(clap::Args)]
pub struct Args {
    /// Compare with the checkpoints in this file, one JSON a line, as the bus delivered them.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// This journal, which no gateway may have open, instead of the configured gateway's.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Believe this key too, as `gateway.started` named it in `audit_key`: an earlier one,
    /// or another machine's.
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let mut trusted = Keys::default();
    for key in &args.key {
        trusted.add(key)?;
    }
    let report = match &args.file {
        Some(file) => {
            // Without a configuration the keys that were given must do.
            if let Ok(found) = crate::config::read(config)
                && let Ok(key) = keys::audit_key_there(&found.gateway.state_dir)
            {
                trusted.add(&key.public_key().to_base64url())?;
            }
            of_file(config, file, trusted, args)?
        }
        None => of_gateway(config, trusted, args).await?,
    };
    if args.json {
        output::json(&report)?;
    } else {
        in_words(&report).iter().all(|line| output::say(line));
    }
    Ok(if report.fine { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Of the running gateway; of a stopped one, its file.
async fn of_gateway(config: &Path, mut trusted: Keys, args: &Args) -> anyhow::Result<Report> {
    let gateway = output::configuration(config)?.gateway;
    let client = Client::new(&gateway.socket);
    let view: AuditView = match client.get("/v1/audit", &AuditPlace::default()).await {
        Err(ClientError::NotRunning { .. }) => {
            match keys::audit_key_there(&gateway.state_dir) {
                Ok(key) => trusted.add(&key.public_key().to_base64url())?,
                Err(error) if args.key.is_empty() => return Err(error),
                Err(_) => {}
            }
            return of_file(config, &gateway.state_dir.join("journal.db"), trusted, args);
        }
        answer => answer?,
    };
    if let Some(key) = &view.key {
        trusted.add(&key.public_key)?;
    }
    let mut judge = begin(trusted, args)?;
    let mut progress = Progress::begin();
    let mut page = view.page;
    loop {
        take(&mut judge, &page)?;
        progress.say(&judge.report);
        let Some(place) = page.go_on else { return Ok(judge.end()) };
        let view: AuditView = client.get("/v1/audit", &place).await?;
        page = view.page;
    }
}

fn of_file(config: &Path, file: &Path, trusted: Keys, args: &Args) -> anyhow::Result<Report> {
    let journal = stopped::inspect_whole(config, file)?;
    let mut judge = begin(trusted, args)?;
    let mut progress = Progress::begin();
    let mut place = AuditPlace::default();
    loop {
        let page = journal.audit_page(place)?;
        take(&mut judge, &page)?;
        progress.say(&judge.report);
        match page.go_on {
            Some(next) => place = next,
            None => return Ok(judge.end()),
        }
    }
}

fn begin(trusted: Keys, args: &Args) -> anyhow::Result<Judge> {
    let against = args.against.as_ref().map(|file| Against::read(file, &trusted)).transpose()?;
    Ok(Judge::new(trusted, against))
}

fn take(judge: &mut Judge, page: &AuditPage) -> anyhow::Result<()> {
    if !page.kept {
        bail!(
            "this journal keeps no digests yet: an older doorward wrote it\n  remedy: start the \
             gateway with it, which keeps them from then on"
        );
    }
    judge.take(page);
    Ok(())
}

fn in_words(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let covered = report.covered.map_or_else(String::new, |(first, last)| {
        format!(", sequences {first} to {last} of journal {}", report.journal_id)
    });
    lines.push(format!("ranges       {} closed{covered}", report.ranges));
    if report.waiting + report.lost > 0 {
        lines.push(format!(
            "checkpoints  {} wait for the bus, {} it will never have",
            report.waiting, report.lost
        ));
    }
    lines.push(format!(
        "digests      {}: {} events compared, {} erased, {} gone as history or given up",
        report.events, report.compared, report.erased, report.gone
    ));
    lines.push(format!(
        "not closed   {} digests, {} events compared",
        report.open_events, report.open_compared
    ));
    if let Some(against) = &report.against {
        lines.push(format!(
            "received     {} checkpoints: {} the same here, {} of ranges no longer kept, {} of \
             other journals",
            against.received, against.same, against.older, against.other_journals
        ));
        if let Some((first, last)) = against.first_not_received {
            lines.push(format!(
                "NOT RECEIVED {} checkpoints that the bus accepted are not in the file, the first \
                 of {first} to {last}",
                against.not_received
            ));
        }
    }
    match &report.broken {
        None => lines.push("all of it is as it was signed".to_owned()),
        Some(BrokenRange { journal_id, first, last, by_slot, words }) => {
            let of = if *by_slot { "slots" } else { "sequences" };
            lines.push(format!(
                "BROKEN       {of} {first} to {last} of journal {journal_id}: {words}"
            ));
            if report.broken_ranges > 1 {
                let more = report.broken_ranges - 1;
                lines.push(format!("and {more} more ranges are not as they were signed"));
            }
        }
    }
    lines
}

/// Says on the standard error how far it is, when it takes long.
struct Progress(Instant);

impl Progress {
    fn begin() -> Self {
        Self(Instant::now())
    }

    fn say(&mut self, report: &Report) {
        if self.0.elapsed() >= PROGRESS {
            self.0 = Instant::now();
            output::say_error(&format!("{} ranges …", report.ranges));
        }
    }
}
