//! What a check says.

use serde::Serialize;

use crate::config::{Finding, Kind};

/// One thing that was looked at.
#[derive(Debug, Serialize)]
pub(super) struct Looked {
    pub(super) what: String,
    /// False: it is not as it must be.
    pub(super) ok: bool,
    /// It could not be looked at, which is no fault.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) skipped: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detail: Option<String>,
}

/// All that one check says.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) findings: Vec<Finding>,
    pub(super) looked: Vec<Looked>,
    /// Why there was nothing to look at.
    pub(super) skipped: Option<String>,
    /// What is well, where no line of its own says so.
    pub(super) well: Option<String>,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Ok,
    Warning,
    Error,
    /// There was nothing to look at, or it could not be.
    Skipped,
}

impl Part {
    /// Something was looked at, and is well.
    pub(super) fn well(&mut self, what: impl Into<String>, detail: Option<String>) {
        self.looked.push(Looked { what: what.into(), ok: true, skipped: false, detail });
    }

    /// Something is not as it should be; what follows from it is a finding.
    pub(super) fn bad(&mut self, what: impl Into<String>, detail: impl Into<String>) {
        let detail = Some(detail.into());
        self.looked.push(Looked { what: what.into(), ok: false, skipped: false, detail });
    }

    /// Something could not be looked at, which is no fault.
    pub(super) fn not_looked(&mut self, what: impl Into<String>, why: impl Into<String>) {
        let detail = Some(why.into());
        self.looked.push(Looked { what: what.into(), ok: true, skipped: true, detail });
    }

    /// There is nothing to look at.
    pub(super) fn skip(&mut self, why: impl Into<String>) {
        self.skipped = Some(why.into());
    }

    /// Something outside the files that needs a person.
    pub(super) fn find(&mut self, finding: Finding) {
        self.findings.push(finding.of_kind(Kind::Surroundings));
    }

    pub(super) fn state(&self) -> State {
        if self.findings.iter().any(Finding::is_error) {
            State::Error
        } else if !self.findings.is_empty() {
            State::Warning
        } else if self.skipped.is_some()
            || (!self.looked.is_empty() && self.looked.iter().all(|looked| looked.skipped))
        {
            State::Skipped
        } else {
            State::Ok
        }
    }

    /// In a sentence: what is wrong, else what is well or why it was not looked at.
    pub(super) fn detail(&self) -> Option<String> {
        let worst = self.worst().map(|finding| finding.message.clone());
        let told = || {
            let told: Vec<&str> =
                self.looked.iter().filter_map(|looked| looked.detail.as_deref()).collect();
            (!told.is_empty()).then(|| told.join("; "))
        };
        worst.or_else(|| self.skipped.clone()).or_else(|| self.well.clone()).or_else(told)
    }

    /// What to do about the worst that was found.
    pub(super) fn remedy(&self) -> Option<String> {
        self.worst().map(|finding| finding.remedy.clone())
    }

    fn worst(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.is_error()).or_else(|| self.findings.first())
    }
}
