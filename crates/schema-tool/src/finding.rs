//! What the tool says of a repository: a rule's code, the place, what is wrong and how to mend it.
//! One form for people and one for scripts, whichever command found it.

use std::fmt::Write as _;
use std::io::Write as _;

use doorward_schema_repository::{Document, Place};
use serde_json::{Value, json};

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub place: Place,
    /// The rule's stable code.
    pub rule: &'static str,
    /// The JSON pointer within the file; empty for the file as a whole.
    pub pointer: String,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub remedy: String,
}

impl Finding {
    /// At a pointer of a document.
    pub fn at(
        document: &Document,
        pointer: &str,
        rule: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: document.place(pointer),
            rule,
            pointer: pointer.to_owned(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// About a file or a folder as a whole.
    pub fn of_file(
        file: &str,
        rule: &'static str,
        what: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            place: Place::of_file(file),
            rule,
            pointer: String::new(),
            what: what.into(),
            remedy: remedy.into(),
        }
    }

    /// For scripts.
    pub fn json(&self) -> Value {
        json!({
            "rule": self.rule,
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "pointer": self.pointer,
            "what": self.what,
            "remedy": self.remedy,
        })
    }
}

/// For people: two lines a finding.
pub fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    for Finding { place, rule, pointer, what, remedy } in findings {
        let pointer = if pointer.is_empty() { String::new() } else { format!("{pointer}: ") };
        let _ = writeln!(text, "{place}: {rule}: {pointer}{what}\n    {remedy}");
    }
    text
}

/// Writes to the standard output; whoever no longer reads is no fault.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes());
    let _ = out.flush();
}

/// Writes a JSON document to the standard output.
pub fn say_json(value: &Value) {
    say(&format!("{value:#}\n"));
}

/// `1 type`, `2 types`.
pub fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
