//! Gives subschemas that say the same the same number, in whichever schema and behind whichever
//! references they stand. What is equal needs no proof, however strange its keywords are.

use std::collections::HashMap;

use crate::node::Id;
use crate::read::Arena;

/// The rounds of splitting. What takes more is left unmerged: a class that may still split is no
/// proof of anything.
const MOST_ROUNDS: usize = 400;

/// Merges equal nodes and returns the number that stands for each.
///
/// Nodes are sorted into classes by what they say themselves, and classes are split by the classes
/// of the nodes that they refer to until nothing splits: what then shares a class cannot be told
/// apart by any document.
pub fn merge(arena: &mut Arena) -> Vec<Id> {
    let mut classes = Vec::with_capacity(arena.nodes.len());
    let mut children = Vec::with_capacity(arena.nodes.len());
    let mut own: HashMap<String, usize> = HashMap::new();
    for node in &arena.nodes {
        let mut bare = node.clone();
        bare.places = [None, None];
        let mut ids = Vec::new();
        bare.each_child(&mut |id| {
            ids.push(*id);
            *id = 0;
        });
        let next = own.len();
        classes.push(*own.entry(format!("{bare:?}")).or_insert(next));
        children.push(ids);
    }
    let mut count = own.len();
    for round in 0.. {
        if round == MOST_ROUNDS {
            return (0..arena.nodes.len()).collect();
        }
        let mut split: HashMap<(usize, Vec<usize>), usize> = HashMap::new();
        let mut refined = Vec::with_capacity(classes.len());
        for (class, ids) in classes.iter().zip(&children) {
            let below =
                ids.iter().map(|id| classes.get(*id).copied().unwrap_or_default()).collect();
            let next = split.len();
            refined.push(*split.entry((*class, below)).or_insert(next));
        }
        classes = refined;
        if split.len() == count {
            break;
        }
        count = split.len();
    }

    let mut first: HashMap<usize, Id> = HashMap::new();
    let stands: Vec<Id> =
        classes.iter().enumerate().map(|(id, class)| *first.entry(*class).or_insert(id)).collect();
    for (id, stand) in stands.iter().enumerate() {
        if id != *stand
            && let Some(places) = arena.nodes.get(id).map(|node| node.places.clone())
            && let Some(node) = arena.nodes.get_mut(*stand)
        {
            for (place, other) in node.places.iter_mut().zip(places) {
                *place = place.take().or(other);
            }
        }
    }
    for id in arena.places.iter_mut().flat_map(|places| places.values_mut()) {
        *id = stands.get(*id).copied().unwrap_or(*id);
    }
    for node in &mut arena.nodes {
        node.each_child(&mut |id| *id = stands.get(*id).copied().unwrap_or(*id));
    }
    stands
}
