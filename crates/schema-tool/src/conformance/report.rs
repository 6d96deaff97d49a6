//! The table of a run, and whether it reaches what it must.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use doorward_schema_compatibility::Limits;
use serde_json::{Value, json};

use super::judge::{JudgedSuite, Outcome};
use super::languages::Languages;
use super::reasons;
use super::validator_suite::{FLOOR, ValidatorResult};

/// The share of pairs, in hundredths, that must be called compatible as their source calls them.
const REACH: usize = 95;

/// The official tests' name.
const TESTS: &str = "json-schema-test-suite";

/// Everything that a run found.
pub struct Report {
    pub suites: Vec<JudgedSuite>,
    pub validator: ValidatorResult,
    pub languages: Languages,
    pub limits: Limits,
}

/// The figures of one suite.
struct Figures {
    pairs: usize,
    agree: usize,
    disagree: usize,
    undecided: usize,
    not_applicable: usize,
    witnesses: usize,
    wrong: usize,
    /// Pairs called compatible by their source and refuted by no document, and those proved.
    unrefuted: usize,
    proved: usize,
}

impl Figures {
    fn of(suite: &JudgedSuite) -> Self {
        let pairs = suite.pairs.iter();
        let count = |wanted: &[Outcome]| {
            pairs.clone().filter(|pair| wanted.contains(&pair.outcome)).count()
        };
        let unrefuted = pairs.clone().filter(|pair| {
            let open =
                !matches!(pair.outcome, Outcome::NotApplicable | Outcome::Refuted | Outcome::Wrong);
            pair.compatible == Some(true) && !pair.has_witness && open
        });
        Self {
            pairs: pairs.clone().count(),
            agree: count(&[Outcome::AgreeCompatible, Outcome::AgreeIncompatible]),
            disagree: count(&[
                Outcome::Refuted,
                Outcome::Proved,
                Outcome::Wrong,
                Outcome::Mistranslated,
            ]),
            undecided: count(&[Outcome::Undecided]),
            not_applicable: count(&[Outcome::NotApplicable]),
            witnesses: pairs.clone().filter(|pair| pair.has_witness).count(),
            wrong: count(&[Outcome::Wrong]),
            unrefuted: unrefuted.clone().count(),
            proved: unrefuted.filter(|pair| pair.outcome == Outcome::AgreeCompatible).count(),
        }
    }

    fn reaches(&self) -> bool {
        self.wrong == 0 && self.proved * 100 >= self.unrefuted * REACH
    }
}

impl Report {
    /// What a run must reach and does not; empty if it reaches all.
    pub fn missed(&self) -> Vec<String> {
        let mut missed = Vec::new();
        for suite in &self.suites {
            let figures = Figures::of(suite);
            let unread = suite.not_run.as_deref();
            missed.extend(too_few(suite.name, unread, figures.pairs, suite.floor, "pairs"));
            if !figures.reaches() {
                missed.push(format!(
                    "{}: {} pairs with a witness called compatible; {} of {} pairs called compatible by their source and refuted by no document are proved",
                    suite.name, figures.wrong, figures.proved, figures.unrefuted
                ));
            }
            for pair in suite.pairs.iter().filter(|pair| pair.outcome == Outcome::Mistranslated) {
                missed.push(format!(
                    "{}: {}: mistranslated: {}",
                    suite.name, pair.name, pair.because
                ));
            }
            for pair in suite.pairs.iter().filter(|pair| {
                suite.name == "contested" && pair.has_witness && pair.outcome != Outcome::Refuted
            }) {
                missed.push(format!(
                    "contested: {}: its witness refutes it, and it is not refuted here",
                    pair.name
                ));
            }
        }
        let unread = self.validator.not_run.as_deref();
        missed.extend(too_few(TESTS, unread, self.validator.all(), FLOOR, "tests"));
        missed.extend(self.validator.failed.iter().map(|test| format!("validator: {test}")));
        missed.extend(self.languages.missed());
        missed
    }

    /// The table.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<26} {:>6} {:>6} {:>9} {:>10} {:>8} {:>9} {:>6} {:>16}\n",
            "suite",
            "pairs",
            "agree",
            "disagree",
            "undecided",
            "n/a",
            "witness",
            "wrong",
            "compatible"
        );
        for suite in &self.suites {
            if let Some(why) = &suite.not_run {
                let _ = writeln!(text, "{:<26} not run: {why}", suite.name);
                continue;
            }
            let f = Figures::of(suite);
            let share = share(f.proved, f.unrefuted);
            let _ = writeln!(
                text,
                "{:<26} {:>6} {:>6} {:>9} {:>10} {:>8} {:>9} {:>6} {:>16}",
                suite.name,
                f.pairs,
                f.agree,
                f.disagree,
                f.undecided,
                f.not_applicable,
                f.witnesses,
                f.wrong,
                share
            );
        }
        let v = &self.validator;
        let _ = match &v.not_run {
            Some(why) => writeln!(text, "{TESTS:<26} not run: {why}"),
            None => writeln!(
                text,
                "{TESTS:<26} {:>6} {:>6} {:>9} {:>10} {:>8}",
                v.all(),
                v.passed,
                v.failed.len(),
                0,
                v.not_applicable.len()
            ),
        };
        text.push_str(
            "\nagree: the engine says what the source says, with a proof or with a document.\n",
        );
        text.push_str("disagree: a document or a proof stands against the source's verdict (counted by reason below; --verbose lists them).\n");
        text.push_str("wrong: pairs called compatible although a published witness refutes them; must be 0.\n");
        text.push_str("compatible: of the pairs called compatible by their source and refuted by no document, those proved.\n");
        text.push_str(&reasons::table(&self.suites));
        text.push('\n');
        text.push_str(&self.languages.table());
        text
    }

    /// Every pair on which engine and source do not agree, with the reason.
    pub fn details(&self) -> String {
        let mut text = String::new();
        for suite in &self.suites {
            for pair in &suite.pairs {
                if !matches!(pair.outcome, Outcome::AgreeCompatible | Outcome::AgreeIncompatible) {
                    let _ = writeln!(
                        text,
                        "{}: {}: {}: {}",
                        suite.name, pair.name, pair.outcome, pair.because
                    );
                }
            }
        }
        for test in &self.validator.failed {
            let _ = writeln!(text, "json-schema-test-suite: {test}");
        }
        for (test, reason) in &self.validator.not_applicable {
            let _ = writeln!(text, "json-schema-test-suite: {test}: not applicable: {reason}");
        }
        text
    }

    /// The same for a script.
    pub fn json(&self) -> Value {
        let suites: BTreeMap<&str, Value> = self.suites.iter().map(|suite| {
            let f = Figures::of(suite);
            let odd = suite.pairs.iter().filter(|pair| !matches!(pair.outcome, Outcome::AgreeCompatible | Outcome::AgreeIncompatible));
            let odd: Vec<Value> = odd.map(|pair| json!({ "pair": pair.name, "outcome": pair.outcome.to_string(), "because": pair.because })).collect();
            let figures = json!({
                "not_run": suite.not_run, "reasons": reasons::json(suite),
                "pairs": f.pairs, "agree": f.agree, "disagree": f.disagree, "undecided": f.undecided,
                "not_applicable": f.not_applicable, "with_witness": f.witnesses, "witness_called_compatible": f.wrong,
                "compatible_and_not_refuted": f.unrefuted, "of_these_proved": f.proved, "not_agreed": odd,
            });
            (suite.name, figures)
        }).collect();
        let not_applicable: Vec<Value> = self
            .validator
            .not_applicable
            .iter()
            .map(|(test, reason)| json!({ "test": test, "reason": reason }))
            .collect();
        json!({
            "seed": self.limits.seed, "steps": self.limits.steps, "suites": suites,
            "validator": { "not_run": self.validator.not_run, "passed": self.validator.passed, "failed": self.validator.failed, "not_applicable": not_applicable },
            "validators": self.languages.json(),
            "missed": self.missed(),
        })
    }
}

/// A suite that is not there, or not as large as it was published, shows nothing.
fn too_few(
    name: &str,
    unread: Option<&str>,
    found: usize,
    floor: usize,
    of: &str,
) -> Option<String> {
    match unread {
        Some(why) => Some(format!("{name}: not run: {why}")),
        None if found < floor => {
            Some(format!("{name}: {found} {of}, fewer than the {floor} that it must have"))
        }
        None => None,
    }
}

fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let tenths = part * 1_000 / whole;
    format!("{part}/{whole} {}.{}%", tenths / 10, tenths % 10)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AgreeCompatible => "agree: compatible",
            Self::AgreeIncompatible => "agree: incompatible",
            Self::Refuted => "refuted against the source",
            Self::Proved => "proved against the source",
            Self::Wrong => "WRONG: called compatible although a witness refutes it",
            Self::Mistranslated => "mistranslated",
            Self::Undecided => "undecided",
            Self::NotApplicable => "not applicable",
        })
    }
}
