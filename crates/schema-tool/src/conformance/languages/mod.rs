//! The validators that the bindings bring along, asked the same questions: what one language
//! accepts and another refuses is an event that somebody sends and nobody reads.
//!
//! What runs is what every package holds: the sources of `bindings/`, compiled into this tool.

#[cfg(test)]
mod drawn;
#[cfg(test)]
mod drawn_tests;
mod peer;
mod suite;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use peer::{Peer, Places};
pub use suite::{Languages, run};

/// A schema, and documents to be judged by it, as texts: what a parser makes of `1.0` counts.
#[derive(Debug, Clone, Serialize)]
pub struct Question {
    pub schema: String,
    pub documents: Vec<String>,
}

/// What a language says of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Valid,
    Invalid,
    /// No JSON, as its parser reads it.
    Malformed,
    /// Its fast answer and its list of errors contradict each other.
    Torn,
}

impl Verdict {
    fn of(valid: bool) -> Self {
        if valid { Self::Valid } else { Self::Invalid }
    }
}

/// What a language says to a question.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer {
    /// It does not take the schema, and says why.
    Refused(String),
    /// One for each document.
    Verdicts(Vec<Verdict>),
}

/// What the validator says that the daemon and the Rust library run. `build` sets it up.
fn rust<E: std::fmt::Display>(
    question: &Question,
    build: impl FnOnce(&Value) -> Result<jsonschema::Validator, E>,
) -> Result<Answer> {
    let validator = match build(&serde_json::from_str(&question.schema)?) {
        Ok(validator) => validator,
        Err(error) => return Ok(Answer::Refused(error.to_string())),
    };
    let judged = |text: &String| match serde_json::from_str(text) {
        Ok(document) => Verdict::of(validator.is_valid(&document)),
        Err(_) => Verdict::Malformed,
    };
    Ok(Answer::Verdicts(question.documents.iter().map(judged).collect()))
}
