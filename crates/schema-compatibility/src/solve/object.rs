//! Objects: which members there must and may be, and members that fail.
//!
//! Names are sorted into those that a schema says something about, one by one, and into regions:
//! all other names that match the same patterns. The members of a region share their schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use serde_json::{Map, Value};

use super::{Answer, Case, Gap, Leaf, Solver};
use crate::language::{Language, Word};
use crate::node::{ANY, Dependency, Id, NONE};

/// The patterns on names whose combinations are looked at.
const MOST_PATTERNS: usize = 7;
/// The members of a document that is built.
const MOST_MEMBERS: u64 = 2_000;
/// The steps of one search for a name.
const NAME_STEPS: u64 = 8_000;

/// Where a member can be.
#[derive(Debug, Clone)]
struct Spot {
    /// A name for it: the only one, or one of its region.
    name: Option<String>,
    /// The patterns that its names match.
    matches: BTreeSet<usize>,
    is_region: bool,
    holds: Vec<Id>,
}

/// The object that is being put together.
struct Plan {
    fewest: u64,
    most: Option<u64>,
    fails: BTreeMap<String, BTreeSet<Id>>,
    members: BTreeMap<String, Rc<Value>>,
    gap: Option<Rc<Gap>>,
}

impl Plan {
    fn full(&self) -> bool {
        self.most.is_some_and(|most| self.members.len() as u64 >= most)
    }
}

pub fn leaf(solver: &mut Solver<'_>, case: &Case) -> Leaf {
    let facts = &case.facts;
    let mut plan = Plan {
        fewest: facts.shortest,
        most: facts.longest,
        fails: facts.member_fails.clone(),
        members: BTreeMap::new(),
        gap: None,
    };
    for node in case.holds.iter().map(|id| solver.arena.node(*id)) {
        plan.fewest = plan.fewest.max(node.fewest_members);
        plan.most =
            node.most_members.map_or(plan.most, |m| Some(plan.most.map_or(m, |most| most.min(m))));
    }
    if plan.most.is_some_and(|most| most < plan.fewest || most < facts.present.len() as u64) {
        return Leaf::Closed;
    }
    let Some(spots) = spots(solver, case) else { return Leaf::Open(Vec::new()) };

    // The members that must be there.
    for name in &facts.present {
        let Some(spot) = spots.iter().find(|spot| spot.name.as_ref() == Some(name)) else {
            continue;
        };
        let fails: Vec<Id> = plan.fails.get(name).into_iter().flatten().copied().collect();
        match solver.solve_below(&spot.holds, &fails) {
            Answer::None => return Leaf::Closed,
            Answer::Found(value) => {
                plan.members.insert(name.clone(), value);
            }
            Answer::Unknown(gap) => {
                plan.members.insert(name.clone(), Rc::new(Value::Null));
                plan.gap = plan.gap.take().or(Some(gap));
            }
        }
    }
    for (pattern, id) in &facts.matching_fails {
        if !some_member_fails(solver, case, &spots, &mut plan, *id, |spot| {
            spot.matches.contains(pattern)
        }) {
            return Leaf::Closed;
        }
    }
    for (of, id) in &facts.additional_fails {
        let node = solver.arena.node(*of);
        let outside = |spot: &Spot| {
            let named = !spot.is_region
                && spot.name.as_ref().is_some_and(|n| node.properties.contains_key(n));
            !named && !node.patterns.iter().any(|(pattern, _)| spot.matches.contains(pattern))
        };
        if !some_member_fails(solver, case, &spots, &mut plan, *id, outside) {
            return Leaf::Closed;
        }
    }
    fill(solver, case, &spots, plan)
}

/// Finds a member among those wanted that fails the node; false if there can be none.
fn some_member_fails(
    solver: &mut Solver<'_>,
    case: &Case,
    spots: &[Spot],
    plan: &mut Plan,
    id: Id,
    wanted: impl Fn(&Spot) -> bool,
) -> bool {
    let mut gap = None;
    // What is there already fails first: that makes the smaller document.
    let is_there = |spot: &Spot| spot.name.as_ref().is_some_and(|n| plan.members.contains_key(n));
    let (there, others): (Vec<&Spot>, Vec<&Spot>) =
        spots.iter().filter(|spot| wanted(spot)).partition(|spot| is_there(spot));
    let full =
        plan.full() && case.facts.matching_fails.len() + case.facts.additional_fails.len() <= 1;
    let others = if full { Vec::new() } else { others };
    for spot in there.into_iter().chain(others) {
        let Some(name) = &spot.name else {
            gap = gap.or_else(|| {
                Some(gap_at(spot, id, "whether a name matches these patterns is not known"))
            });
            continue;
        };
        if !spot.is_region && case.facts.absent.contains(name) {
            continue;
        }
        let mut fails: Vec<Id> =
            case.facts.member_fails.get(name).into_iter().flatten().copied().collect();
        fails.push(id);
        match solver.solve_below(&spot.holds, &fails) {
            Answer::None => continue,
            Answer::Unknown(here) => {
                gap = gap.or(Some(here));
                continue;
            }
            Answer::Found(_) => {}
        }
        // Alone it is possible; perhaps not together with what was put there before.
        fails.extend(plan.fails.get(name).into_iter().flatten());
        match solver.solve_below(&spot.holds, &fails) {
            Answer::Found(value) => {
                plan.members.insert(name.clone(), value);
                plan.fails.entry(name.clone()).or_default().insert(id);
                return true;
            }
            Answer::None => {
                gap = gap.or_else(|| Some(gap_at(spot, id, "two failures compete for one member")));
            }
            Answer::Unknown(here) => gap = gap.or(Some(here)),
        }
    }
    let unknown = gap.is_some();
    plan.gap = plan.gap.take().or(gap);
    unknown
}

fn gap_at(spot: &Spot, id: Id, reason: &'static str) -> Rc<Gap> {
    Rc::new(Gap { reason, holds: spot.holds.first().copied(), fails: Some(id) })
}

/// Adds members up to the fewest that there must be, and builds the document.
fn fill(solver: &mut Solver<'_>, case: &Case, spots: &[Spot], mut plan: Plan) -> Leaf {
    let mut certain = true;
    for spot in spots {
        if plan.members.len() as u64 >= plan.fewest {
            break;
        }
        match &spot.name {
            Some(name) if !spot.is_region => {
                if plan.members.contains_key(name) || case.facts.absent.contains(name) {
                    continue;
                }
                match solver.solve_below(&spot.holds, &[]) {
                    Answer::None => {}
                    Answer::Found(value) => {
                        plan.members.insert(name.clone(), value);
                    }
                    Answer::Unknown(_) => certain = false,
                }
            }
            _ => match solver.solve_below(&spot.holds, &[]) {
                Answer::None => {}
                Answer::Unknown(_) => certain = false,
                Answer::Found(value) => {
                    certain = false;
                    if plan.fewest > MOST_MEMBERS {
                        return Leaf::Open(Vec::new());
                    }
                    if let Some(name) = &spot.name {
                        plan.members.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                    more_of(solver, spots, spot, &value, &mut plan);
                }
            },
        }
    }
    if (plan.members.len() as u64) < plan.fewest && certain {
        return Leaf::Closed;
    }
    if let Some(gap) = plan.gap {
        return Leaf::Gap(gap);
    }
    let members: Map<String, Value> =
        plan.members.into_iter().map(|(name, value)| (name, value.as_ref().clone())).collect();
    Leaf::Open(vec![Value::Object(members)])
}

/// More members of one region, by numbers put to its name.
fn more_of(solver: &Solver<'_>, spots: &[Spot], spot: &Spot, value: &Rc<Value>, plan: &mut Plan) {
    let Some(stem) = &spot.name else { return };
    let named: BTreeSet<&String> =
        spots.iter().filter(|s| !s.is_region).filter_map(|s| s.name.as_ref()).collect();
    let patterns: BTreeSet<usize> =
        spots.iter().flat_map(|spot| spot.matches.iter().copied()).collect();
    for number in 0..2 * plan.fewest {
        if plan.members.len() as u64 >= plan.fewest {
            return;
        }
        for name in [format!("{stem}{number}"), format!("{number}{stem}")] {
            let same = patterns
                .iter()
                .all(|p| solver.arena.name_matches(*p, &name) == spot.matches.contains(p));
            if same && !named.contains(&name) && (plan.members.len() as u64) < plan.fewest {
                plan.members.insert(name, value.clone());
            }
        }
    }
}

/// All places for members: names by themselves, then regions. None if the patterns are too many.
fn spots(solver: &mut Solver<'_>, case: &Case) -> Option<Vec<Spot>> {
    let arena = solver.arena;
    let facts = &case.facts;
    let mut names: BTreeSet<&String> =
        facts.present.iter().chain(&facts.absent).chain(facts.member_fails.keys()).collect();
    let mut patterns: BTreeSet<usize> =
        facts.matching_fails.iter().map(|(pattern, _)| *pattern).collect();
    let outside = facts.additional_fails.iter().map(|(of, _)| of);
    for node in case.holds.iter().chain(outside).map(|id| arena.node(*id)) {
        names.extend(node.properties.keys());
        names.extend(&node.required);
        patterns.extend(node.patterns.iter().map(|(pattern, _)| *pattern));
        for (name, dependency) in &node.dependencies {
            names.insert(name);
            if let Dependency::Members(others) = dependency {
                names.extend(others);
            }
        }
    }
    if patterns.len() > MOST_PATTERNS {
        return None;
    }
    let mut spots: Vec<Spot> = names
        .iter()
        .map(|name| Spot {
            name: Some((*name).clone()),
            matches: patterns.iter().copied().filter(|p| arena.name_matches(*p, name)).collect(),
            is_region: false,
            holds: simple(case.holds.iter().flat_map(|id| arena.member(arena.node(*id), name))),
        })
        .collect();

    let all: Vec<usize> = patterns.iter().copied().collect();
    for mask in 0..1_usize << all.len() {
        let matches: BTreeSet<usize> =
            all.iter().enumerate().filter(|(n, _)| mask >> n & 1 == 1).map(|(_, p)| *p).collect();
        let holds = simple(case.holds.iter().flat_map(|id| {
            let node = arena.node(*id);
            let own = node.patterns.iter().filter(|(p, _)| matches.contains(p)).map(|(_, id)| *id);
            let mut own: Vec<Id> = own.collect();
            if own.is_empty() {
                own.push(node.additional);
            }
            own
        }));
        let name = if all.is_empty() {
            Word::Some(fresh(&names))
        } else {
            region_name(solver, &all, &matches, &names)
        };
        match name {
            Word::None => {}
            Word::Some(name) => {
                spots.push(Spot { name: Some(name), matches, is_region: true, holds });
            }
            Word::Unknown => spots.push(Spot { name: None, matches, is_region: true, holds }),
        }
    }
    Some(spots)
}

fn simple(ids: impl Iterator<Item = Id>) -> Vec<Id> {
    let ids: BTreeSet<Id> = ids.filter(|id| *id != ANY).collect();
    if ids.contains(&NONE) { vec![NONE] } else { ids.into_iter().collect() }
}

/// A name that matches these of all patterns and no other, and that no schema mentions.
fn region_name(
    solver: &mut Solver<'_>,
    all: &[usize],
    matches: &BTreeSet<usize>,
    names: &BTreeSet<&String>,
) -> Word {
    let rule = |pattern: &usize| solver.arena.table.patterns.get(*pattern);
    let mut language = Language {
        without: names.iter().map(|name| (*name).clone()).collect(),
        ..Language::default()
    };
    for pattern in all {
        let Some(automaton) = rule(pattern).and_then(|rule| rule.automaton.as_ref()) else {
            continue;
        };
        let list =
            if matches.contains(pattern) { &mut language.matches } else { &mut language.differs };
        list.push(automaton);
    }
    let mut steps = NAME_STEPS;
    let word = language.word(&mut steps);
    solver.steps = solver.steps.saturating_sub((NAME_STEPS - steps) / 64);
    match word {
        Word::Some(name)
            if all.iter().any(|p| solver.arena.name_matches(*p, &name) != matches.contains(p)) =>
        {
            Word::Unknown
        }
        word => word,
    }
}

/// A name that is in no schema.
fn fresh(names: &BTreeSet<&String>) -> String {
    let plain = ["other", "another", "more"].map(str::to_owned).into_iter();
    let mut all = plain.chain((0..=names.len()).map(|n| format!("member{n}")));
    all.find(|name| !names.contains(name)).unwrap_or_default()
}
