//! `subscriptions`: who receives what, against the schemas.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use doorward_schema_repository::{Edition, Repository, Tree};
use serde_json::json;

use super::Outcome;
use crate::finding::{Finding, say, say_json, text};
use crate::subscriptions::{all, check, conformance};

/// Who receives what: subscriptions/TEAM/NAME.json against the schemas.
#[derive(Debug, Args)]
pub struct Subscriptions {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Names every exchange that is not declared or broader than declared, and every filter on a
    /// field or a value that a schema lacks.
    #[command(after_help = "Examples:\n  doorward-schema subscriptions check\n  doorward-schema \
                            subscriptions check --json")]
    Check {
        /// For scripts.
        #[arg(long)]
        json: bool,
    },
    /// Runs the matcher of patterns over a folder of patterns and events that others wrote.
    #[command(after_help = "Example:\n  doorward-schema subscriptions conformance \
                            ../event-ruler")]
    Conformance {
        /// Files *Event*.json are events, wrong*.json must be refused, others are patterns.
        folder: PathBuf,
    },
}

impl Subscriptions {
    pub fn run(self, root: &Path) -> Outcome {
        match self.action {
            Action::Check { json } => run_check(root, json),
            Action::Conformance { folder } => run_conformance(&folder),
        }
    }
}

fn run_check(root: &Path, json: bool) -> Outcome {
    let tree = Tree::load(root)?;
    let repository = Repository::of(&tree, Edition::Built).map_err(|e| anyhow::anyhow!("{e}"))?;
    let findings = check(&tree, &repository);
    let subscriptions = all(&tree);
    if json {
        let list: Vec<_> = subscriptions
            .iter()
            .map(|s| {
                json!({ "team": s.team, "name": s.name, "types": s.types().collect::<Vec<_>>() })
            })
            .collect();
        let findings: Vec<_> = findings.iter().map(Finding::json).collect();
        say_json(&json!({ "subscriptions": list, "findings": findings }));
    } else {
        say(&text(&findings));
        say(&format!("{} subscriptions: {} to mend\n", subscriptions.len(), findings.len()));
    }
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_conformance(folder: &Path) -> Outcome {
    let found = conformance::run(folder)?;
    let mut out = String::new();
    let mut wrong = 0;
    for (kind, list) in [("read", &found.read), ("refused", &found.refused)] {
        for (name, outcome) in list {
            let told = match outcome {
                Ok(()) => "as it must be".to_owned(),
                Err(why) => {
                    wrong += 1;
                    format!("NOT: {why}")
                }
            };
            let _ = writeln!(out, "{name:40} {kind:8} {told}");
        }
    }
    for (rule, event, matched) in &found.matched {
        let verb = if *matched { "matches" } else { "does not match" };
        let _ = writeln!(out, "{rule:40} {verb:15} {event}");
    }
    let patterns = found.read.len() + found.refused.len();
    let _ = writeln!(out, "{patterns} patterns, {wrong} otherwise than they must be");
    say(&out);
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
