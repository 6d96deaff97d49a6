//! `deprecate`: announces the end of a type.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use doorward_schema_repository::Tree;
use doorward_schema_repository::files::text;
use jiff::civil::Date;
use serde_json::json;

use super::{Outcome, WrongCall, write_file};
use crate::deprecate::{End, page_of, plan};
use crate::finding::{say, say_json};
use crate::today;

/// Announces the end of a type: its replacement, its last day, who must move and how.
///
/// The day only moves later; the folder stays until it is over.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  doorward-schema deprecate entry.position_changed --replacement \
                        entry.position_changed.v2 --sunset 2027-06-30"
)]
pub struct Deprecate {
    #[arg(value_name = "TYPE")]
    type_name: String,
    /// The released type that takes its place.
    #[arg(long, value_name = "TYPE")]
    replacement: String,
    /// The last day on which it is published for sure.
    #[arg(long, value_name = "DATE", value_parser = today::read)]
    sunset: Date,
    /// Say what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// For scripts.
    #[arg(long)]
    json: bool,
    /// Judge as on this day.
    #[arg(long, value_name = "DATE", value_parser = today::read)]
    today: Option<Date>,
}

impl Deprecate {
    pub fn run(self, root: &Path) -> Outcome {
        let tree = Tree::load(root)?;
        for name in [&self.type_name, &self.replacement] {
            if !tree.types.contains_key(name) {
                return Err(WrongCall::no_type(&tree, name).into());
            }
        }
        let now = today::or_now(self.today);
        let end =
            End { name: &self.type_name, replacement: &self.replacement, sunset: self.sunset };
        let file = page_of(end.name);
        let page = text(&root.join(&file), &file)?;
        let plan = plan(&tree, end, page.as_deref(), now)
            .map_err(|why| anyhow::anyhow!("nothing deprecated: {why}"))?;
        if !self.dry_run {
            for (file, text) in &plan.files {
                write_file(root, file, text)?;
            }
        }
        if self.json {
            say_json(&json!({
                "dry_run": self.dry_run,
                "files": plan.files.iter().map(|(file, _)| file).collect::<Vec<_>>(),
                "subscribers": plan.subscribers.iter().map(|(team, name, fields)| {
                    json!({ "team": team, "name": name, "fields": fields })
                }).collect::<Vec<_>>(),
            }));
            return Ok(ExitCode::SUCCESS);
        }
        let verb = if self.dry_run { "would be" } else { "is" };
        let mut out = format!(
            "{} {verb} deprecated until {}, {} takes its place\n",
            self.type_name, self.sunset, self.replacement
        );
        for (team, name, fields) in &plan.subscribers {
            let _ = writeln!(out, "  {team}/{name} still reads {}", fields.join(" "));
        }
        if plan.subscribers.is_empty() {
            out.push_str("  nobody that is registered subscribes to it\n");
        }
        for (file, _) in &plan.files {
            let _ = writeln!(out, "{file}");
        }
        say(&out);
        Ok(ExitCode::SUCCESS)
    }
}
