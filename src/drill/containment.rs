//! Whether what goes wrong is contained, by what, and since when.

use std::time::Instant;

use super::catalogue::Rule;
use super::tape::Marks;
use crate::vendor::faults::{Outcome, Said};

/// What stopped it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Containment {
    pub at: Instant,
    pub by: String,
}

/// What was tried since the order: refused ones, and those that were let, with what came of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tried {
    pub denied: Vec<String>,
    pub allowed: Vec<String>,
}

impl Tried {
    /// Of this vendor's process.
    pub fn of(target: &str, begun: Instant, marks: &Marks) -> Self {
        let mut tried = Self::default();
        for (vendor, at, said) in &marks.said {
            if let Said::Tried { act, outcome } = said
                && vendor == target
                && *at >= begun
            {
                match outcome {
                    Outcome::Denied(by) => tried.denied.push(format!("{act}: {by}")),
                    Outcome::Allowed(how) => tried.allowed.push(format!("{act}: {how}")),
                }
            }
        }
        if marks.trespasses > 0 {
            tried.allowed.push(format!("{} messages at another's door", marks.trespasses));
        }
        if marks.untrue > 0 {
            tried.allowed.push(format!("{} untrue events of another's door", marks.untrue));
        }
        tried
    }
}

/// What contains it by now, if anything does.
pub fn found(rule: Rule, target: &str, begun: Instant, marks: &Marks) -> Option<Containment> {
    let ended = || {
        let mut ended = marks.ended.iter();
        let first = ended.find(|ended| ended.vendor == target && ended.at >= begun)?;
        Some(Containment { at: first.at, by: first.cause.clone() })
    };
    let told = |kind: &str| {
        let mut told = marks.events.iter();
        let (_, _, at) = told.find(|(of, who, at)| of == kind && who == target && *at >= begun)?;
        Some(Containment { at: *at, by: kind.to_owned() })
    };
    let refused = || {
        let tried = Tried::of(target, begun, marks);
        if !tried.allowed.is_empty() {
            return None;
        }
        let done = marks.said.iter().find_map(|(vendor, at, said)| {
            let is = vendor == target && *at >= begun && matches!(said, Said::Done { .. });
            is.then_some(*at)
        });
        let by = format!("all {} refused", tried.denied.len());
        match done {
            // Nothing was tried: nothing was shown.
            Some(_) if tried.denied.is_empty() => None,
            Some(at) => Some(Containment { at, by }),
            None => ended(),
        }
    };
    match rule {
        Rule::Nothing | Rule::Borne => Some(Containment { at: begun, by: "-".to_owned() }),
        Rule::Ends => ended(),
        Rule::Isolated => told("vendor.isolated"),
        Rule::Told(kind) => told(kind),
        Rule::Refused => refused(),
        Rule::RefusedOrEnds => refused().or_else(ended),
        Rule::RefusedAndEnds => {
            let tried = Tried::of(target, begun, marks);
            if tried.allowed.is_empty() { ended() } else { None }
        }
    }
}
