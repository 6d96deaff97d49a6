//! The question itself: reads both schemas, asks for a document in the one and outside of the
//! other, and has the validator judge it.

use serde_json::Value;

use crate::merge::merge;
use crate::node::Id;
use crate::read::{Arena, validators};
use crate::search::search;
use crate::shrink::shrink;
use crate::solve::{Answer, Solver};
use crate::stack::with_room;
use crate::validator::confirm;
use crate::verdict::{Counterexample, Inclusion, Limits, Undecided, Unusable};

/// The steps of a proof that one document at random counts for.
const SEARCH_SHARE: u64 = 12;

/// Is every document valid under `sub` valid under `sup`? Both are self-contained Draft-04.
///
/// # Errors
/// A schema that is malformed, too large or too deep, that refers to something outside of itself
/// or to itself in place.
pub fn included(sub: &Value, sup: &Value, limits: &Limits) -> Result<Inclusion, Unusable> {
    with_room(|| decide(sub, sup, limits)).unwrap_or_else(|| {
        Ok(Inclusion::Undecided(Undecided {
            reason: "the thread that works it out could not run to its end".to_owned(),
            sub_pointer: String::new(),
            sup_pointer: String::new(),
        }))
    })
}

fn decide(sub: &Value, sup: &Value, limits: &Limits) -> Result<Inclusion, Unusable> {
    let (mut arena, old, new) = Arena::of(sub, sup)?;
    let (accepting, refusing) = validators(sub, sup)?;
    let stands = merge(&mut arena);
    let stand = |id: Id| stands.get(id).copied().unwrap_or(id);
    let (old, new) = (stand(old), stand(new));

    let shows = |document: &Value| arena.holds(old, document) && !arena.holds(new, document);
    let confirmed = |document: Value| {
        let small = shrink(document.clone(), &shows);
        let found = [small, document];
        found.iter().find_map(|document| confirm(&accepting, &refusing, document))
    };
    let fits = |found: &Counterexample| found.document.to_string().len() <= limits.longest_document;

    let mut solver = Solver::new(&arena, limits.steps, limits.longest_document);
    let gap = match solver.solve(&[old], &[new]) {
        Answer::None => return Ok(Inclusion::Proved),
        Answer::Found(document) => {
            if let Some(found) = confirmed(document.as_ref().clone()).filter(fits) {
                return Ok(Inclusion::Refuted(found));
            }
            None
        }
        Answer::Unknown(gap) => Some(gap),
    };
    let tries = limits.steps / SEARCH_SHARE;
    let found = search(&arena, old, new, limits.seed, tries, limits.longest_document);
    if let Some(found) = found.and_then(confirmed).filter(fits) {
        return Ok(Inclusion::Refuted(found));
    }
    let place = |id: Option<Id>, side: usize| {
        let node = id.map(|id| arena.node(id));
        node.and_then(|node| node.places.get(side).cloned().flatten()).unwrap_or_default()
    };
    let reason =
        gap.as_ref().map_or("the validator does not confirm the counterexample", |gap| gap.reason);
    Ok(Inclusion::Undecided(Undecided {
        reason: reason.to_owned(),
        sub_pointer: place(gap.as_ref().and_then(|gap| gap.holds), 0),
        sup_pointer: place(gap.as_ref().and_then(|gap| gap.fails), 1),
    }))
}
