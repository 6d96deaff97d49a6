//! The official tests of Draft-04, asked of every language.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::{Result, anyhow};
use clap::ValueEnum as _;
use serde_json::{Value, json};

use super::{Answer, Peer, Places, Question, Verdict, rust};
use crate::bindings::{self, Language};
use crate::conformance::validator_suite::{Suite, build};

/// The tests that each language must judge: a run over fewer shows nothing.
const FLOOR: usize = 500;

/// What came of the tests in every language.
#[derive(Debug, Default)]
pub struct Languages {
    rows: Vec<Row>,
    differing: Vec<Differing>,
    not_run: Vec<NotRun>,
    asked: usize,
}

/// A language of which nothing is known, and why.
#[derive(Debug)]
struct NotRun {
    language: &'static str,
    why: String,
    /// Somebody asked for it.
    wanted: bool,
}

/// One language.
#[derive(Debug)]
struct Row {
    language: &'static str,
    passed: usize,
    failed: usize,
    /// Tests whose schema it does not take, by the reason.
    refused: BTreeMap<String, usize>,
}

/// A test on which the languages that take its schema do not all say what is expected.
#[derive(Debug)]
struct Differing {
    test: String,
    expected: Verdict,
    said: Vec<(&'static str, String)>,
    /// Why no schema of a repository is like this one; none: it could be.
    outside: Option<String>,
}

/// Asks these languages, as far as they can be run.
///
/// # Errors
/// A language that was started and does not answer.
pub fn run(suite: &Suite, wanted: &[Language], places: &Places) -> Result<Languages> {
    let groups = &suite.groups;
    let question = |group: &crate::conformance::validator_suite::Group| Question {
        schema: group.schema.get().to_owned(),
        documents: group.tests.iter().map(|test| test.data.get().to_owned()).collect(),
    };
    let questions: Vec<Question> = groups.iter().map(question).collect();
    let of_rust = || questions.iter().map(|question| rust(question, |schema| build(schema, suite)));
    let mut answers = Vec::new();
    let mut told =
        Languages { asked: groups.iter().map(|g| g.tests.len()).sum(), ..Languages::default() };
    for one in Language::value_variants() {
        let language = name(*one);
        let wanted = wanted.contains(one);
        let peer = match one {
            _ if !wanted => Err(anyhow!("left out by --languages")),
            Language::Rust => {
                answers.push((language, of_rust().collect::<Result<Vec<_>>>()?));
                continue;
            }
            Language::Typescript => Peer::typescript(places),
            Language::Python => Peer::python(places),
        };
        match peer {
            Ok(peer) => answers.push((language, peer.ask(&questions)?)),
            Err(why) => {
                told.not_run.push(NotRun { language, why: format!("{why:#}"), wanted });
            }
        }
    }
    for (language, answers) in &answers {
        let mut row = Row { language, passed: 0, failed: 0, refused: BTreeMap::new() };
        for (group, answer) in groups.iter().zip(answers) {
            match answer {
                Answer::Refused(why) => {
                    *row.refused.entry(kind(why)).or_default() += group.tests.len();
                }
                Answer::Verdicts(verdicts) => {
                    let tests = group.tests.iter().zip(verdicts);
                    let passed = tests.filter(|(test, said)| Verdict::of(test.valid) == **said);
                    let passed = passed.count();
                    row.passed += passed;
                    row.failed += verdicts.len() - passed;
                }
            }
        }
        told.rows.push(row);
    }
    for (g, group) in groups.iter().enumerate() {
        for (t, test) in group.tests.iter().enumerate() {
            let expected = Verdict::of(test.valid);
            let said = answers.iter().map(|(language, answers)| {
                let verdict = match answers.get(g) {
                    Some(Answer::Verdicts(verdicts)) => verdicts.get(t).copied(),
                    _ => None,
                };
                (*language, verdict)
            });
            let said: Vec<_> = said.collect();
            if said.iter().any(|(_, verdict)| verdict.is_some_and(|one| one != expected)) {
                let schema: Value = serde_json::from_str(group.schema.get())?;
                let words = said.into_iter().map(|(language, verdict)| {
                    (language, verdict.map_or("refused".to_owned(), |v| word(v).to_owned()))
                });
                told.differing.push(Differing {
                    test: group.title(test),
                    expected,
                    said: words.collect(),
                    outside: bindings::admits(&schema).err(),
                });
            }
        }
    }
    Ok(told)
}

/// The language as people write it.
fn name(language: Language) -> &'static str {
    match language {
        Language::Rust => "Rust",
        Language::Typescript => "TypeScript",
        Language::Python => "Python",
    }
}

/// A reason without what it is about.
fn kind(why: &str) -> String {
    let why = why.split(": ").next().unwrap_or(why);
    why.strip_prefix("unknown format").map_or(why, |_| "unknown format").to_owned()
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Valid => "valid",
        Verdict::Invalid => "invalid",
        Verdict::Malformed => "malformed",
        Verdict::Torn => "both",
    }
}

impl Languages {
    /// What must hold and does not.
    pub fn missed(&self) -> Vec<String> {
        let differing = self.differing.iter().filter(|one| one.outside.is_none());
        let mut missed: Vec<String> =
            differing.map(|one| format!("validators: {}", one.line())).collect();
        for row in &self.rows {
            let judged = row.passed + row.failed;
            if judged < FLOOR {
                missed.push(format!(
                    "validators: {} judged {judged} tests; at least {FLOOR} show something",
                    row.language
                ));
            }
        }
        for NotRun { language, why, .. } in self.not_run.iter().filter(|one| one.wanted) {
            missed.push(format!(
                "validators: {language}: not run: {why}; to leave it out, name the others with \
                 --languages"
            ));
        }
        missed
    }

    /// The table, and where languages differ.
    pub fn table(&self) -> String {
        let mut text = format!(
            "{:<26} {:>6} {:>6} {:>6} {:>8}\n",
            "draft-04 tests", "tests", "passed", "failed", "refused"
        );
        for Row { language, passed, failed, refused } in &self.rows {
            let refused: usize = refused.values().sum();
            let asked = self.asked;
            let _ =
                writeln!(text, "{language:<26} {asked:>6} {passed:>6} {failed:>6} {refused:>8}");
        }
        for NotRun { language, why, .. } in &self.not_run {
            let _ = writeln!(text, "{language:<26} not run: {why}");
        }
        text.push_str("\nrefused: the validator does not take the test's schema, and says so:\n");
        for Row { language, refused, .. } in &self.rows {
            for (why, count) in refused {
                let _ = writeln!(text, "  {language}: {count} {why}");
            }
        }
        text.push_str("\nwhere they differ from the suite or from each other:\n");
        if self.differing.is_empty() {
            text.push_str("  nowhere\n");
        }
        for one in &self.differing {
            let why = one.outside.as_deref().unwrap_or("A SCHEMA COULD HOLD THIS");
            let _ = writeln!(text, "  {}\n    {why}", one.line());
        }
        text
    }

    /// The same for a script.
    pub fn json(&self) -> Value {
        let rows = self.rows.iter().map(|Row { language, passed, failed, refused }| {
            json!({ "language": language, "passed": passed, "failed": failed, "refused": refused })
        });
        let differing = self.differing.iter().map(|one| {
            let said: BTreeMap<&str, &str> =
                one.said.iter().map(|(language, word)| (*language, word.as_str())).collect();
            json!({ "test": one.test, "expected": word(one.expected), "said": said, "not_admitted": one.outside })
        });
        let not_run = self.not_run.iter().map(|NotRun { language, why, wanted }| {
            json!({ "language": language, "why": why, "wanted": wanted })
        });
        json!({
            "tests": self.asked, "languages": rows.collect::<Vec<_>>(),
            "differing": differing.collect::<Vec<_>>(), "not_run": not_run.collect::<Vec<_>>(),
        })
    }
}

impl Differing {
    fn line(&self) -> String {
        let said: Vec<String> =
            self.said.iter().map(|(language, word)| format!("{language} {word}")).collect();
        format!("{}: expected {}: {}", self.test, word(self.expected), said.join(", "))
    }
}
