//! `doorward journal import`: takes exported events over that had not been delivered.
//!
//! The file is read twice: every line is looked at before anything is taken over, so that a bad
//! one does not leave half of it here.

use std::collections::HashSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Serialize;
use uuid::Uuid;

use super::lines::{self, Exported, Lines};
use crate::commands::output;
use crate::commands::stopped::Own;
use crate::journal::{CARRY_BLOCK, Carried, Journal};

/// Bad lines that are named; further ones are counted.
const NAMED: usize = 20;

#[derive(clap::Args)]
pub struct Args {
    /// What `doorward journal export` wrote.
    file: PathBuf,
    /// Leave bad lines out, instead of refusing the file as a whole.
    #[arg(long)]
    skip_bad: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// A line that is not taken over.
#[derive(Debug, Serialize)]
struct Bad {
    line: u64,
    why: String,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    /// Lines with an event.
    events: u64,
    imported: u64,
    /// Left out: they are in this journal already.
    known: u64,
    /// Left out: the bus had them.
    delivered: u64,
    bad_lines: u64,
    /// The first of them.
    bad: Vec<Bad>,
    #[serde(skip_serializing_if = "Option::is_none")]
    arrival: Option<String>,
}

pub fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let instance = output::configuration(config)?.gateway.instance;
    let mut report = Report::default();
    each_event(&args.file, &instance, |event| {
        match event {
            Ok(_) => report.events += 1,
            Err(bad) => {
                report.bad_lines += 1;
                if report.bad.len() < NAMED {
                    report.bad.push(bad);
                }
            }
        }
        Ok(())
    })?;
    for Bad { line, why } in &report.bad {
        output::say_error(&format!("line {line}: {why}"));
    }
    if report.bad_lines > 0 && !args.skip_bad {
        bail!(
            "{} of {} lines are bad; nothing was imported\n  \
             remedy: mend them, or leave them out with --skip-bad",
            report.bad_lines,
            report.bad_lines + report.events
        );
    }
    let mut own = Own::open(config)?;
    report.arrival = own.arrival.take();
    let outcome = take_over(&mut own.journal, &args.file, &instance, &mut report);
    let imported = report.imported;
    outcome.with_context(|| {
        format!(
            "the import broke off after {imported} events; done again, it leaves out what is here"
        )
    })?;
    own.close()?;
    if args.json {
        output::json(&report)?;
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(arrival) = &report.arrival {
        output::say(arrival);
    }
    output::say(&format!(
        "{} events imported; left out: {} that are here already, {} that were delivered, {} bad lines",
        report.imported, report.known, report.delivered, report.bad_lines
    ));
    Ok(ExitCode::SUCCESS)
}

/// Shows each event of the file, or what is wrong with its line.
fn each_event(
    file: &Path,
    instance: &str,
    mut show: impl FnMut(Result<Exported, Bad>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let name = file.display();
    let open = File::open(file).with_context(|| format!("{name} cannot be read"))?;
    let mut reading = Lines::new(BufReader::with_capacity(1 << 16, open));
    let first = reading.next()?.and_then(|(_, line)| line);
    lines::header(first.as_deref()).map_err(|why| anyhow::anyhow!("{name}, line 1: {why}"))?;
    while let Some((number, line)) = reading.next()? {
        let event = lines::event(line.as_deref(), instance);
        show(event.map_err(|why| Bad { line: number, why }))?;
    }
    Ok(())
}

fn take_over(
    journal: &mut Journal,
    file: &Path,
    instance: &str,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut known: HashSet<Uuid> = journal.event_ids()?;
    let mut block: Vec<Carried> = Vec::with_capacity(CARRY_BLOCK);
    each_event(file, instance, |event| {
        // Bad lines were counted before.
        let Ok(Exported { id, delivered, event }) = event else { return Ok(()) };
        if delivered {
            report.delivered += 1;
        } else if known.insert(id) {
            block.push(event);
        } else {
            report.known += 1;
        }
        if block.len() >= CARRY_BLOCK {
            report.imported += journal.carry(&block)?;
            block.clear();
        }
        Ok(())
    })?;
    if !block.is_empty() {
        report.imported += journal.carry(&block)?;
    }
    Ok(())
}
