//! Which subschemas are compared with which, and where. A definition that many places use stands in
//! several pairs where one of these places now says something else: a change of that place is none
//! of the definition.

use std::collections::{BTreeMap, HashMap};

use crate::change::Change;

/// Pointers into the old and into the new schema.
type Both = (String, String);

/// The pairs that were compared, and the places at which references led to them.
#[derive(Default)]
pub struct Pairs(BTreeMap<Both, Vec<Both>>);

impl Pairs {
    /// Notes where two subschemas meet. Whether it is for the first time.
    pub fn meet(&mut self, place: Both, pair: Both) -> bool {
        let places = self.0.entry(pair).or_default();
        places.push(place);
        places.len() == 1
    }

    /// Tells changes of a subschema that stands in several pairs the places that they are of.
    pub fn tell(&self, found: &mut [Change]) {
        let (mut olds, mut news) = (HashMap::new(), HashMap::new());
        for (old, new) in self.0.keys() {
            *olds.entry(old).or_insert(0_usize) += 1;
            *news.entry(new).or_insert(0_usize) += 1;
        }
        for change in found {
            let pair = (change.old_schema.clone(), change.new_schema.clone());
            let places = self.0.get(&pair).map(Vec::as_slice).unwrap_or_default();
            if olds.get(&pair.0).is_some_and(|pairs| *pairs > 1) {
                change.old_places = places.iter().map(|(old, _)| old.clone()).collect();
            }
            if news.get(&pair.1).is_some_and(|pairs| *pairs > 1) {
                change.new_places = places.iter().map(|(_, new)| new.clone()).collect();
            }
        }
    }
}
