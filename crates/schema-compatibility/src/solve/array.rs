//! Arrays: how many items, what each place allows, and items that fail.

use std::rc::Rc;

use serde_json::Value;

use super::{Answer, Case, Gap, Leaf, Solver};
use crate::evaluate::equal;
use crate::node::{Id, Kind};

/// The places that are looked at one by one.
const MOST_PLACES: usize = 200;
/// The items of a document that is built.
const MOST_ITEMS: u64 = 5_000;

/// The array that is being put together.
struct Plan {
    fewest: u64,
    most: Option<u64>,
    unique: bool,
    /// Places that have a schema of their own; all later ones share one.
    places: usize,
    items: Vec<Option<Rc<Value>>>,
    gap: Option<Rc<Gap>>,
}

impl Plan {
    fn allows(&self, index: usize) -> bool {
        self.most.is_none_or(|most| (index as u64) < most)
    }

    fn set(&mut self, index: usize, value: Rc<Value>) {
        self.fewest = self.fewest.max(index as u64 + 1);
        if self.items.len() <= index {
            self.items.resize(index + 1, None);
        }
        if let Some(item) = self.items.get_mut(index) {
            *item = Some(value);
        }
    }
}

pub fn leaf(solver: &mut Solver<'_>, case: &Case) -> Leaf {
    let facts = &case.facts;
    let mut plan = Plan {
        fewest: facts.shortest,
        most: facts.longest,
        unique: false,
        places: facts.item_fails.keys().map(|n| n + 1).max().unwrap_or_default(),
        items: Vec::new(),
        gap: None,
    };
    for node in case.holds.iter().map(|id| solver.arena.node(*id)) {
        plan.fewest = plan.fewest.max(node.fewest_items);
        plan.most =
            node.most_items.map_or(plan.most, |m| Some(plan.most.map_or(m, |most| most.min(m))));
        plan.unique |= node.unique;
        plan.places = plan.places.max(node.tuple.len());
    }
    plan.places = facts
        .rest_fails
        .iter()
        .map(|(from, _)| *from)
        .chain([plan.places])
        .max()
        .unwrap_or_default();
    if facts.repeated {
        plan.fewest = plan.fewest.max(2);
    }
    if plan.places > MOST_PLACES {
        return Leaf::Open(Vec::new());
    }
    if plan.unique && facts.repeated {
        return Leaf::Closed;
    }
    // A place that nothing may take ends the array.
    for index in 0..=plan.places {
        if plan.allows(index)
            && matches!(solver.solve_below(&at(solver, case, index), &[]), Answer::None)
        {
            plan.most = Some(index as u64);
        }
    }
    if plan.unique
        && let Some(capacity) = capacity(solver, &at(solver, case, plan.places))
    {
        let capacity = plan.places as u64 + capacity;
        plan.most = Some(plan.most.map_or(capacity, |most| most.min(capacity)));
    }
    if !failing_items(solver, case, &mut plan)
        || (facts.repeated && !repeat(solver, case, &mut plan))
    {
        return Leaf::Closed;
    }
    if plan.most.is_some_and(|most| plan.fewest > most) {
        return Leaf::Closed;
    }
    if let Some(gap) = plan.gap {
        return Leaf::Gap(gap);
    }
    build(solver, case, &plan)
}

/// What must hold of the item at a place.
fn at(solver: &Solver<'_>, case: &Case, index: usize) -> Vec<Id> {
    case.holds.iter().map(|id| solver.arena.node(*id).item(index)).collect()
}

/// Finds an item for everything that must fail; false if one of them cannot.
fn failing_items(solver: &mut Solver<'_>, case: &Case, plan: &mut Plan) -> bool {
    for (index, fails) in &case.facts.item_fails {
        let fails: Vec<Id> = fails.iter().copied().collect();
        if !plan.allows(*index) {
            return false;
        }
        match solver.solve_below(&at(solver, case, *index), &fails) {
            Answer::None => return false,
            Answer::Found(value) => plan.set(*index, value),
            Answer::Unknown(gap) => {
                plan.fewest = plan.fewest.max(*index as u64 + 1);
                plan.gap = plan.gap.take().or(Some(gap));
            }
        }
    }
    for (from, id) in &case.facts.rest_fails {
        let mut gap = None;
        let mut found = None;
        for index in *from..=plan.places.max(*from) {
            if !plan.allows(index) {
                break;
            }
            let mut fails: Vec<Id> =
                case.facts.item_fails.get(&index).into_iter().flatten().copied().collect();
            fails.push(*id);
            match solver.solve_below(&at(solver, case, index), &fails) {
                Answer::None => {}
                Answer::Found(value) => {
                    found = Some((index, value));
                    break;
                }
                Answer::Unknown(here) => gap = gap.or(Some(here)),
            }
        }
        match (found, gap) {
            (Some((index, value)), _) => {
                // Two that must fail at the same shared place take two places.
                let taken =
                    index >= plan.places && plan.items.get(index).is_some_and(Option::is_some);
                let index = if taken { plan.items.len() } else { index };
                plan.set(index, value);
            }
            (None, Some(gap)) => plan.gap = plan.gap.take().or(Some(gap)),
            (None, None) => return false,
        }
    }
    true
}

/// Finds a value that two places may share; false if no two can.
fn repeat(solver: &mut Solver<'_>, case: &Case, plan: &mut Plan) -> bool {
    let mut gap = None;
    for first in 0..=plan.places {
        for second in first + 1..=plan.places + 1 {
            if !plan.allows(second) {
                continue;
            }
            let (one, other) = (at(solver, case, first), at(solver, case, second));
            let both: Vec<Id> = one.iter().chain(&other).copied().collect();
            match solver.solve_below(&both, &[]) {
                // 1 and 1.0 are the same item, and no value is both.
                Answer::None if has_numbers(solver, &one) && has_numbers(solver, &other) => {
                    let reason = "items may be equal and written differently";
                    let gap_here = Gap { reason, holds: both.first().copied(), fails: None };
                    gap = gap.or(Some(Rc::new(gap_here)));
                }
                Answer::None => {}
                Answer::Found(value) => {
                    plan.set(first, value.clone());
                    plan.set(second, value);
                    return true;
                }
                Answer::Unknown(here) => gap = gap.or(Some(here)),
            }
        }
    }
    let unknown = gap.is_some();
    plan.gap = plan.gap.take().or(gap);
    unknown
}

/// Whether a value of these nodes may be a number or hold one.
fn has_numbers(solver: &mut Solver<'_>, holds: &[Id]) -> bool {
    let kinds = [Kind::Integer, Kind::Fractional, Kind::Array, Kind::Object];
    kinds.into_iter().any(|kind| !matches!(solver.solve_kind_below(kind, holds), Answer::None))
}

fn build(solver: &mut Solver<'_>, case: &Case, plan: &Plan) -> Leaf {
    if plan.fewest > MOST_ITEMS {
        return Leaf::Open(Vec::new());
    }
    let mut items: Vec<Value> = Vec::new();
    let count = usize::try_from(plan.fewest).unwrap_or_default();
    for index in 0..count {
        if let Some(Some(value)) = plan.items.get(index) {
            items.push(value.as_ref().clone());
            continue;
        }
        let holds = at(solver, case, index.min(plan.places));
        let value = match solver.solve_below(&holds, &[]) {
            Answer::Found(value) => value.as_ref().clone(),
            Answer::Unknown(gap) => return Leaf::Gap(gap),
            Answer::None => return Leaf::Open(Vec::new()),
        };
        let value = if plan.unique {
            let later = plan.items.iter().skip(index).flatten().map(Rc::as_ref);
            let taken: Vec<&Value> = items.iter().chain(later).collect();
            match another(solver, &holds, value, &taken) {
                Some(value) => value,
                None => return Leaf::Open(Vec::new()),
            }
        } else {
            value
        };
        items.push(value);
    }
    Leaf::Open(vec![Value::Array(items)])
}

/// How many values that `uniqueItems` tells apart these nodes allow, where that is few.
fn capacity(solver: &Solver<'_>, holds: &[Id]) -> Option<u64> {
    let nodes = || holds.iter().map(|id| solver.arena.node(*id));
    let by_words = nodes().filter_map(|node| node.words.as_ref().map(|words| words.len() as u64));
    let endless = [Kind::Integer, Kind::Fractional, Kind::String, Kind::Array, Kind::Object];
    let by_kinds = || {
        if endless.iter().any(|kind| nodes().all(|node| node.kinds.has(*kind))) {
            return None;
        }
        let count = |kind, count| if nodes().all(|node| node.kinds.has(kind)) { count } else { 0 };
        Some(count(Kind::Null, 1) + count(Kind::Boolean, 2))
    };
    by_words.min().or_else(by_kinds)
}

/// A value that the nodes allow and that is none of those taken.
fn another(solver: &Solver<'_>, holds: &[Id], found: Value, taken: &[&Value]) -> Option<Value> {
    let nodes = || holds.iter().map(|id| solver.arena.node(*id));
    let words = nodes().filter_map(|node| node.words.as_ref()).flatten().cloned();
    let near = found
        .as_i64()
        .into_iter()
        .flat_map(|n| (1..200).map(move |d| Value::from(n.saturating_add(d))));
    let text = found.as_str().unwrap_or_default().to_owned();
    let longer =
        (0..60_u8).map(move |n| Value::from(format!("{text}{}", char::from(b'A' + n % 58))));
    let plain = (0..200)
        .map(Value::from)
        .chain((0..26_u8).map(|n| Value::from(char::from(b'a' + n).to_string())));
    let plain = plain.chain((0..200).map(|n| Value::from(f64::from(n) + 0.5)));
    let odd = [
        Value::Null,
        Value::Bool(true),
        Value::Bool(false),
        Value::Array(Vec::new()),
        Value::Object(serde_json::Map::new()),
    ];
    std::iter::once(found).chain(words).chain(near).chain(longer).chain(odd).chain(plain).find(
        |value| {
            !taken.iter().any(|taken| equal(taken, value))
                && holds.iter().all(|id| solver.arena.holds(*id, value))
        },
    )
}
