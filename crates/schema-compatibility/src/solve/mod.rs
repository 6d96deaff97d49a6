//! Asks one thing only: is there a document that satisfies some nodes and fails others? That
//! nothing is in one schema and outside of the other is the proof of inclusion; a document that is
//! there is its refutation.
//!
//! A question is split into cases (by kind of value, by alternative, by the keyword that fails). A
//! case is closed only by a necessary condition that cannot be met, so "there is none" is certain,
//! whatever the engine does not understand. A question about members or items that comes back to
//! itself below is closed too: the shortest document that answered it would hold a shorter one.

mod array;
mod case;
mod number;
mod object;
mod string;

use std::collections::HashMap;
use std::rc::Rc;

use serde_json::Value;

use crate::evaluate::spellings;
use crate::node::{ANY, Id, Kind, NONE};
use crate::read::Arena;

pub use case::Case;

/// The deepest nesting of questions.
const MOST_LEVELS: usize = 60;
/// The questions that may be open at once.
const MOST_OPEN: usize = 400;
/// The spellings of one word that are looked at.
const MOST_SPELLINGS: usize = 256;

/// Whether there is such a document.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Certainly none.
    None,
    /// This one.
    Found(Rc<Value>),
    /// Neither is known.
    Unknown(Rc<Gap>),
}

/// Where the engine gave up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    pub reason: &'static str,
    pub holds: Option<Id>,
    pub fails: Option<Id>,
}

/// A question: the nodes to satisfy, and those to fail. Sorted, each once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Goal {
    /// Of documents of this kind alone.
    kind: Option<Kind>,
    holds: Vec<Id>,
    fails: Vec<Id>,
}

/// Answers questions about the nodes of an arena.
pub struct Solver<'a> {
    pub arena: &'a Arena,
    /// The work that is left.
    pub steps: u64,
    /// The longest string that is built.
    pub longest: usize,
    known: HashMap<Goal, Answer>,
    open: Vec<(Goal, usize)>,
    level: usize,
    /// The lowest of the open questions that an answer was drawn from.
    leaned_on: usize,
}

impl<'a> Solver<'a> {
    pub fn new(arena: &'a Arena, steps: u64, longest: usize) -> Self {
        Self {
            arena,
            steps,
            longest,
            known: HashMap::new(),
            open: Vec::new(),
            level: 0,
            leaned_on: usize::MAX,
        }
    }

    /// Whether a document satisfies all of `holds` and none of `fails`.
    pub fn solve(&mut self, holds: &[Id], fails: &[Id]) -> Answer {
        self.solve_kind(None, holds, fails)
    }

    fn solve_kind(&mut self, kind: Option<Kind>, holds: &[Id], fails: &[Id]) -> Answer {
        let mut goal = Goal {
            kind,
            holds: holds.iter().copied().filter(|id| *id != ANY).collect(),
            fails: fails.iter().copied().filter(|id| *id != NONE).collect(),
        };
        for ids in [&mut goal.holds, &mut goal.fails] {
            ids.sort_unstable();
            ids.dedup();
        }
        if goal.holds.contains(&NONE)
            || goal.fails.iter().any(|id| *id == ANY || goal.holds.contains(id))
        {
            return Answer::None;
        }
        if kind.is_none() && goal.holds.is_empty() && goal.fails.is_empty() {
            return Answer::Found(Rc::new(Value::Null));
        }
        if let Some(answer) = self.known.get(&goal) {
            return answer.clone();
        }
        if let Some((place, level)) = self
            .open
            .iter()
            .position(|(open, _)| *open == goal)
            .and_then(|n| Some((n, self.open.get(n)?.1)))
        {
            if level < self.level {
                self.leaned_on = self.leaned_on.min(place);
                return Answer::None;
            }
            return Self::unknown("a schema is about the same value as itself", &goal);
        }
        if self.open.len() >= MOST_OPEN || self.level >= MOST_LEVELS {
            return Self::unknown("the schemas are nested too deep", &goal);
        }
        let place = self.open.len();
        let before = std::mem::replace(&mut self.leaned_on, usize::MAX);
        self.open.push((goal.clone(), self.level));
        let answer = self.by_kinds(&goal);
        self.open.pop();
        let leans = self.leaned_on < place;
        self.leaned_on = if leans { self.leaned_on.min(before) } else { before };
        // "None" that leans on a question still open is not known by itself.
        if !leans || matches!(answer, Answer::Found(_)) {
            self.known.insert(goal, answer.clone());
        }
        answer
    }

    /// The same, of a member or an item of the document in question.
    pub fn solve_below(&mut self, holds: &[Id], fails: &[Id]) -> Answer {
        self.level += 1;
        let answer = self.solve(holds, fails);
        self.level -= 1;
        answer
    }

    /// Whether a member or an item of one kind satisfies all of `holds`.
    fn solve_kind_below(&mut self, kind: Kind, holds: &[Id]) -> Answer {
        self.level += 1;
        let answer = self.solve_kind(Some(kind), holds, &[]);
        self.level -= 1;
        answer
    }

    fn unknown(reason: &'static str, goal: &Goal) -> Answer {
        let (holds, fails) = (goal.holds.first().copied(), goal.fails.first().copied());
        Answer::Unknown(Rc::new(Gap { reason, holds, fails }))
    }

    fn by_kinds(&mut self, goal: &Goal) -> Answer {
        let mut gap = None;
        for kind in Kind::ALL.into_iter().filter(|kind| goal.kind.is_none_or(|only| only == *kind))
        {
            match self.explore(Case::new(kind, &goal.holds, &goal.fails), goal) {
                Answer::None => {}
                Answer::Unknown(here) => gap = gap.or(Some(here)),
                found @ Answer::Found(_) => return found,
            }
        }
        gap.map_or(Answer::None, Answer::Unknown)
    }

    fn explore(&mut self, mut case: Case, goal: &Goal) -> Answer {
        let Some(left) = self.steps.checked_sub(1) else {
            return Self::unknown("the bound on work was reached", goal);
        };
        self.steps = left;
        if !case.settle(self.arena) {
            return Answer::None;
        }
        if let Some(words) = self.finite(&case) {
            return self.among(&words, &case, goal);
        }
        if case.choices.iter().filter(|(failing, _)| failing.is_some()).count() > 1
            && self.without_needless(&mut case)
        {
            return Answer::None;
        }
        // Alternatives of what holds come first: they tell the most. Then the shortest list.
        let next = case.choices.iter().enumerate();
        let next = next.min_by_key(|(_, (failing, choice))| (failing.is_some(), choice.len()));
        let Some(next) = next.map(|(n, _)| n) else { return self.leaf(&case, goal) };
        let (_, choice) = case.choices.swap_remove(next);
        let mut gap = None;
        for alternative in choice.iter() {
            match self.explore(case.with(alternative), goal) {
                Answer::None => {}
                Answer::Unknown(here) => gap = gap.or(Some(here)),
                found @ Answer::Found(_) => return found,
            }
        }
        gap.map_or(Answer::None, Answer::Unknown)
    }

    /// Drops failures that follow from the rest; true if one of them alone is impossible.
    fn without_needless(&mut self, case: &mut Case) -> bool {
        let holds: Vec<Id> = case.holds.iter().copied().collect();
        let failing: Vec<Id> = case.choices.iter().filter_map(|(failing, _)| *failing).collect();
        for id in &failing {
            if matches!(self.solve_kind(Some(case.kind), &holds, &[*id]), Answer::None) {
                return true;
            }
        }
        for id in failing {
            let mut both = holds.clone();
            both.push(id);
            if matches!(self.solve_kind(Some(case.kind), &both, &[]), Answer::None) {
                case.choices.retain(|(failing, _)| *failing != Some(id));
            }
        }
        false
    }

    /// All the documents of a case, where they are few and known.
    fn finite(&self, case: &Case) -> Option<Vec<Value>> {
        match case.kind {
            Kind::Null => return Some(vec![Value::Null]),
            Kind::Boolean => return Some(vec![Value::Bool(true), Value::Bool(false)]),
            _ => {}
        }
        let words = self.arena.node(case.words?).words.as_ref()?;
        let mut all = Vec::new();
        for word in words {
            let spellings = spellings(word, MOST_SPELLINGS)?;
            all.extend(spellings.into_iter().filter(|word| Kind::of(word) == case.kind));
        }
        Some(all)
    }

    /// The first document of a list that answers the question.
    fn among(&mut self, words: &[Value], case: &Case, goal: &Goal) -> Answer {
        self.steps = self.steps.saturating_sub(words.len() as u64 / 4);
        let word = words.iter().find(|word| {
            case.holds.iter().all(|id| self.arena.holds(*id, word)) && self.answers(goal, word)
        });
        word.map_or(Answer::None, |word| Answer::Found(Rc::new(word.clone())))
    }

    fn answers(&self, goal: &Goal, document: &Value) -> bool {
        goal.holds.iter().all(|id| self.arena.holds(*id, document))
            && !goal.fails.iter().any(|id| self.arena.holds(*id, document))
    }

    fn leaf(&mut self, case: &Case, goal: &Goal) -> Answer {
        let leaf = match case.kind {
            Kind::Integer | Kind::Fractional => number::leaf(self, case),
            Kind::String => string::leaf(self, case),
            Kind::Array => array::leaf(self, case),
            Kind::Object => object::leaf(self, case),
            Kind::Null | Kind::Boolean => Leaf::Closed,
        };
        match leaf {
            Leaf::Closed => Answer::None,
            Leaf::Open(documents) => {
                let found = documents.into_iter().find(|document| self.answers(goal, document));
                found.map_or_else(
                    || {
                        Self::unknown(
                            "no document was found, and no proof that there is none",
                            goal,
                        )
                    },
                    |document| Answer::Found(Rc::new(document)),
                )
            }
            Leaf::Gap(gap) => Answer::Unknown(gap),
        }
    }
}

/// What the facts of a case come to.
pub enum Leaf {
    /// No document has them all.
    Closed,
    /// These may; each is still to be judged.
    Open(Vec<Value>),
    /// What is below is not known.
    Gap(Rc<Gap>),
}
