//! `lint`: judges the repository, and mends what has one meaning only.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use doorward_schema_repository::Tree;
use jiff::civil::Date;
use serde_json::json;

use super::{Outcome, WrongCall, write_file};
use crate::finding::{counted, say, say_json, text};
use crate::lint::{RULES, fix, lint};
use crate::today;

/// What is wrong with schemas, types and examples, and how to mend it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  doorward-schema lint\n  doorward-schema lint access.denied \
                        --fix\n  doorward-schema lint --rules\n  doorward-schema lint --json | jq \
                        '.findings[].file'")]
pub struct Lint {
    /// Only these types, and what all types share.
    #[arg(value_name = "TYPE")]
    types: Vec<String>,
    /// Mend what has one meaning only: const, numeric exclusive bounds, $defs, 2.0 in integers.
    /// With types, in their own files alone.
    #[arg(long)]
    fix: bool,
    /// List the rules.
    #[arg(long)]
    rules: bool,
    /// For scripts: {"types", "findings": [{rule, file, line, column, pointer, what, remedy}]}.
    #[arg(long)]
    json: bool,
    /// Judge as on this day.
    #[arg(long, value_name = "DATE", value_parser = today::read)]
    today: Option<Date>,
}

impl Lint {
    pub fn run(self, root: &Path) -> Outcome {
        if self.rules {
            let mut list = String::new();
            for (code, says) in RULES {
                let _ = writeln!(list, "{code:20} {says}");
            }
            say(&list);
            return Ok(ExitCode::SUCCESS);
        }
        let mut tree = Tree::load(root)?;
        for name in &self.types {
            if !tree.types.contains_key(name) {
                return Err(WrongCall::no_type(&tree, name).into());
            }
        }
        let only: BTreeSet<String> = self.types.into_iter().collect();
        if self.fix {
            for (file, text) in fix(&tree, &only) {
                write_file(root, &file, &text)?;
                if !self.json {
                    say(&format!("{file}: mended\n"));
                }
            }
            tree = Tree::load(root)?;
        }
        let findings = lint(&tree, &only, today::or_now(self.today));
        let types = if only.is_empty() { tree.types.len() } else { only.len() };
        if self.json {
            let list: Vec<_> = findings.iter().map(crate::finding::Finding::json).collect();
            say_json(&json!({ "types": types, "findings": list }));
        } else if findings.is_empty() {
            say(&format!("{}: nothing to mend\n", counted(types, "type")));
        } else {
            say(&text(&findings));
            say(&format!("{}: {} to mend\n", counted(types, "type"), findings.len()));
        }
        Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
