//! `doorward journal verify`: whether what is there is what was written.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::commands::{output, stopped};
use crate::journal::{Inspected, Verified};
use crate::local::{ClientError, VerifyQuery};

/// Rows looked at in one step of a file that nobody else waits for.
const ROWS: u64 = 4096;
/// How far it is, is said this often.
const PROGRESS: Duration = Duration::from_secs(2);
/// The status of a journal in which rows cannot be reached.
const BROKEN: u16 = 422;
/// Damaged slots that are named; further ones are counted.
const NAMED: usize = 1000;

#[derive(clap::Args)]
pub struct Args {
    /// Take damaged rows out of the running gateway's journal; those that waited are told as
    /// missing.
    #[arg(long, conflicts_with = "file")]
    mend: bool,
    /// This file, which no gateway may have open, instead of the running gateway's.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
struct Report {
    whole: bool,
    /// Rows looked at.
    rows: u64,
    damaged_rows: u64,
    /// Their slots, the first thousand.
    slots: Vec<u64>,
    /// What else is wrong with the file.
    file: Vec<String>,
    /// Whether the file as a whole was checked, beside its rows.
    file_checked: bool,
}

impl Report {
    fn add(&mut self, found: &Verified) {
        self.rows += found.looked;
        self.damaged_rows += found.damaged.len() as u64;
        let room = NAMED.saturating_sub(self.slots.len());
        self.slots.extend(found.damaged.iter().take(room));
    }
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let mut report = match &args.file {
        Some(file) => of_file(config, file)?,
        None => of_gateway(config, args.mend).await?,
    };
    report.whole = report.damaged_rows == 0 && report.file.is_empty();
    if args.json {
        output::json(&report)?;
    } else {
        say(&report, args.mend);
    }
    Ok(if report.whole { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn of_gateway(config: &Path, mend: bool) -> anyhow::Result<Report> {
    let client = output::client(config)?;
    let mut report = Report::default();
    let mut progress = Progress::begin();
    let mut query = VerifyQuery::default();
    loop {
        let mut found = None;
        let outcome = if mend {
            let take = |step: Verified| found.replace(step).is_none();
            client.post("/v1/journal/verify", &query, take).await.map(|_| ())
        } else {
            client.get("/v1/journal/verify", &query).await.map(|step| found = Some(step))
        };
        if let Err(ClientError::Refused { status: BROKEN, words }) = outcome {
            let after = query.after.unwrap_or(0);
            report.file.push(format!("rows after slot {after} cannot be reached: {words}"));
            return Ok(report);
        }
        outcome?;
        let found = found.unwrap_or_default();
        report.add(&found);
        progress.say(report.rows);
        match found.through {
            Some(slot) => query.after = Some(slot),
            None => return Ok(report),
        }
    }
}

fn of_file(config: &Path, file: &Path) -> anyhow::Result<Report> {
    let mut report = Report { file_checked: true, ..Report::default() };
    let Inspected { journal, damage } = match stopped::inspect(config, file) {
        Ok(inspected) => inspected,
        Err(unreadable) if unreadable.error.is_damage() => {
            report.file.push(unreadable.error.to_string());
            return Ok(report);
        }
        Err(unreadable) => return Err(unreadable.into()),
    };
    report.file.extend(damage.map(|damage| damage.to_string()));
    let mut progress = Progress::begin();
    let mut after = 0;
    loop {
        match journal.verify_rows(after, ROWS) {
            Ok(found) => {
                report.add(&found);
                progress.say(report.rows);
                match found.through {
                    Some(slot) => after = slot,
                    None => break,
                }
            }
            Err(error) => {
                report.file.push(format!("rows after slot {after} cannot be reached: {error}"));
                break;
            }
        }
    }
    if progress.is_long() {
        output::say_error("the file as a whole …");
    }
    match journal.verify_file() {
        Ok(lines) => report.file.extend(lines),
        Err(error) => report.file.push(error.to_string()),
    }
    Ok(report)
}

fn say(report: &Report, mended: bool) {
    let beside = if report.file_checked {
        ", and the file as a whole"
    } else {
        "; the file as a whole is checked with --file while the gateway is stopped"
    };
    output::say(&format!("looked at {} rows{beside}", report.rows));
    if report.damaged_rows > 0 {
        let slots: Vec<(u64, u64)> = report.slots.iter().map(|slot| (*slot, *slot)).collect();
        output::say(&format!(
            "DAMAGED {} rows, slots {}",
            report.damaged_rows,
            output::ranges(&slots)
        ));
    }
    for line in &report.file {
        output::say(&format!("DAMAGED {line}"));
    }
    output::say(if report.whole {
        "all of it is as it was written"
    } else if !report.file.is_empty() {
        "a gateway that starts with it takes over what can be read, and tells the rest"
    } else if mended {
        "they were taken out; those that waited are told as missing"
    } else {
        "doorward journal verify --mend takes them out of a running gateway's, and tells those that \
         waited as missing"
    });
}

/// Says on the standard error how far it is, when it takes long.
struct Progress {
    begun: Instant,
    said: Instant,
}

impl Progress {
    fn begin() -> Self {
        Self { begun: Instant::now(), said: Instant::now() }
    }

    fn is_long(&self) -> bool {
        self.begun.elapsed() >= PROGRESS
    }

    fn say(&mut self, rows: u64) {
        if self.said.elapsed() >= PROGRESS {
            self.said = Instant::now();
            output::say_error(&format!("{rows} rows …"));
        }
    }
}
