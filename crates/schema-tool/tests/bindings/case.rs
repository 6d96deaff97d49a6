//! A question that every language is asked, and its answer: one line of JSON each.

use std::path::Path;
use std::process::Command;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::kit::must;

/// A question.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    /// What it is about, for people.
    pub name: String,
    /// What is asked: `writer` or `reader` validates, `read` reads and writes again,
    /// `to_cloud_event` and `from_cloud_event` map.
    pub ask: &'static str,
    /// The event's bytes in base64.
    pub event: String,
}

impl Case {
    /// Asked of these bytes.
    pub fn new(name: impl Into<String>, ask: &'static str, event: &[u8]) -> Self {
        Self { name: name.into(), ask, event: base64(event) }
    }

    /// The bytes.
    pub fn bytes(&self) -> Vec<u8> {
        use base64::Engine as _;
        base64::engine::general_purpose::STANDARD.decode(&self.event).unwrap()
    }
}

/// As cases carry bytes.
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Answer {
    /// `ok`, or why it is refused.
    pub code: String,
    /// Where, sorted.
    #[serde(default)]
    pub pointers: Vec<String>,
    /// What was read, written again; or what it was mapped to.
    #[serde(default)]
    pub event: Option<String>,
}

impl Answer {
    /// In a few words, for tables.
    pub fn brief(&self) -> String {
        if self.code == "ok" {
            return "accepted".to_owned();
        }
        let places: Vec<&str> =
            self.pointers.iter().map(String::as_str).filter(|p| !p.is_empty()).collect();
        if places.is_empty() {
            self.code.clone()
        } else {
            format!("{} {}", self.code, places.join(", "))
        }
    }

    /// The event that was read, as a value.
    pub fn value(&self) -> Option<Value> {
        self.event.as_deref().map(|text| serde_json::from_str(text).unwrap())
    }
}

/// Asks a program: the cases stand in a file, its answers on its standard output.
pub fn answers(program: &mut Command, file: &Path, cases: &[Case]) -> Vec<Answer> {
    let lines: Vec<String> =
        cases.iter().map(|case| serde_json::to_string(case).unwrap()).collect();
    std::fs::write(file, lines.join("\n")).unwrap();
    let printed = must(program.arg(file));
    let answers: Vec<Answer> =
        printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), cases.len(), "an answer for each question");
    answers
}
