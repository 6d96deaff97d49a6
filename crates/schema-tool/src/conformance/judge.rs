//! One pair's verdict beside what its source says of it.

use std::collections::HashMap;

use doorward_schema_compatibility::{Counterexample, Inclusion, Limits, included};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Value, json};

use super::pairs::{Pair, Suite};
use super::translate::{Dialect, translate};

/// What came of one pair.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Compatible, and the source says so.
    AgreeCompatible,
    /// Refuted by a document, and the source calls it incompatible.
    AgreeIncompatible,
    /// Refuted by a document that the validator of the pair's own draft confirms, against the source.
    Refuted,
    /// Proved, against the source, which shows no document.
    Proved,
    /// Proved, though the source shows a document: the worst that can be.
    Wrong,
    /// Refuted by a document that the pair's own draft does not confirm: a fault of the translation.
    Mistranslated,
    Undecided,
    NotApplicable,
}

/// One pair that was judged.
#[derive(Debug)]
pub struct Judged {
    pub name: String,
    pub outcome: Outcome,
    /// What shows it: the document, or the reason.
    pub because: String,
    /// The reason without what is this pair's alone, to be counted by.
    pub reason: String,
    /// What the source says.
    pub compatible: Option<bool>,
    /// A document was published that refutes it.
    pub has_witness: bool,
}

/// One suite that was judged.
#[derive(Debug)]
pub struct JudgedSuite {
    pub name: &'static str,
    pub pairs: Vec<Judged>,
    /// The pairs that it must have: of fewer, nothing would be shown.
    pub floor: usize,
    /// Why it could not be read.
    pub not_run: Option<String>,
}

/// What the engine says of a pair, with the sentence that tells why, and the reason to count by.
#[derive(Debug, Clone)]
struct Said {
    verdict: Verdict,
    because: String,
    reason: String,
}

impl Said {
    fn new(verdict: Verdict, because: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { verdict, because: because.into(), reason: reason.into() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Compatible,
    Incompatible,
    Undecided,
    NotApplicable,
    Mistranslated,
}

/// Judges pairs; the same pair in several suites is worked out once.
pub struct Judge<'a> {
    limits: &'a Limits,
    known: HashMap<(Dialect, String, String), Said>,
}

impl<'a> Judge<'a> {
    pub fn new(limits: &'a Limits) -> Self {
        Self { limits, known: HashMap::new() }
    }

    /// Judges every pair of a suite.
    pub fn suite(&mut self, suite: &Suite) -> JudgedSuite {
        let (pairs, not_run) = match &suite.pairs {
            Ok(pairs) => (pairs.iter().map(|pair| self.pair(pair)).collect(), None),
            Err(why) => (Vec::new(), Some(format!("{why:#}"))),
        };
        JudgedSuite { name: suite.name, pairs, floor: suite.floor, not_run }
    }

    fn pair(&mut self, pair: &Pair) -> Judged {
        let key = (pair.dialect, pair.old.to_string(), pair.new.to_string());
        let limits = self.limits;
        let mut said = self.known.entry(key).or_insert_with(|| say(pair, limits)).clone();
        if pair.compatible.is_none() {
            let why = "the source gives no verdict";
            said = Said::new(Verdict::NotApplicable, why, why);
        }
        let outcome = match (said.verdict, pair.compatible) {
            (Verdict::NotApplicable, _) => Outcome::NotApplicable,
            (Verdict::Mistranslated, _) => Outcome::Mistranslated,
            (Verdict::Undecided, _) => Outcome::Undecided,
            (Verdict::Compatible, _) if pair.witness.is_some() => Outcome::Wrong,
            (Verdict::Compatible, Some(false)) => Outcome::Proved,
            (Verdict::Compatible, _) => Outcome::AgreeCompatible,
            (Verdict::Incompatible, Some(true)) => Outcome::Refuted,
            (Verdict::Incompatible, _) => Outcome::AgreeIncompatible,
        };
        let reason = match outcome {
            Outcome::Proved => policy(pair, limits).to_owned(),
            Outcome::Refuted if pair.witness.is_some() => {
                "document shown, and one was published that shows it too".to_owned()
            }
            _ => said.reason,
        };
        Judged {
            name: pair.name.clone(),
            outcome,
            because: said.because,
            reason,
            compatible: pair.compatible,
            has_witness: pair.witness.is_some(),
        }
    }
}

fn say(pair: &Pair, limits: &Limits) -> Said {
    let (old, new) = match translated(pair) {
        Ok(both) => both,
        Err(why) => return Said::new(Verdict::NotApplicable, &why, &why),
    };
    match included(&old, &new, limits) {
        Err(unusable) => {
            let why = unusable.to_string();
            let reason = why.rsplit(": ").next().unwrap_or(&why).to_owned();
            Said::new(Verdict::NotApplicable, why, reason)
        }
        Ok(Inclusion::Proved) => Said::new(Verdict::Compatible, "proved", "proved"),
        Ok(Inclusion::Undecided(gap)) => {
            let because =
                format!("{} (old {:?}, new {:?})", gap.reason, gap.sub_pointer, gap.sup_pointer);
            Said::new(Verdict::Undecided, because, gap.reason.clone())
        }
        Ok(Inclusion::Refuted(found)) => {
            let because =
                format!("{} is refused at {:?} by {}", found.document, found.at, found.refused_by);
            if shows(pair, &found.document) {
                Said::new(Verdict::Incompatible, because, shown(&found))
            } else {
                let reason = "the pair's own draft does not confirm the document";
                Said::new(Verdict::Mistranslated, because, reason)
            }
        }
    }
}

fn translated(pair: &Pair) -> Result<(Value, Value), String> {
    Ok((translate(&pair.old, pair.dialect)?, translate(&pair.new, pair.dialect)?))
}

/// What a document shows, by the keyword that refuses it.
fn shown(found: &Counterexample) -> String {
    let number = found.document.pointer(&found.at).and_then(Value::as_number);
    let whole = number.filter(|number| number.is_f64()).and_then(serde_json::Number::as_f64);
    if whole.is_some_and(|number| number.fract() == 0.0) && found.keyword == "type" {
        return "document shown: 1.0 is no integer in Draft-04".to_owned();
    }
    format!("document shown, which {} refuses", found.keyword)
}

/// Why a source calls incompatible what is proved: no document stands behind it.
fn policy(pair: &Pair, limits: &Limits) -> &'static str {
    let Ok((old, new)) = translated(pair) else { return "policy of the source" };
    let proved =
        |sub: &Value, sup: &Value| matches!(included(sub, sup, limits), Ok(Inclusion::Proved));
    if proved(&old, &json!({ "not": {} })) {
        "policy of the source: the old schema accepts nothing"
    } else if proved(&new, &old) {
        "policy of the source: both accept the same documents"
    } else {
        "policy of the source: the new schema only accepts more"
    }
}

/// Whether a document is valid under the first schema and invalid under the second, both as their
/// source wrote them, in their own draft.
fn shows(pair: &Pair, document: &Value) -> bool {
    let build = |schema| validator(schema, pair.dialect);
    match (build(&pair.old), build(&pair.new)) {
        (Some(old), Some(new)) => old.is_valid(document) && !new.is_valid(document),
        // Written so that only the translation, which mends what is plainly meant, can be built.
        _ => pair.dialect == Dialect::Draft04,
    }
}

fn validator(schema: &Value, dialect: Dialect) -> Option<Validator> {
    let mut schema = schema.clone();
    if let Value::Object(members) = &mut schema {
        members.remove("$schema");
    }
    let draft = match dialect {
        Dialect::Draft04 => Draft::Draft4,
        Dialect::Draft07 => Draft::Draft7,
    };
    let options = jsonschema::options().with_draft(draft).should_validate_formats(true);
    options.with_pattern_options(PatternOptions::regex()).build(&schema).ok()
}
