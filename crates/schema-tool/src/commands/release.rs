//! `release`: makes versions that never change.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use doorward_schema_repository::Tree;
use jiff::civil::Date;
use serde_json::json;

use super::breaking::told;
use super::{Outcome, WrongCall, selected, write_file};
use crate::breaking::Break;
use crate::finding::{Finding, say, say_json, text};
use crate::release::{Plan, Refusal, plan};
use crate::today;

/// Freezes next.json as the next MAJOR.MINOR.json, with its hash in lock.json.
///
/// Refused: what lint finds something about, what did not change, what would break somebody.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  doorward-schema release delivery.returned\n  doorward-schema \
                        release access.denied --reason 'Couriers ask why.'\n  doorward-schema \
                        release --all --dry-run"
)]
pub struct ReleaseTypes {
    #[arg(value_name = "TYPE", required_unless_present = "all", conflicts_with = "all")]
    types: Vec<String>,
    /// Every type that changed since its last release.
    #[arg(long)]
    all: bool,
    /// Why: it stands in lock.json and in the changelog. Needed after the first release.
    #[arg(long, default_value = "", value_name = "TEXT")]
    reason: String,
    /// Say what would be released, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// For scripts.
    #[arg(long)]
    json: bool,
    /// Judge as on this day.
    #[arg(long, value_name = "DATE", value_parser = today::read)]
    today: Option<Date>,
}

impl ReleaseTypes {
    pub fn run(self, root: &Path) -> Outcome {
        let tree = Tree::load(root)?;
        let types = selected(&tree, &self.types)?;
        if self.reason.trim().is_empty() {
            let again = |name: &&String| {
                tree.types.get(*name).is_some_and(|folder| !folder.released.is_empty())
            };
            if let Some(name) = types.iter().filter(|_| !self.all).find(again) {
                let why = format!("{name} was released before: say why with --reason");
                return Err(WrongCall(why).into());
            }
        }
        let refused = match plan(&tree, &types, self.reason.trim(), today::or_now(self.today)) {
            Ok(plan) if !self.all && !plan.unchanged.is_empty() => {
                let names = plan.unchanged.join(", ");
                Refusal::Other(format!("nothing changed since the last release: {names}"))
            }
            Ok(plan)
                if self.reason.trim().is_empty()
                    && plan.released.iter().any(|(_, version)| {
                        *version != doorward_schema_repository::Version::FIRST
                    }) =>
            {
                return Err(
                    WrongCall("released types changed: say why with --reason".into()).into()
                );
            }
            Ok(plan) => return self.done(root, &plan),
            Err(refusal) => refusal,
        };
        match refused {
            Refusal::Unlinted(findings) if self.json => say_json(&json!({
                "released": [],
                "findings": findings.iter().map(Finding::json).collect::<Vec<_>>(),
            })),
            Refusal::Incompatible(report) if self.json => say_json(&json!({
                "released": [],
                "findings": report.findings.iter().map(Finding::json).collect::<Vec<_>>(),
                "changes": report.breaks.iter().map(Break::json).collect::<Vec<_>>(),
            })),
            Refusal::Unlinted(findings) => {
                say(&text(&findings));
                say(&format!("nothing released: {} to mend first\n", findings.len()));
            }
            Refusal::Incompatible(report) => {
                say(&told(&report));
                say("nothing released: undo what breaks somebody, or make a new type\n");
            }
            Refusal::Other(why) => anyhow::bail!("nothing released: {why}"),
        }
        Ok(ExitCode::FAILURE)
    }

    fn done(&self, root: &Path, plan: &Plan) -> Outcome {
        if !self.dry_run {
            for (file, text) in &plan.files {
                write_file(root, file, text)?;
            }
        }
        if self.json {
            let version = |(name, version): &(String, doorward_schema_repository::Version)| json!({ "type": name, "version": version.to_string() });
            say_json(&json!({
                "dry_run": self.dry_run,
                "released": plan.released.iter().map(version).collect::<Vec<_>>(),
                "unchanged": plan.unchanged,
                "files": plan.files.iter().map(|(file, _)| file).collect::<Vec<_>>(),
            }));
            return Ok(ExitCode::SUCCESS);
        }
        let mut out = String::new();
        for (name, version) in &plan.released {
            let _ = writeln!(out, "{name} {version}: schemas/{name}/{version}.json");
        }
        let verb = if self.dry_run { "would be released" } else { "released" };
        let _ = writeln!(out, "{} {verb}, {} unchanged", plan.released.len(), plan.unchanged.len());
        say(&out);
        Ok(ExitCode::SUCCESS)
    }
}
