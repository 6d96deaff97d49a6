//! Strings under several constraints at once: whether there are any, and the shortest of them.

use std::collections::{BTreeSet, HashMap, VecDeque};

use crate::automaton::{Automaton, States, after};

/// What a string must and must not be.
#[derive(Debug, Default, Clone)]
pub struct Language<'a> {
    pub matches: Vec<&'a Automaton>,
    pub differs: Vec<&'a Automaton>,
    pub shortest: u64,
    pub longest: Option<u64>,
    pub without: BTreeSet<String>,
}

/// Whether a language has a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Word {
    None,
    Some(String),
    /// The search was given up.
    Unknown,
}

/// A state of the product of all automata, of the length, and of how far an excluded word goes.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Place {
    sets: Vec<States>,
    /// Capped where more of it makes no difference.
    length: u64,
    /// The text so far, while it begins an excluded word.
    prefix: Option<String>,
}

impl Language<'_> {
    /// The shortest word, found by breadth first over the product of the automata.
    pub fn word(&self, steps: &mut u64) -> Word {
        if self.longest.is_some_and(|longest| longest < self.shortest) {
            return Word::None;
        }
        // Breadth first finds the shortest word, so what is longer needs no state of its own.
        let cap = self.shortest;
        let all: Vec<&Automaton> = self.matches.iter().chain(&self.differs).copied().collect();
        let first = Place {
            sets: all.iter().map(|automaton| automaton.begin()).collect(),
            length: 0,
            prefix: self.prefix(String::new()),
        };
        let mut from: Vec<(usize, char)> = vec![(0, '\0')];
        let mut seen: HashMap<Place, usize> = HashMap::from([(first.clone(), 0)]);
        let mut queue = VecDeque::from([(first, 0_usize, 0_u64)]);
        while let Some((place, index, length)) = queue.pop_front() {
            if self.accepts(&place, length) {
                return Word::Some(spell(&from, index));
            }
            if self.longest.is_some_and(|longest| length >= longest) {
                continue;
            }
            let mut boundaries = BTreeSet::from(['\0', ' ', '0', ':', 'A', '[', 'a', '{']);
            for (automaton, set) in all.iter().zip(&place.sets) {
                automaton.boundaries(set, &mut boundaries);
            }
            if let Some(prefix) = &place.prefix {
                for word in &self.without {
                    if let Some(next) =
                        word.strip_prefix(prefix.as_str()).and_then(|rest| rest.chars().next())
                    {
                        boundaries.insert(next);
                        boundaries.extend(after(next));
                    }
                }
            }
            for character in readable_first(&boundaries) {
                let Some(left) = steps.checked_sub(1) else { return Word::Unknown };
                *steps = left;
                let sets =
                    all.iter().zip(&place.sets).map(|(a, set)| a.step(set, character)).collect();
                let prefix = place.prefix.clone().and_then(|mut prefix| {
                    prefix.push(character);
                    self.prefix(prefix)
                });
                let next = Place { sets, length: (length + 1).min(cap), prefix };
                if !seen.contains_key(&next) {
                    from.push((index, character));
                    seen.insert(next.clone(), from.len() - 1);
                    queue.push_back((next, from.len() - 1, length + 1));
                }
            }
        }
        Word::None
    }

    fn prefix(&self, text: String) -> Option<String> {
        self.without.iter().any(|word| word.starts_with(&text)).then_some(text)
    }

    fn accepts(&self, place: &Place, length: u64) -> bool {
        if length < self.shortest || place.prefix.as_ref().is_some_and(|p| self.without.contains(p))
        {
            return false;
        }
        let (wanted, unwanted) =
            place.sets.split_at_checked(self.matches.len()).unwrap_or_default();
        let at_start = length == 0;
        self.matches.iter().zip(wanted).all(|(a, set)| a.accepts(set, at_start))
            && !self.differs.iter().zip(unwanted).any(|(a, set)| a.accepts(set, at_start))
    }
}

/// The text that leads to a place.
fn spell(from: &[(usize, char)], mut index: usize) -> String {
    let mut reversed = Vec::new();
    while index != 0 {
        let Some((before, character)) = from.get(index) else { break };
        reversed.push(*character);
        index = *before;
    }
    reversed.into_iter().rev().collect()
}

/// Letters and digits before the rest, so that a word that people read is found first.
fn readable_first(characters: &BTreeSet<char>) -> Vec<char> {
    let mut all: Vec<char> = characters.iter().copied().collect();
    all.sort_by_key(|c| match c {
        'a'..='z' => 0,
        'A'..='Z' | '0'..='9' => 1,
        ' '..='~' => 2,
        c if !c.is_control() => 3,
        _ => 4,
    });
    all
}
