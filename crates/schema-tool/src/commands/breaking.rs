//! `breaking`: the gate, asked by itself.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use doorward_schema_repository::Tree;
use jiff::civil::Date;
use serde_json::json;

use super::{Outcome, WrongCall, selected};
use crate::breaking::{Break, Report, exceptions, git, with_commit, with_releases};
use crate::finding::{Finding, counted, say, say_json, text};
use crate::today;

/// Which changes would break somebody, each with a document that shows it.
///
/// Compares next.json with every release of a type, or with a commit. Exits with 1 where a change
/// is breaking, or where neither a proof nor a counterexample was found.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  doorward-schema breaking\n  doorward-schema breaking \
                        --against origin/main\n  doorward-schema breaking access.denied --json")]
pub struct Breaking {
    /// Only these types.
    #[arg(value_name = "TYPE")]
    types: Vec<String>,
    /// Compare with a commit, branch or tag of this git repository.
    #[arg(long, value_name = "REF")]
    against: Option<String>,
    /// For scripts.
    #[arg(long)]
    json: bool,
    /// Judge as on this day.
    #[arg(long, value_name = "DATE", value_parser = today::read)]
    today: Option<Date>,
}

impl Breaking {
    pub fn run(self, root: &Path) -> Outcome {
        let tree = Tree::load(root)?;
        let types = selected(&tree, &self.types)?;
        let now = today::or_now(self.today);
        let report = match &self.against {
            None => with_releases(&tree, &types, now)?,
            Some(reference) => {
                let old = git::at(root, reference).map_err(|e| WrongCall(format!("{e:#}")))?;
                with_commit(&tree, &old, reference, &types, now)?
            }
        };
        if self.json {
            say_json(&json!({
                "compared": report.compared.iter().map(|(name, states)| {
                    json!({ "type": name, "states": states })
                }).collect::<Vec<_>>(),
                "changes": report.breaks.iter().map(Break::json).collect::<Vec<_>>(),
                "findings": report.findings.iter().map(Finding::json).collect::<Vec<_>>(),
            }));
        } else {
            say(&told(&report));
        }
        Ok(if report.fails() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// For people.
pub fn told(report: &Report) -> String {
    let mut out = String::new();
    for found in &report.breaks {
        let Break { place, level, code, pointer, rule, says, type_name, against, .. } = found;
        let level = if found.excused.is_some() { "excused" } else { level.as_str() };
        let _ = writeln!(
            out,
            "{place}: {level}: {code}: {type_name} against {against}: {pointer}\n    {says}\n    \
             rule: {rule}: {}",
            asks(rule)
        );
        if let Some(document) = &found.document {
            let (at, keyword) = found.refused.clone().unwrap_or_default();
            let _ = writeln!(out, "    refused at {at:?} by {keyword}: {document}");
            if found.together {
                let why = "other changes refuse it too; there is none for this one alone";
                let _ = writeln!(out, "    {why}");
            }
        }
        match &found.excused {
            Some(entry) => {
                let _ = writeln!(out, "    excused: {entry}");
            }
            None if found.fails() => {
                let ready = exceptions::ready(found);
                let file = exceptions::FILE;
                let _ = writeln!(
                    out,
                    "    undo it, or make a new type; to excuse it, put this with reason, approver \
                     and end into the list \"exceptions\" of {file}: {ready}"
                );
            }
            None => {}
        }
    }
    out.push_str(&text(&report.findings));
    let states: usize = report.compared.iter().map(|(_, states)| states).sum();
    let failing = report.breaks.iter().filter(|found| found.fails()).count();
    let fresh = report.compared.iter().filter(|(_, states)| *states == 0).count();
    let fresh = if fresh == 0 {
        String::new()
    } else {
        format!(" ({fresh} without one: nothing promised)")
    };
    let _ = writeln!(
        out,
        "{} compared with {}{fresh}: {} to undo, {}",
        counted(report.compared.len(), "type"),
        counted(states, "earlier state"),
        counted(failing, "change"),
        counted(report.findings.len(), "finding")
    );
    out
}

/// What a rule asks, for whoever does not know its name.
fn asks(rule: &str) -> &'static str {
    match rule {
        "new-writer-old-reader" => {
            "what is written from now on, every reader of that state accepts"
        }
        "old-writer-new-reader" => "what was written by that state, readers accept from now on",
        "closed-on-both-sides" => {
            "a statement says the same to old and new, to the member and the word"
        }
        _ => "a released type goes one way, with one statement",
    }
}
