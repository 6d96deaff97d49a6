//! Strings: lengths, patterns, formats, and words left out.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Case, Leaf, Solver};
use crate::language::{Language, Word};

/// The steps of one walk through automata.
const MOST_STEPS: u64 = 60_000;
/// The steps of it that count as one step of a proof.
const STEPS_EACH: u64 = 64;
/// Texts that formats are likely to take, or to refuse.
const SAMPLES: [&str; 22] = [
    "2001-02-03T04:05:06Z",
    "2001-02-03T04:05:06.789+01:00",
    "2001-02-03",
    "04:05:06Z",
    "a@b.co",
    "someone@mail.example.com",
    "example.com",
    "a",
    "127.0.0.1",
    "::1",
    "2001:db8::8a2e:370:7334",
    "http://example.com",
    "https://example.com/a/b?c=d#e",
    "urn:uuid:123e4567-e89b-12d3-a456-426614174000",
    "123e4567-e89b-12d3-a456-426614174000",
    "/a/b",
    "0",
    "P1D",
    "http://example.com/{id}",
    "(",
    "\u{e9}",
    "a b",
];

pub fn leaf(solver: &mut Solver<'_>, case: &Case) -> Leaf {
    let arena = solver.arena;
    let facts = &case.facts;
    let (mut shortest, mut longest) = (facts.shortest, facts.longest);
    let (mut patterns, mut formats) = (BTreeSet::new(), BTreeSet::new());
    for node in case.holds.iter().map(|id| arena.node(*id)) {
        shortest = shortest.max(node.shortest);
        longest = node.longest.map_or(longest, |most| Some(longest.map_or(most, |l| l.min(most))));
        patterns.extend(node.pattern);
        formats.extend(node.format);
    }
    if longest.is_some_and(|longest| longest < shortest)
        || !patterns.is_disjoint(&facts.no_pattern)
        || !formats.is_disjoint(&facts.no_format)
    {
        return Leaf::Closed;
    }
    let words = facts.no_word.iter().filter_map(|id| arena.node(*id).words.as_ref());
    let without: BTreeSet<String> =
        words.flatten().filter_map(Value::as_str).map(str::to_owned).collect();

    let automaton = |number: &usize| arena.table.patterns.get(*number)?.automaton.as_ref();
    let mut language = Language {
        matches: patterns.iter().filter_map(automaton).collect(),
        differs: facts.no_pattern.iter().filter_map(automaton).collect(),
        shortest,
        longest,
        without,
    };
    if usize::try_from(shortest).is_ok_and(|shortest| shortest > solver.longest) {
        // A string this long is not built, so all that can be told is that it is not excluded.
        return Leaf::Open(Vec::new());
    }
    let opaque = language.matches.len() < patterns.len()
        || language.differs.len() < facts.no_pattern.len()
        || !formats.is_empty()
        || !facts.no_format.is_empty();
    let mut found = Vec::new();
    for _ in 0..if opaque { 4 } else { 1 } {
        let mut steps = MOST_STEPS.min(solver.steps.saturating_mul(STEPS_EACH));
        let before = steps;
        let word = language.word(&mut steps);
        solver.steps = solver.steps.saturating_sub((before - steps) / STEPS_EACH);
        match word {
            Word::None if found.is_empty() => return Leaf::Closed,
            Word::Some(word) => {
                found.push(Value::from(word.clone()));
                language.without.insert(word);
            }
            Word::None | Word::Unknown => break,
        }
    }
    if opaque || found.is_empty() {
        found.extend(SAMPLES.iter().map(|text| Value::from(*text)));
        let from_names = patterns.iter().chain(&facts.no_pattern);
        let texts = from_names.filter_map(|n| arena.table.patterns.get(*n)).map(|rule| &rule.text);
        found.extend(texts.map(|text| Value::from(text.trim_matches(['^', '$']))));
    }
    Leaf::Open(found)
}
