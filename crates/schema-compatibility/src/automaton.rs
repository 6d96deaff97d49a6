//! Patterns as automata, so that whether one pattern allows what another does is computed, not
//! guessed. They are built from the syntax tree that the validator's own engine is built from.

use std::collections::BTreeSet;

use regex_syntax::hir::{Hir, HirKind, Look};

/// The states of one pattern's automaton; larger ones are compared by their text alone.
const MOST_STATES: usize = 6_000;

#[derive(Debug, Clone)]
enum Edge {
    /// Free, or only at one end of the text.
    Free(usize),
    AtStart(usize),
    AtEnd(usize),
    On(Vec<(char, char)>, usize),
}

/// A nondeterministic automaton for "the text contains a match".
#[derive(Debug, Clone)]
pub struct Automaton {
    edges: Vec<Vec<Edge>>,
    start: usize,
    accept: usize,
}

/// A set of states, sorted. A set that holds the accepting state is reduced to it: once a match
/// is found the rest of the text does not matter.
pub type States = Vec<u32>;

impl Automaton {
    /// The automaton of a pattern as the `regex` crate writes it; none if it uses what is no
    /// regular matter of single characters (word boundaries), or grows too large.
    pub fn new(pattern: &str) -> Option<Self> {
        let hir = regex_syntax::parse(pattern).ok()?;
        let mut built = Self { edges: vec![Vec::new(), Vec::new()], start: 0, accept: 1 };
        built.add(&hir, 0, 1)?;
        Some(built)
    }

    fn state(&mut self) -> Option<usize> {
        if self.edges.len() >= MOST_STATES {
            return None;
        }
        self.edges.push(Vec::new());
        Some(self.edges.len() - 1)
    }

    fn edge(&mut self, from: usize, edge: Edge) -> Option<()> {
        self.edges.get_mut(from)?.push(edge);
        Some(())
    }

    fn add(&mut self, hir: &Hir, from: usize, to: usize) -> Option<()> {
        match hir.kind() {
            HirKind::Empty => self.edge(from, Edge::Free(to)),
            HirKind::Literal(literal) => {
                let text = std::str::from_utf8(&literal.0).ok()?;
                let mut here = from;
                for character in text.chars() {
                    let next = self.state()?;
                    self.edge(here, Edge::On(vec![(character, character)], next))?;
                    here = next;
                }
                self.edge(here, Edge::Free(to))
            }
            HirKind::Class(class) => {
                let ranges: Vec<(char, char)> = match class {
                    regex_syntax::hir::Class::Unicode(class) => {
                        class.ranges().iter().map(|r| (r.start(), r.end())).collect()
                    }
                    regex_syntax::hir::Class::Bytes(class) => {
                        let class = class.to_unicode_class()?;
                        class.ranges().iter().map(|r| (r.start(), r.end())).collect()
                    }
                };
                self.edge(from, Edge::On(ranges, to))
            }
            HirKind::Look(Look::Start) => self.edge(from, Edge::AtStart(to)),
            HirKind::Look(Look::End) => self.edge(from, Edge::AtEnd(to)),
            HirKind::Look(_) => None,
            HirKind::Capture(capture) => self.add(&capture.sub, from, to),
            HirKind::Concat(parts) => {
                let mut here = from;
                for part in parts {
                    let next = self.state()?;
                    self.add(part, here, next)?;
                    here = next;
                }
                self.edge(here, Edge::Free(to))
            }
            HirKind::Alternation(parts) => {
                parts.iter().try_for_each(|part| self.add(part, from, to))
            }
            HirKind::Repetition(repetition) => {
                let mut here = from;
                for _ in 0..repetition.min {
                    let next = self.state()?;
                    self.add(&repetition.sub, here, next)?;
                    here = next;
                }
                if let Some(max) = repetition.max {
                    for _ in repetition.min..max {
                        self.edge(here, Edge::Free(to))?;
                        let next = self.state()?;
                        self.add(&repetition.sub, here, next)?;
                        here = next;
                    }
                } else {
                    let turn = self.state()?;
                    self.edge(here, Edge::Free(turn))?;
                    let back = self.state()?;
                    self.add(&repetition.sub, turn, back)?;
                    self.edge(back, Edge::Free(turn))?;
                    here = turn;
                }
                self.edge(here, Edge::Free(to))
            }
        }
    }

    /// The states before the first character.
    pub fn begin(&self) -> States {
        self.close(BTreeSet::from([self.start]), true, false)
    }

    /// The states after one more character.
    pub fn step(&self, states: &[u32], character: char) -> States {
        if self.found(states) {
            return states.to_vec();
        }
        // A match may begin at any place.
        let mut next = BTreeSet::from([self.start]);
        for edge in self.leaving(states) {
            if let Edge::On(ranges, to) = edge
                && ranges.iter().any(|(low, high)| (*low..=*high).contains(&character))
            {
                next.insert(*to);
            }
        }
        self.close(next, false, false)
    }

    /// Whether the text may end here with a match in it.
    pub fn accepts(&self, states: &[u32], at_start: bool) -> bool {
        if self.found(states) {
            return true;
        }
        let open = states.iter().filter_map(|s| usize::try_from(*s).ok()).collect();
        self.found(&self.close(open, at_start, true))
    }

    /// Where the characters that lead elsewhere begin: each stands for those up to the next.
    pub fn boundaries(&self, states: &[u32], into: &mut BTreeSet<char>) {
        if self.found(states) {
            return;
        }
        for edge in self.leaving(states) {
            if let Edge::On(ranges, _) = edge {
                for (low, high) in ranges {
                    into.insert(*low);
                    into.extend(after(*high));
                }
            }
        }
    }

    fn found(&self, states: &[u32]) -> bool {
        states.iter().any(|s| usize::try_from(*s) == Ok(self.accept))
    }

    fn leaving<'a>(&'a self, states: &'a [u32]) -> impl Iterator<Item = &'a Edge> {
        let indexes = states.iter().filter_map(|s| usize::try_from(*s).ok());
        indexes.filter_map(|s| self.edges.get(s)).flatten()
    }

    fn close(&self, mut states: BTreeSet<usize>, at_start: bool, at_end: bool) -> States {
        let mut todo: Vec<usize> = states.iter().copied().collect();
        while let Some(state) = todo.pop() {
            for edge in self.edges.get(state).into_iter().flatten() {
                let to = match edge {
                    Edge::Free(to) => *to,
                    Edge::AtStart(to) if at_start => *to,
                    Edge::AtEnd(to) if at_end => *to,
                    _ => continue,
                };
                if states.insert(to) {
                    todo.push(to);
                }
            }
        }
        if states.contains(&self.accept) {
            states = BTreeSet::from([self.accept]);
        }
        states.into_iter().filter_map(|s| u32::try_from(s).ok()).collect()
    }
}

/// The character after this one, if there is one.
pub fn after(character: char) -> Option<char> {
    match u32::from(character) {
        0xD7FF => Some('\u{E000}'),
        code => char::from_u32(code + 1),
    }
}
