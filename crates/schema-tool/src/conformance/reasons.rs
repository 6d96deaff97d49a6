//! Why engine and source do not say the same, counted: the policy of a source, a document that it
//! overlooked, or what the engine leaves open.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::judge::{Judged, JudgedSuite, Outcome};

/// Pairs of one suite that have the outcome for the same reason.
struct Group<'a> {
    pairs: usize,
    /// One of them.
    example: &'a str,
}

fn groups(suite: &JudgedSuite) -> BTreeMap<(Outcome, &str), Group<'_>> {
    let mut groups = BTreeMap::new();
    let agrees = |pair: &&Judged| {
        matches!(pair.outcome, Outcome::AgreeCompatible | Outcome::AgreeIncompatible)
    };
    for pair in suite.pairs.iter().filter(|pair| !agrees(pair)) {
        let group = groups
            .entry((pair.outcome.clone(), pair.reason.as_str()))
            .or_insert(Group { pairs: 0, example: &pair.name });
        group.pairs += 1;
    }
    groups
}

/// Every suite's groups, with a pair of each.
pub fn table(suites: &[JudgedSuite]) -> String {
    let mut text = String::new();
    for suite in suites {
        let groups = groups(suite);
        if !groups.is_empty() {
            let _ = writeln!(text, "\n{}: where it does not agree, and why", suite.name);
        }
        for ((outcome, reason), Group { pairs, example }) in groups {
            let _ = writeln!(text, "{pairs:>6} {outcome}: {reason}; such as {example}");
        }
    }
    text
}

/// The same for a script.
pub fn json(suite: &JudgedSuite) -> Value {
    let groups = groups(suite).into_iter().map(|((outcome, reason), Group { pairs, example })| {
        json!({ "outcome": outcome.to_string(), "reason": reason, "pairs": pairs, "example": example })
    });
    Value::Array(groups.collect())
}
