//! The validators of all languages on schemas that nobody wrote.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::drawn::{Draw, KEYWORDS};
use super::{Answer, Peer, Places, Question, Verdict, rust};

/// Schemas for each keyword, and documents for each schema.
const SCHEMAS: usize = 100;
const DOCUMENTS: usize = 20;

fn build(schema: &Value) -> Result<jsonschema::Validator, String> {
    let options = jsonschema::options()
        .with_draft(jsonschema::Draft::Draft4)
        .should_validate_formats(true)
        .with_pattern_options(jsonschema::PatternOptions::regex());
    options.build(schema).map_err(|error| error.to_string())
}

fn verdicts(answer: &Answer) -> &[Verdict] {
    match answer {
        Answer::Verdicts(verdicts) => verdicts,
        Answer::Refused(_) => &[],
    }
}

/// How many verdicts hang on the keyword: without it, the schema says something else.
fn weight(keyword: &str, question: &Question, with: &Answer) -> usize {
    let mut schema: Value = serde_json::from_str(&question.schema).unwrap();
    schema.as_object_mut().unwrap().shift_remove(keyword);
    let less = Question { schema: schema.to_string(), ..question.clone() };
    let without = rust(&less, build).unwrap();
    verdicts(with).iter().zip(verdicts(&without)).filter(|(a, b)| a != b).count()
}

#[test]
fn all_languages_judge_drawn_schemas_alike() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = Places {
        node_modules: root.join("bindings/typescript/node_modules"),
        python: doorward_emulator::python(),
    };
    let mut draw = Draw::new(9);
    let drawn = KEYWORDS.iter().flat_map(|(keyword, _)| {
        let questions = (0..SCHEMAS).map(|_| (*keyword, draw.question(keyword, DOCUMENTS)));
        questions.collect::<Vec<_>>()
    });
    let (keywords, questions): (Vec<&str>, Vec<Question>) = drawn.unzip();
    let ours: Vec<Answer> = questions.iter().map(|q| rust(q, build).unwrap()).collect();
    let theirs = [("TypeScript", Peer::typescript(&places)), ("Python", Peer::python(&places))]
        .map(|(language, peer)| (language, peer.unwrap().ask(&questions).unwrap()));

    let mut weights: BTreeMap<&str, usize> = BTreeMap::new();
    let mut differing = Vec::new();
    let mut valid = 0;
    for (n, (question, answer)) in questions.iter().zip(&ours).enumerate() {
        assert!(matches!(answer, Answer::Verdicts(_)), "{answer:?}: {}", question.schema);
        valid += verdicts(answer).iter().filter(|one| **one == Verdict::Valid).count();
        *weights.entry(keywords[n]).or_default() += weight(keywords[n], question, answer);
        for (language, answers) in &theirs {
            if let Answer::Refused(why) = &answers[n] {
                differing.push(format!("{language} refuses {}: {why}", question.schema));
            }
            for (d, (said, ours)) in verdicts(&answers[n]).iter().zip(verdicts(answer)).enumerate()
            {
                if said != ours {
                    let (schema, document) = (&question.schema, &question.documents[d]);
                    differing.push(format!(
                        "{language} {said:?}, Rust {ours:?}: {document} by {schema}"
                    ));
                }
            }
        }
    }
    let asked = questions.len() * DOCUMENTS;
    println!("{asked} verdicts, {valid} of them valid; on each keyword hang {weights:?}");
    differing.sort_by_key(String::len);
    differing.truncate(20);
    assert!(differing.is_empty(), "they differ, the shortest:\n{}", differing.join("\n"));
    assert!(valid * 4 > asked && valid * 4 < asked * 3, "{valid} of {asked} are valid");
    for (keyword, weight) in weights {
        assert!(weight > SCHEMAS / 4, "{weight} verdicts hang on {keyword}");
    }
}
