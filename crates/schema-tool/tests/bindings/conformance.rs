//! One suite of events against all three languages.

use std::collections::BTreeMap;

use doorward_events::EventType;
use doorward_events::testkit::generate::Breach;
use doorward_events::testkit::{corpus, generate};
use serde_json::Value;

use crate::case::{Answer, Case, answers};
use crate::kit::{Python, TypeScript};
use crate::{rust, table};

/// The seeds of the events that are drawn.
const SEEDS: u64 = 6;

/// What each language answers to each question.
pub struct Outcome {
    pub case: Case,
    pub rust: Answer,
    pub typescript: Answer,
    pub python: Answer,
}

/// Asks all three.
pub fn ask(cases: Vec<Case>) -> Vec<Outcome> {
    let (typescript, python) = (TypeScript::build(), Python::make());
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("cases.jsonl");
    let of_typescript = answers(&mut typescript.program("conformance.js"), &file, &cases);
    let of_python = answers(&mut python.program("conformance.py"), &file, &cases);
    let answered = cases.into_iter().zip(of_typescript).zip(of_python);
    answered
        .map(|((case, typescript), python)| Outcome {
            rust: rust::answer(&case),
            case,
            typescript,
            python,
        })
        .collect()
}

/// Events that were drawn, examples in events that were drawn, and each with one rule broken.
fn drawn() -> Vec<Case> {
    let mut cases = Vec::new();
    for event_type in EventType::ALL {
        for seed in 0..SEEDS {
            let event = generate::valid(event_type, seed).to_string();
            let name = format!("{event_type}, valid, seed {seed}");
            cases.push(Case::new(&name, "writer", event.as_bytes()));
            cases.push(Case::new(&name, "read", event.as_bytes()));
        }
        for wrong in generate::invalid(event_type, 1) {
            // 64 KB each: one type's are enough.
            if wrong.breach == Breach::TooLarge && event_type != EventType::AccessDenied {
                continue;
            }
            let name = format!("{event_type}, {:?} at {}", wrong.breach, wrong.pointer);
            let event = wrong.event.to_string();
            for ask in ["writer", "reader"] {
                cases.push(Case::new(&name, ask, event.as_bytes()));
            }
        }
    }
    for sample in corpus() {
        let delivery: Value = serde_json::from_str(&sample.text).unwrap();
        let event = delivery["detail"].to_string();
        for ask in ["writer", "read"] {
            let name = format!("{}, {:?}", sample.event_type, sample.made);
            cases.push(Case::new(name, ask, event.as_bytes()));
        }
    }
    cases
}

/// The library reports at most eight places; which ones these are where there are more is left
/// open.
fn comparable(answer: &Answer) -> (&str, &[String]) {
    let full = answer.pointers.len() >= 8;
    (&answer.code, if full { &[] } else { &answer.pointers })
}

#[test]
fn all_languages_judge_and_read_drawn_events_alike() {
    let outcomes = ask(drawn());
    let mut differing = BTreeMap::new();
    let (mut refused, mut rewritten) = (0, 0);
    for Outcome { case, rust, typescript, python } in &outcomes {
        refused += usize::from(rust.code != "ok");
        for (language, answer) in [("TypeScript", typescript), ("Python", python)] {
            let same = comparable(answer) == comparable(rust)
                && match (answer.value(), rust.value()) {
                    (Some(theirs), Some(ours)) => {
                        rewritten += 1;
                        table::same_event(&theirs, &ours)
                    }
                    (None, None) => true,
                    _ => false,
                };
            if !same {
                differing.insert(
                    format!("{language}: {} ({})", case.name, case.ask),
                    format!("{} for {}", answer.brief(), rust.brief()),
                );
            }
        }
    }
    println!(
        "{} questions, {refused} refused by all, {rewritten} read and written again",
        outcomes.len()
    );
    let first: BTreeMap<_, _> = differing.iter().take(20).collect();
    assert!(differing.is_empty(), "{} differ, the first: {first:#?}", differing.len());
    assert!(refused > 1000 && rewritten > 500, "too few: {refused} {rewritten}");
}

#[test]
fn where_languages_differ_stands_in_the_documentation() {
    let outcomes = ask(table::written());
    table::check(&outcomes);
}
