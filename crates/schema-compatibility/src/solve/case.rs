//! One case of a question: documents of one kind, with everything that is known of them. A case is
//! split until nothing is left to choose; then its facts are put together.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::node::{Dependency, Id, Kind};
use crate::number::Bound;
use crate::read::Arena;

/// What a document must do.
#[derive(Debug, Clone)]
pub enum Step {
    Hold(Id),
    Fail(Id),
    Know(Fact),
}

/// What is known of a document besides the nodes that it satisfies.
#[derive(Debug, Clone)]
pub enum Fact {
    Low(Bound),
    High(Bound),
    /// Not a multiple of what this node asks for.
    NoMultiple(Id),
    /// No word of this node.
    NoWord(Id),
    Shortest(u64),
    Longest(u64),
    /// The schema-wide numbers of a pattern and a format that do not match.
    NoPattern(usize),
    NoFormat(usize),
    Fewest(u64),
    Most(u64),
    Repeated,
    /// The item at this place fails the node.
    ItemFails(usize, Id),
    /// An item at this place or after it fails the node.
    RestFails(usize, Id),
    Present(String),
    Absent(String),
    MemberFails(String, Id),
    /// A member whose name matches the pattern fails the node.
    MatchingFails(usize, Id),
    /// A member that the first node does not name fails the second.
    AdditionalFails(Id, Id),
}

/// Alternatives, of which one must hold.
pub type Choice = Vec<Vec<Step>>;

/// A case.
#[derive(Debug, Clone)]
pub struct Case {
    pub kind: Kind,
    /// The nodes that hold and those that fail, all taken apart already or waiting in a choice.
    pub holds: BTreeSet<Id>,
    pub fails: BTreeSet<Id>,
    /// What remains to be chosen, by the node that failed or else 0.
    pub choices: Vec<(Option<Id>, Rc<Choice>)>,
    pub facts: Facts,
    /// A node whose words are all the documents that there are.
    pub words: Option<Id>,
    todo: Vec<Step>,
}

/// Facts, put where they are looked for.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    pub low: Vec<Bound>,
    pub high: Vec<Bound>,
    pub no_multiple: Vec<Id>,
    pub no_word: Vec<Id>,
    /// Length, or count of items or members.
    pub shortest: u64,
    pub longest: Option<u64>,
    pub no_pattern: BTreeSet<usize>,
    pub no_format: BTreeSet<usize>,
    pub repeated: bool,
    pub item_fails: BTreeMap<usize, BTreeSet<Id>>,
    pub rest_fails: Vec<(usize, Id)>,
    pub present: BTreeSet<String>,
    pub absent: BTreeSet<String>,
    pub member_fails: BTreeMap<String, BTreeSet<Id>>,
    pub matching_fails: Vec<(usize, Id)>,
    pub additional_fails: Vec<(Id, Id)>,
}

impl Facts {
    fn add(&mut self, fact: Fact) {
        match fact {
            Fact::Low(bound) => self.low.push(bound),
            Fact::High(bound) => self.high.push(bound),
            Fact::NoMultiple(id) => self.no_multiple.push(id),
            Fact::NoWord(id) => self.no_word.push(id),
            Fact::Shortest(count) | Fact::Fewest(count) => self.shortest = self.shortest.max(count),
            Fact::Longest(count) | Fact::Most(count) => {
                self.longest = Some(self.longest.map_or(count, |longest| longest.min(count)));
            }
            Fact::NoPattern(pattern) => {
                self.no_pattern.insert(pattern);
            }
            Fact::NoFormat(format) => {
                self.no_format.insert(format);
            }
            Fact::Repeated => self.repeated = true,
            Fact::ItemFails(index, id) => {
                self.item_fails.entry(index).or_default().insert(id);
            }
            Fact::RestFails(from, id) => self.rest_fails.push((from, id)),
            Fact::Present(name) => {
                self.present.insert(name);
            }
            Fact::Absent(name) => {
                self.absent.insert(name);
            }
            Fact::MemberFails(name, id) => {
                self.present.insert(name.clone());
                self.member_fails.entry(name).or_default().insert(id);
            }
            Fact::MatchingFails(pattern, id) => self.matching_fails.push((pattern, id)),
            Fact::AdditionalFails(node, id) => self.additional_fails.push((node, id)),
        }
    }
}

impl Case {
    pub fn new(kind: Kind, holds: &[Id], fails: &[Id]) -> Self {
        let todo = fails.iter().map(|id| Step::Fail(*id));
        Self {
            kind,
            holds: BTreeSet::new(),
            fails: BTreeSet::new(),
            choices: Vec::new(),
            facts: Facts::default(),
            words: None,
            todo: todo.chain(holds.iter().map(|id| Step::Hold(*id))).collect(),
        }
    }

    /// The same case with one alternative taken.
    pub fn with(&self, steps: &[Step]) -> Self {
        let mut case = self.clone();
        case.todo.extend_from_slice(steps);
        case
    }

    /// Draws every conclusion that needs no choice. False: no document is in this case.
    pub fn settle(&mut self, arena: &Arena) -> bool {
        while let Some(step) = self.todo.pop() {
            let possible = match step {
                Step::Hold(id) => self.hold(arena, id),
                Step::Fail(id) => self.fail(arena, id),
                Step::Know(fact) => {
                    self.facts.add(fact);
                    true
                }
            };
            if !possible {
                return false;
            }
        }
        self.facts.present.is_disjoint(&self.facts.absent)
    }

    fn hold(&mut self, arena: &Arena, id: Id) -> bool {
        let node = arena.node(id);
        if self.fails.contains(&id) || !node.kinds.has(self.kind) {
            return false;
        }
        if !self.holds.insert(id) {
            return true;
        }
        if node.words.is_some() {
            self.words = Some(id);
        }
        self.todo.extend(node.all.iter().map(|id| Step::Hold(*id)));
        self.todo.extend(node.not.map(Step::Fail));
        if !node.any.is_empty() {
            let choice = node.any.iter().map(|id| vec![Step::Hold(*id)]).collect();
            self.choose(None, choice);
        }
        if !node.one.is_empty() {
            let others = |n: usize| {
                let others = node.one.iter().enumerate().filter(move |(m, _)| *m != n);
                others.map(|(_, id)| Step::Fail(*id))
            };
            let choice = node.one.iter().enumerate();
            let choice = choice.map(|(n, id)| others(n).chain([Step::Hold(*id)]).collect());
            self.choose(None, choice.collect());
        }
        if self.kind == Kind::Object {
            self.facts.present.extend(node.required.iter().cloned());
            for (name, dependency) in &node.dependencies {
                let mut brings = vec![Step::Know(Fact::Present(name.clone()))];
                match dependency {
                    Dependency::Members(names) => {
                        brings.extend(names.iter().map(|n| Step::Know(Fact::Present(n.clone()))));
                    }
                    Dependency::Schema(id) => brings.push(Step::Hold(*id)),
                }
                let absent = vec![Step::Know(Fact::Absent(name.clone()))];
                self.choose(None, vec![absent, brings]);
            }
        }
        true
    }

    fn fail(&mut self, arena: &Arena, id: Id) -> bool {
        if self.holds.contains(&id) {
            return false;
        }
        if !arena.node(id).kinds.has(self.kind) || !self.fails.insert(id) {
            return true;
        }
        let ways = self.ways_to_fail(arena, id);
        self.choose(Some(id), ways)
    }

    fn choose(&mut self, failing: Option<Id>, mut choice: Choice) -> bool {
        match choice.len() {
            0 => return false,
            1 => self.todo.append(&mut choice.pop().unwrap_or_default()),
            _ => self.choices.push((failing, Rc::new(choice))),
        }
        true
    }

    fn ways_to_fail(&self, arena: &Arena, id: Id) -> Choice {
        let node = arena.node(id);
        let mut facts: Vec<Fact> = Vec::new();
        if node.words.is_some() {
            facts.push(Fact::NoWord(id));
        }
        match self.kind {
            Kind::Null | Kind::Boolean => {}
            Kind::Integer | Kind::Fractional => {
                let outside =
                    |bound: &Bound| Bound { value: bound.value.clone(), open: !bound.open };
                facts.extend(node.low.iter().map(|low| Fact::High(outside(low))));
                facts.extend(node.high.iter().map(|high| Fact::Low(outside(high))));
                facts.extend(node.multiple.iter().map(|_| Fact::NoMultiple(id)));
            }
            Kind::String => {
                facts.extend(node.shortest.checked_sub(1).map(Fact::Longest));
                facts.extend(node.longest.map(|longest| Fact::Shortest(longest.saturating_add(1))));
                facts.extend(node.pattern.map(Fact::NoPattern));
                facts.extend(node.format.map(Fact::NoFormat));
            }
            Kind::Array => {
                facts.extend(node.fewest_items.checked_sub(1).map(Fact::Most));
                facts.extend(node.most_items.map(|most| Fact::Fewest(most.saturating_add(1))));
                facts.extend(node.unique.then_some(Fact::Repeated));
                facts.extend(node.tuple.iter().enumerate().map(|(n, id)| Fact::ItemFails(n, *id)));
                facts.push(Fact::RestFails(node.tuple.len(), node.rest));
            }
            Kind::Object => {
                facts.extend(node.required.iter().cloned().map(Fact::Absent));
                facts.extend(node.fewest_members.checked_sub(1).map(Fact::Most));
                facts.extend(node.most_members.map(|most| Fact::Fewest(most.saturating_add(1))));
                let members = node.properties.iter();
                facts.extend(members.map(|(name, id)| Fact::MemberFails(name.clone(), *id)));
                let matching = node.patterns.iter();
                facts.extend(matching.map(|(pattern, id)| Fact::MatchingFails(*pattern, *id)));
                facts.push(Fact::AdditionalFails(id, node.additional));
            }
        }
        facts.retain(|fact| !can_never_be(fact));
        let mut ways: Choice = facts.into_iter().map(|fact| vec![Step::Know(fact)]).collect();
        if self.kind == Kind::Object {
            for (name, dependency) in &node.dependencies {
                let there = Step::Know(Fact::Present(name.clone()));
                match dependency {
                    Dependency::Members(names) => ways.extend(
                        names
                            .iter()
                            .map(|n| vec![there.clone(), Step::Know(Fact::Absent(n.clone()))]),
                    ),
                    Dependency::Schema(id) => ways.push(vec![there, Step::Fail(*id)]),
                }
            }
        }
        ways.extend(node.all.iter().map(|id| vec![Step::Fail(*id)]));
        ways.extend(node.not.map(|id| vec![Step::Hold(id)]));
        if !node.any.is_empty() {
            ways.push(node.any.iter().map(|id| Step::Fail(*id)).collect());
        }
        if !node.one.is_empty() {
            ways.push(node.one.iter().map(|id| Step::Fail(*id)).collect());
            for (n, first) in node.one.iter().enumerate() {
                for second in node.one.iter().skip(n + 1) {
                    ways.push(vec![Step::Hold(*first), Step::Hold(*second)]);
                }
            }
        }
        ways
    }
}

/// Nothing fails the schema that accepts everything.
fn can_never_be(fact: &Fact) -> bool {
    match fact {
        Fact::ItemFails(_, id)
        | Fact::RestFails(_, id)
        | Fact::MemberFails(_, id)
        | Fact::MatchingFails(_, id)
        | Fact::AdditionalFails(_, id) => *id == crate::node::ANY,
        _ => false,
    }
}
