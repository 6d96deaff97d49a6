//! `doorward adopt`: takes over what another machine's journal still owes the bus.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use serde::Serialize;
use uuid::Uuid;

use super::output;
use super::stopped::Own;
use crate::journal::{
    AdoptError, Adopted, Arrival, Beside, Inspected, Journal, OpenError, Opening, adopted_before,
    beside_journal, holds_rows, rename_adopted,
};

#[derive(clap::Args)]
pub struct Args {
    /// The journal to take over; otherwise the one that was set aside in the state folder.
    file: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Default, Serialize)]
struct Report {
    /// What was taken over; absent: there was nothing to take over.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<PathBuf>,
    /// Its name from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_as: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal_id: Option<Uuid>,
    #[serde(flatten)]
    adopted: Adopted,
    /// What happened to the journals when they were opened.
    said: Vec<String>,
}

pub fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let mut own = Own::open(config)?;
    let mut report = Report::default();
    report.said.extend(own.arrival.take());
    if let Some(file) = chosen(&own, args.file.as_deref(), &mut report)? {
        let outcome = take_over(&mut own, &file, &mut report);
        report.file = Some(file);
        outcome?;
    }
    own.close()?;
    if args.json {
        output::json(&report)?;
    } else {
        say(&report);
    }
    Ok(ExitCode::SUCCESS)
}

/// Which file to take over; `None`: there is none.
fn chosen(own: &Own, named: Option<&Path>, report: &mut Report) -> anyhow::Result<Option<PathBuf>> {
    let Some(file) = named else {
        let mut files = beside_journal(&own.path)?;
        files.retain(|(file, kind)| {
            let name = file.to_string_lossy();
            *kind == Beside::Foreign && name.ends_with(|last: char| last.is_ascii_digit())
        });
        return match files.as_slice() {
            [] => Ok(None),
            [(file, _)] => Ok(Some(file.clone())),
            several => {
                let names: Vec<String> =
                    several.iter().map(|(file, _)| file.display().to_string()).collect();
                bail!(
                    "there are several\n  remedy: name the one to take over: {}",
                    names.join(", ")
                )
            }
        };
    };
    let identity = |path: &Path| -> Option<(u64, u64)> {
        std::fs::metadata(path).ok().map(|data| (data.dev(), data.ino()))
    };
    match identity(file) {
        None if adopted_before(file).is_some() => {
            let kept = adopted_before(file).unwrap_or_default();
            report.said.push(format!("{} was taken over before", kept.display()));
            Ok(None)
        }
        // SQLite's locks would be lost by opening it a second time.
        found if found.is_some() && found == identity(&own.path) => {
            bail!("{} is this gateway's own journal", file.display())
        }
        _ => Ok(Some(file.to_owned())),
    }
}

fn take_over(own: &mut Own, file: &Path, report: &mut Report) -> anyhow::Result<()> {
    let other =
        open(file, report).with_context(|| format!("{} cannot be taken over", file.display()))?;
    report.journal_id = Some(other.journal_id());
    let instance = &own.configuration.gateway.instance;
    let adopted = own.journal.adopt(&other, instance).map_err(|error| {
        let remedy = match &error {
            AdoptError::OtherGateway(_) => {
                "\n  remedy: if this machine replaces that one, set gateway.instance to its name"
            }
            AdoptError::Commit(_) => {
                "\n  remedy: make room and adopt again; what is here already is left out"
            }
            _ => "",
        };
        anyhow::anyhow!("{} cannot be taken over: {error}{remedy}", file.display())
    })?;
    report.adopted = adopted;
    drop(other);
    let kept_as = rename_adopted(file).with_context(|| {
        format!(
            "{} events were taken over, but {} cannot be renamed; adopting it again changes nothing",
            adopted.events,
            file.display()
        )
    })?;
    report.kept_as = Some(kept_as);
    Ok(())
}

/// Opens the other journal, whatever state it is in.
fn open(file: &Path, report: &mut Report) -> Result<Journal, OpenError> {
    match Journal::inspect(file, crate::journal::Bounds::default()) {
        Ok(Inspected { journal, damage: None }) => return Ok(journal),
        Ok(_) | Err(OpenError::Older { .. }) => {}
        // Somebody's other file stays as it is.
        Err(error) if error.is_damage() && holds_rows(file)? => {}
        Err(error) => return Err(error),
    }
    // What is old is upgraded, what is broken salvaged: both in place.
    let mut random = fastrand::Rng::new();
    let mut ids = || uuid::Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid();
    let (journal, restored) = Journal::arrive(file, &Opening::default(), &mut ids)?;
    if restored.arrival != Arrival::AsItWas {
        report.said.push(format!("{}: {}", file.display(), restored.arrival.words()));
    }
    Ok(journal)
}

fn say(report: &Report) {
    for words in &report.said {
        output::say(words);
    }
    let (Some(file), Some(kept_as)) = (&report.file, &report.kept_as) else {
        output::say("there is nothing to take over");
        return;
    };
    let Adopted { events, known, damaged, gaps } = report.adopted;
    output::say(&format!("{} events of {} were taken over", events, file.display()));
    if known > 0 {
        output::say(&format!("{known} were here already"));
    }
    if damaged > 0 {
        output::say(&format!("{damaged} could not be read; an event will tell of them"));
    }
    if gaps > 0 {
        output::say(&format!("{gaps} gaps of it will be told of here"));
    }
    output::say(&format!(
        "it is kept as {}; remove it once doorward queue says that nothing waits",
        kept_as.display()
    ));
}
