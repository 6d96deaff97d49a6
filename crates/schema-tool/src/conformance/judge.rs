//! One pair's verdict beside what its source says of it.

use std::collections::HashMap;

use doorward_schema_compatibility::{Inclusion, Limits, included};
use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

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
}

/// What the engine says of a pair, with the sentence that tells why.
type Said = (Verdict, String);

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
        let pairs = suite.pairs.iter().map(|pair| self.pair(pair)).collect();
        JudgedSuite { name: suite.name, pairs }
    }

    fn pair(&mut self, pair: &Pair) -> Judged {
        let key = (pair.dialect, pair.old.to_string(), pair.new.to_string());
        let limits = self.limits;
        let (mut verdict, mut because) =
            self.known.entry(key).or_insert_with(|| say(pair, limits)).clone();
        if pair.compatible.is_none() {
            (verdict, because) = (Verdict::NotApplicable, "the source gives no verdict".to_owned());
        }
        let outcome = match (verdict, pair.compatible) {
            (Verdict::NotApplicable, _) => Outcome::NotApplicable,
            (Verdict::Mistranslated, _) => Outcome::Mistranslated,
            (Verdict::Undecided, _) => Outcome::Undecided,
            (Verdict::Compatible, _) if pair.witness.is_some() => Outcome::Wrong,
            (Verdict::Compatible, Some(false)) => Outcome::Proved,
            (Verdict::Compatible, _) => Outcome::AgreeCompatible,
            (Verdict::Incompatible, Some(true)) => Outcome::Refuted,
            (Verdict::Incompatible, _) => Outcome::AgreeIncompatible,
        };
        Judged {
            name: pair.name.clone(),
            outcome,
            because,
            compatible: pair.compatible,
            has_witness: pair.witness.is_some(),
        }
    }
}

fn say(pair: &Pair, limits: &Limits) -> Said {
    let translated = translate(&pair.old, pair.dialect)
        .and_then(|old| Ok((old, translate(&pair.new, pair.dialect)?)));
    let (old, new) = match translated {
        Ok(both) => both,
        Err(reason) => return (Verdict::NotApplicable, reason),
    };
    match included(&old, &new, limits) {
        Err(unusable) => (Verdict::NotApplicable, unusable.to_string()),
        Ok(Inclusion::Proved) => (Verdict::Compatible, "proved".to_owned()),
        Ok(Inclusion::Undecided(gap)) => (
            Verdict::Undecided,
            format!("{} (old {:?}, new {:?})", gap.reason, gap.sub_pointer, gap.sup_pointer),
        ),
        Ok(Inclusion::Refuted(found)) => {
            let because =
                format!("{} is refused at {:?} by {}", found.document, found.at, found.refused_by);
            let verdict = if shows(pair, &found.document) {
                Verdict::Incompatible
            } else {
                Verdict::Mistranslated
            };
            (verdict, because)
        }
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
