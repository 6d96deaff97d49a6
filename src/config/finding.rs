//! One thing that is wrong with the configuration.

use std::path::{Path, PathBuf};

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It runs, but likely not as meant.
    Warning,
    /// What it concerns does not run.
    Error,
}

/// What sort of thing it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A file or folder that cannot be read.
    Unreadable,
    /// Not TOML.
    Syntax,
    /// A key that nothing reads: a typo. It stops nothing at run time.
    UnknownKey,
    /// A value that is missing, of the wrong type, or at odds with another.
    Value,
    /// Something outside the files: a broker, the running gateway.
    Surroundings,
}

/// A finding: what, where, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    pub kind: Kind,
    pub file: PathBuf,
    /// From 1; absent where it concerns the file as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Dotted path of the key, as `entry.0.roles.lock`; the first `[[entry]]` is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    pub message: String,
    pub remedy: String,
}

impl Finding {
    pub fn error(file: &Path, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            kind: Kind::Value,
            file: file.to_owned(),
            line: None,
            key: None,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    pub fn warning(file: &Path, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(file, message, remedy) }
    }

    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    #[must_use]
    pub fn at(mut self, line: Option<usize>, key: impl Into<String>) -> Self {
        self.line = line;
        self.key = Some(key.into());
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(f, "{word}: {}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {}\n  remedy: {}", self.message, self.remedy)
    }
}
