//! The commands in `docs/*.md`: each is run as it stands there, in one gateway's place, and none may
//! be one that the command line does not understand. What they do has tests of its own.
//!
//! The blocks of `installing.md` are typed in a booted Debian besides (`make guide`).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::gateway::Place;

/// What does not end by itself, or would change this machine: their arguments are read, and no more.
const READ_ALONE: &[(&str, &str)] = &[
    ("run", "it goes on; `lifecycle.rs`"),
    ("drill", "minutes; `tests/drill.rs`"),
    ("setup", "it would write under /etc; `tests/real/setup.rs`"),
];
/// Names of parts of the command line rather than lines to be typed, as the sentence around them says.
const NO_LINES: &[&str] = &["events, doors, …"];
/// What the command line says of what it does not know. Of an argument that the sentence around a
/// command leaves to the reader it says something else.
const MISUNDERSTOOD: &[&str] = &["unrecognized subcommand", "unexpected argument", "invalid value"];
/// What a person puts for these words.
const PUT: &[(&str, &str)] = &[("NAME", "zigbee2mqtt"), ("FILE", "some-file"), ("KEY", "some-key")];

/// Every command in the text, without `sudo`: those in lines of blocks, which a backslash continues,
/// and those between backticks.
fn commands(text: &str) -> BTreeSet<String> {
    let mut parts = text.split("\\\n");
    let mut joined = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        joined = format!("{} {}", joined.trim_end(), part.trim_start());
    }
    let text = &joined;
    let mut found = BTreeSet::new();
    let mut in_block = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            // After two blanks or a hash comes what it does; after an operator, the shell's part.
            let line = line.trim();
            let end = ["  ", " #", " || ", " | ", " > ", " && "];
            let end = end.iter().filter_map(|mark| line.find(mark)).min().unwrap_or(line.len());
            found.extend(substituted(&line[..end]).iter().filter_map(|words| of_ours(words)));
        } else {
            found.extend(line.split('`').skip(1).step_by(2).filter_map(of_ours));
        }
    }
    found
}

/// A line, and what the shell would run first and put into it as one word.
fn substituted(line: &str) -> Vec<String> {
    let parts = line.split_once("\"$(").and_then(|(before, rest)| {
        let (inner, after) = rest.split_once(")\"")?;
        Some(vec![format!("{before}WORD{after}"), inner.to_owned()])
    });
    parts.unwrap_or_else(|| vec![line.to_owned()])
}

fn of_ours(words: &str) -> Option<String> {
    let words = words.strip_prefix("sudo ").unwrap_or(words).trim();
    let arguments = words.strip_prefix("doorward ")?;
    (!NO_LINES.contains(&arguments)).then(|| arguments.to_owned())
}

fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            for command in commands(&fs::read_to_string(&path).unwrap()) {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                found.entry(command).or_default().insert(name);
            }
        }
    }
    found
}

#[test]
fn each_command_of_the_documents_is_one_that_there_is() {
    let documented = documented();
    assert!(documented.len() >= 40, "{documented:?}");
    for wanted in
        ["hardware.md", "metrics.md", "operations.md", "security.md", "troubleshooting.md"]
    {
        assert!(documented.values().any(|files| files.contains(wanted)), "{wanted} names none");
    }
    let place = Place::new();
    let gateway = place.start();
    place.started(1);
    let mut wrong = Vec::new();
    for (command, files) in &documented {
        let mut arguments: Vec<&str> = command.split_whitespace().collect();
        for argument in &mut arguments {
            if let Some((_, put)) = PUT.iter().find(|(word, _)| word == argument) {
                *argument = put;
            }
        }
        if READ_ALONE.iter().any(|(name, _)| arguments.first() == Some(name)) {
            arguments.push("--help");
        }
        let bare = place.command(&arguments);
        let mut bounded = Command::new("timeout");
        bounded.arg("20").arg(bare.get_program()).args(bare.get_args());
        let output = bounded.current_dir(place.path()).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        // One that follows goes on until it is stopped, which shows that it was understood.
        let hangs = output.status.code() == Some(124) && !arguments.contains(&"--follow");
        if hangs || MISUNDERSTOOD.iter().any(|words| said.contains(words)) {
            wrong.push(format!("{files:?}: doorward {command}: {said}"));
        }
    }
    drop(gateway);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_that_there_is_not_would_be_found() {
    let text = "Look at `doorward weather --now`, or type\n```\nsudo doorward queue --jason   # no\n\
         doorward wind --from \"$(doorward north --true)\" --to south\n```\n";
    let found: Vec<String> = commands(text).into_iter().collect();
    assert_eq!(
        found,
        ["north --true", "queue --jason", "weather --now", "wind --from WORD --to south"]
    );
    let place = Place::new();
    for command in found {
        let said = place.run(&command.split_whitespace().collect::<Vec<_>>());
        assert!(MISUNDERSTOOD.iter().any(|words| said.err.contains(words)), "{said:?}");
    }
}
