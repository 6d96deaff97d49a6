//! `doorward identity show`: what the gateway relies on, and when each ends.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use serde::Serialize;

use crate::commands::output;
use crate::identity::{Ends, Item, Kind, Standing, inventory};

#[derive(clap::Args)]
pub struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Shown {
    kind: Kind,
    name: String,
    file: PathBuf,
    /// `valid`, `due`, `not_yet_valid`, `expired`, `unusable`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_after: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    renew_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

pub fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let configuration = output::configuration(config)?;
    let now = Timestamp::now();
    let shown: Vec<Shown> =
        inventory(&configuration).into_iter().map(|item| describe(item, now)).collect();
    let worst = shown.iter().map(|shown| rank(shown.state)).max().unwrap_or(0);
    if args.json {
        output::json(&shown)?;
        return Ok(ExitCode::from(worst));
    }
    if shown.is_empty() {
        output::say("nothing here has an end: no key of its own, no TLS to a broker, no list");
    }
    for item in &shown {
        let said = match (&item.not_after, &item.problem) {
            (_, Some(problem)) => problem.clone(),
            (Some(end), None) => format!(
                "{}, until {end:.0} ({} days)",
                item.subject.as_deref().unwrap_or_default(),
                item.days_left.unwrap_or_default()
            ),
            (None, None) => String::new(),
        };
        let (state, kind) = (item.state, item.kind.as_str());
        output::say(&format!("{state:<13} {kind} of {}: {said}", item.name));
    }
    Ok(ExitCode::from(worst))
}

fn describe(item: Item, now: Timestamp) -> Shown {
    let Item { kind, name, file, ends } = item;
    let none = Shown {
        kind,
        name,
        file,
        state: "unusable",
        subject: None,
        issuer: None,
        not_before: None,
        not_after: None,
        renew_at: None,
        days_left: None,
        problem: None,
    };
    match ends {
        Err(problem) => Shown { problem: Some(problem), ..none },
        Ok(ends) => Shown {
            state: state(&ends, now),
            days_left: Some(ends.days_left(now)),
            subject: Some(ends.subject),
            issuer: Some(ends.issuer),
            not_before: ends.not_before,
            not_after: Some(ends.not_after),
            renew_at: Some(ends.renewal_due),
            ..none
        },
    }
}

fn state(ends: &Ends, now: Timestamp) -> &'static str {
    match ends.standing(now) {
        Standing::NotYetValid => "not_yet_valid",
        Standing::Expired => "expired",
        Standing::Valid if now >= ends.renewal_due => "due",
        Standing::Valid => "valid",
    }
}

fn rank(state: &str) -> u8 {
    match state {
        "valid" => 0,
        "due" => 1,
        _ => 2,
    }
}
