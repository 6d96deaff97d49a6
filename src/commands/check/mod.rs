//! `doorward check`: what is wrong, and how to mend it. One file a check.

mod acl;
mod broker;
mod bus;
mod certificates;
mod clock;
mod configuration;
mod devices;
mod disk;
mod endpoints;
mod issuers;
mod journal;
mod list;
mod memory;
mod names;
mod part;
mod rights;
mod running;
mod sandbox;
pub(in crate::commands) mod serial;
mod surroundings;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use serde::Serialize;

use super::output;
use super::trust::list as trust_list;
use crate::config::Finding;
pub(in crate::commands) use acl::beside;
pub(in crate::commands) use list::named;
use list::{CHECKS, Check};
use part::{Looked, Part, State};
use surroundings::Surroundings;

#[derive(clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct Args {
    /// Only the files; reach no broker and no running gateway.
    #[arg(long)]
    offline: bool,
    /// Warnings count as errors for the exit status.
    #[arg(long)]
    strict: bool,
    /// Only these checks.
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = list::named)]
    only: Vec<&'static Check>,
    /// List the checks, and look at nothing.
    #[arg(long)]
    list: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    /// Where the machine's own files begin.
    #[arg(long, hide = true, default_value = "/", value_name = "FOLDER")]
    root: PathBuf,
}

/// What all checks say.
#[derive(Serialize)]
pub(in crate::commands) struct Report {
    errors: usize,
    warnings: usize,
    checks: Vec<Outcome>,
    findings: Vec<Of<Finding>>,
    looked: Vec<Of<Looked>>,
}

/// How one check came out.
#[derive(Serialize)]
struct Outcome {
    name: &'static str,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
    took_ms: u64,
}

/// What a check said.
#[derive(Serialize)]
struct Of<T> {
    check: &'static str,
    #[serde(flatten)]
    said: T,
}

/// Which checks, of what.
pub(in crate::commands) struct Wanted<'a> {
    pub(in crate::commands) folder: &'a Path,
    pub(in crate::commands) root: &'a Path,
    pub(in crate::commands) offline: bool,
    /// Empty: all of them.
    pub(in crate::commands) only: &'a [&'static Check],
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    if args.list {
        let rows = CHECKS.iter().map(|check| vec![check.name.to_owned(), check.about.to_owned()]);
        output::table(&rows.collect::<Vec<_>>());
        return Ok(ExitCode::SUCCESS);
    }
    let Args { offline, root, only, .. } = args;
    let report = look(&Wanted { folder: config, root, offline: *offline, only }).await;
    if args.json {
        output::json(&report)?;
    } else {
        report.say();
    }
    Ok(match (report.errors, report.warnings) {
        (0, 0) => ExitCode::SUCCESS,
        (0, _) if args.strict => ExitCode::from(1),
        (0, _) => ExitCode::SUCCESS,
        _ => ExitCode::from(2),
    })
}

/// Runs the checks side by side, each within its bound of time.
pub(in crate::commands) async fn look(wanted: &Wanted<'_>) -> Report {
    let chosen: Vec<&'static Check> = CHECKS
        .iter()
        .filter(|check| !wanted.offline || check.of_files)
        .filter(|check| wanted.only.is_empty() || wanted.only.contains(check))
        .collect();
    let ask = chosen.iter().any(|check| check.asks_gateway);
    let around = Surroundings::find(wanted.folder, wanted.root, ask).await;
    let parts =
        futures_util::future::join_all(chosen.iter().map(|check| one(check, &around))).await;
    Report::of(chosen.into_iter().zip(parts))
}

async fn one(check: &Check, around: &Surroundings) -> (Part, u64) {
    let begun = Instant::now();
    let mut part = Part::default();
    if tokio::time::timeout(check.bound, (check.look)(around, &mut part)).await.is_err() {
        let (name, seconds) = (check.name, check.bound.as_secs());
        part.find(Finding::warning(
            Path::new(name),
            format!("the check {name} did not end within {seconds} s"),
            format!("doorward check --only {name}, when the machine has less to do"),
        ));
    }
    (part, u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX))
}

impl Report {
    fn of(parts: impl Iterator<Item = (&'static Check, (Part, u64))>) -> Self {
        let mut report = Self {
            errors: 0,
            warnings: 0,
            checks: Vec::new(),
            findings: Vec::new(),
            looked: Vec::new(),
        };
        for (check, (part, took_ms)) in parts {
            let name = check.name;
            let (state, detail, remedy) = (part.state(), part.detail(), part.remedy());
            report.checks.push(Outcome { name, state, detail, remedy, took_ms });
            report.findings.extend(part.findings.into_iter().map(|said| Of { check: name, said }));
            report.looked.extend(part.looked.into_iter().map(|said| Of { check: name, said }));
        }
        report.errors = report.findings.iter().filter(|finding| finding.said.is_error()).count();
        report.warnings = report.findings.len() - report.errors;
        report
    }

    /// For a person: what is wrong, then each thing that was looked at.
    pub(in crate::commands) fn say(&self) {
        for finding in &self.findings {
            output::say(&finding.said.to_string());
        }
        for Of { said: looked, .. } in &self.looked {
            let mark = match (looked.ok, looked.skipped) {
                (true, false) => "ok  ",
                (true, true) => "-   ",
                (false, _) => "BAD ",
            };
            let detail = looked.detail.as_deref().map_or_else(String::new, |d| format!(": {d}"));
            output::say(&format!("{mark} {}{detail}", looked.what));
        }
        // Of these checks no line above tells.
        for outcome in &self.checks {
            let told = self.looked.iter().any(|looked| looked.check == outcome.name);
            if !told && matches!(outcome.state, State::Ok | State::Skipped) {
                let mark = if outcome.state == State::Ok { "ok  " } else { "-   " };
                let detail =
                    outcome.detail.as_deref().map_or_else(String::new, |d| format!(": {d}"));
                output::say(&format!("{mark} {}{detail}", outcome.name));
            }
        }
        let (errors, warnings) = (self.errors, self.warnings);
        output::say(&format!("{}, {}", counted(errors, "error"), counted(warnings, "warning")));
    }

    /// How many things are wrong, and how many may be.
    pub(in crate::commands) fn counts(&self) -> (usize, usize) {
        (self.errors, self.warnings)
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
