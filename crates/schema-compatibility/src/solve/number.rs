//! Numbers: an interval, steps, and values left out.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One as _, ToPrimitive as _};
use serde_json::Value;

use super::{Case, Leaf, Solver};
use crate::node::Kind;
use crate::number::{Interval, common_multiple, divides, fractional, is_tame, rational, whole};

/// The numbers of a bounded range that are looked at one by one.
const MOST_VALUES: i64 = 2_000;
/// The numbers that are tried of an endless range.
const TRIED: i64 = 64;

pub fn leaf(solver: &mut Solver<'_>, case: &Case) -> Leaf {
    let arena = solver.arena;
    let mut interval = Interval::default();
    let mut step = (case.kind == Kind::Integer).then(BigRational::one);
    for id in &case.holds {
        let node = arena.node(*id);
        node.low.iter().for_each(|low| interval.raise(low));
        node.high.iter().for_each(|high| interval.lower(high));
        if let Some(multiple) = node.multiple.as_ref().filter(|multiple| is_tame(&multiple.value)) {
            step = Some(step.map_or_else(
                || multiple.value.clone(),
                |step| common_multiple(&step, &multiple.value),
            ));
        }
    }
    case.facts.low.iter().for_each(|low| interval.raise(low));
    case.facts.high.iter().for_each(|high| interval.lower(high));
    if interval.is_empty() {
        return Leaf::Closed;
    }

    let avoided = case.facts.no_multiple.iter().filter_map(|id| arena.node(*id).multiple.as_ref());
    let avoided: Vec<&BigRational> =
        avoided.map(|multiple| &multiple.value).filter(|step| is_tame(step)).collect();
    let words = case.facts.no_word.iter().filter_map(|id| arena.node(*id).words.as_ref());
    let words = words.flatten().filter_map(Value::as_number).filter_map(rational);
    let words: Vec<BigRational> = words.collect();
    let excluded = |value: &BigRational| {
        words.contains(value) || avoided.iter().any(|step| divides(step, value))
    };

    let (candidates, are_all) = if let Some(step) = &step {
        if avoided.iter().any(|avoided| divides(avoided, step)) {
            return Leaf::Closed;
        }
        multiples(&interval, step)
    } else {
        reals(&interval)
    };
    solver.steps = solver.steps.saturating_sub(candidates.len() as u64 / 16);
    let left: Vec<BigRational> = candidates.into_iter().filter(|value| !excluded(value)).collect();
    if left.is_empty() && are_all {
        return Leaf::Closed;
    }
    let written = left.iter().filter_map(|value| match case.kind {
        Kind::Integer => whole(value),
        _ => fractional(value),
    });
    Leaf::Open(written.map(Value::Number).collect())
}

/// Multiples inside an interval, and whether these are all.
fn multiples(interval: &Interval, step: &BigRational) -> (Vec<BigRational>, bool) {
    let few = |from: &BigInt, count: i64| -> Vec<BigRational> {
        (0..count).map(|n| BigRational::from(from + BigInt::from(n)) * step).collect()
    };
    match (interval.first(step), interval.last(step)) {
        (Some(first), Some(last)) => {
            let count: BigInt = &last - &first + 1;
            match count.to_i64() {
                Some(count) if count <= MOST_VALUES => (few(&first, count), true),
                _ => {
                    let mut some = few(&first, TRIED);
                    some.extend(few(&(last - TRIED + 1), TRIED));
                    (some, false)
                }
            }
        }
        (Some(first), None) => (few(&first, 2 * TRIED), false),
        (None, Some(last)) => {
            let mut some = few(&(last - 2 * TRIED + 1), 2 * TRIED);
            some.reverse();
            (some, false)
        }
        (None, None) => {
            let mut some = few(&BigInt::from(0), TRIED);
            some.extend(few(&BigInt::from(-TRIED), TRIED));
            (some, false)
        }
    }
}

/// Some numbers inside an interval that is not empty, and whether these are all.
fn reals(interval: &Interval) -> (Vec<BigRational>, bool) {
    let one = BigRational::one();
    let half = BigRational::new(BigInt::one(), BigInt::from(2));
    let (low, high) =
        (interval.low.as_ref().map(|b| &b.value), interval.high.as_ref().map(|b| &b.value));
    if let (Some(low), Some(high)) = (low, high)
        && low == high
    {
        return (vec![low.clone()], true);
    }
    let mut some = Vec::new();
    if let Some(low) = low {
        some.extend([low.clone(), low + &half, low + &one]);
    }
    if let Some(high) = high {
        some.extend([high.clone(), high - &half, high - &one]);
    }
    if let (Some(low), Some(high)) = (low, high) {
        for parts in 2..12 {
            some.push(low + (high - low) / BigInt::from(parts));
        }
    }
    let thousand = BigInt::from(1_000);
    some.extend((-8..=8).map(|n| BigRational::new(BigInt::from(n * 500), thousand.clone())));
    some.extend((1..12).map(|n| BigRational::new(BigInt::from(n * 137), thousand.clone())));
    for anchor in [low, high].into_iter().flatten() {
        some.extend(
            (-6..=6).map(|n| anchor + BigRational::new(BigInt::from(n * 137), thousand.clone())),
        );
    }
    some.retain(|value| interval.contains(value));
    (some, false)
}
