//! `changelog`: what changed from release to release, read from the released files themselves.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use doorward_schema_repository::Tree;
use serde_json::{Value, json};

use super::{Outcome, selected};
use crate::deprecate::between;
use crate::finding::{say, say_json};

/// What changed from release to release, and which exceptions were made.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  doorward-schema changelog access.denied\n  doorward-schema \
                        changelog > CHANGELOG.md")]
pub struct Changelog {
    /// Only these types.
    #[arg(value_name = "TYPE")]
    types: Vec<String>,
    /// For scripts.
    #[arg(long)]
    json: bool,
}

impl Changelog {
    pub fn run(self, root: &Path) -> Outcome {
        let tree = Tree::load(root)?;
        let types = selected(&tree, &self.types)?;
        let lock = tree.locked().map_err(|broken| match broken.into_iter().next() {
            Some(first) => anyhow::Error::new(first),
            None => anyhow::anyhow!("the lock is broken"),
        })?;
        let mut out = String::from("# Changelog of the event types\n");
        let mut entries: Vec<Value> = Vec::new();
        for name in &types {
            let Some(folder) = tree.types.get(name) else { continue };
            if folder.released.is_empty() {
                continue;
            }
            let _ = writeln!(out, "\n## {name}");
            let sunset = lock.types.get(name).and_then(|promise| promise.sunset.as_deref());
            if let Some(sunset) = sunset {
                let _ = writeln!(out, "\nDeprecated: published until {sunset}.");
            }
            let mut before: Option<&Value> = None;
            for (version, document) in &folder.released {
                let release = lock.types.get(name).and_then(|p| p.versions.get(version));
                let reason = release.map(|release| release.reason.clone()).unwrap_or_default();
                let exceptions = release.map(|r| r.exceptions.clone()).unwrap_or_default();
                let changes = before.map(|old| between(old, &document.value)).unwrap_or_default();
                let _ = writeln!(out, "\n### {version}\n\n{reason}");
                if !changes.is_empty() {
                    out.push('\n');
                }
                for change in &changes {
                    let _ = writeln!(out, "- `{change}`");
                }
                for exception in &exceptions {
                    let text = |member: &str| {
                        exception.get(member).and_then(Value::as_str).unwrap_or_default()
                    };
                    let _ = writeln!(
                        out,
                        "- **exception**: {} at `{}`: {} (approved by {}, until {})",
                        text("code"),
                        text("pointer"),
                        text("reason"),
                        text("approver"),
                        text("expires")
                    );
                }
                entries.push(json!({
                    "type": name,
                    "version": version.to_string(),
                    "reason": reason,
                    "changes": changes,
                    "exceptions": exceptions,
                }));
                before = Some(&document.value);
            }
        }
        if self.json {
            say_json(&json!({ "releases": entries }));
        } else if entries.is_empty() {
            say("nothing was released yet: all types are drafts\n");
        } else {
            say(&out);
        }
        Ok(ExitCode::SUCCESS)
    }
}
