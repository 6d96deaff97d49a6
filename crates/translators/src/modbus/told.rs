//! What of an endpoint was told last, and what is to be told since: states, not their history. So
//! nothing gathers while nobody asks.

use super::inputs::{Facts, Obstruction};
use crate::observation::{Observation, Quality, What};
use crate::vocabulary::AlarmKind;

/// The part of availability that a unit on the line is.
const UNIT_PART: &str = "unit";

/// What was told last. `None`: nothing yet.
#[derive(Debug, Default)]
pub(super) struct Told {
    online: Option<bool>,
    facts: Facts,
    /// The last word on availability was that it cannot be reached, whatever was forgotten since.
    offline: bool,
}

impl Told {
    /// All facts are to be told anew.
    pub(super) fn forget_facts(&mut self) {
        self.facts = Facts::default();
    }

    /// Everything is to be told anew.
    pub(super) fn forget(&mut self) {
        *self = Self { offline: self.offline, ..Self::default() };
    }

    /// That it cannot be reached, if that was not the last word already.
    pub(super) fn unreachable(&mut self) -> Option<What> {
        let known = std::mem::replace(&mut self.offline, true);
        self.online = Some(false);
        (!known).then(|| availability(false))
    }

    /// What differs from what was told; it counts as told then. What is not known is not told.
    pub(super) fn differences(&mut self, online: Option<bool>, facts: Facts) -> Vec<What> {
        let mut changes = Vec::new();
        if let Some(online) = changed(&mut self.online, online) {
            self.offline = !online;
            changes.push(availability(online));
        }
        let quality = Quality::Reported;
        if let Some(position) = changed(&mut self.facts.position, facts.position) {
            changes.push(What::Position { position, quality });
        }
        if let Some(state) = changed(&mut self.facts.lock, facts.lock) {
            changes.push(What::Lock { state, quality });
        }
        if let Some(Obstruction(active)) = changed(&mut self.facts.obstruction, facts.obstruction) {
            changes.push(What::Alarm { alarm: AlarmKind::Obstruction, active, quality });
        }
        changes
    }
}

fn availability(online: bool) -> What {
    What::Availability { part: UNIT_PART.to_owned(), online }
}

/// The new value, if there is one and it differs; `told` becomes it.
fn changed<T: Copy + PartialEq>(told: &mut Option<T>, new: Option<T>) -> Option<T> {
    if new.is_none() || *told == new {
        return None;
    }
    *told = new;
    new
}

/// About the endpoint of this address. A board has no clock.
pub(super) fn about(address: &str, what: What) -> Observation {
    Observation { address: address.to_owned(), device_time: None, what }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::Position;

    #[test]
    fn only_what_differs_and_is_known() {
        let mut told = Told::default();
        let open = Facts { position: Some(Position::Open), ..Facts::default() };
        assert_eq!(told.differences(None, Facts::default()), []);
        assert_eq!(told.differences(Some(true), open).len(), 2);
        assert_eq!(told.differences(Some(true), open), []);
        assert_eq!(told.differences(None, Facts::default()), [], "not known is no change");
        assert_eq!(told.differences(Some(true), open), [], "and forgets nothing");
        told.forget_facts();
        assert_eq!(
            told.differences(Some(true), open),
            [What::Position { position: Position::Open, quality: Quality::Reported }]
        );
        told.forget();
        assert_eq!(told.differences(Some(false), open).len(), 2);
    }

    #[test]
    fn unreachable_once() {
        let mut told = Told::default();
        assert_eq!(told.unreachable(), Some(availability(false)), "before anything was told");
        assert_eq!(told.unreachable(), None);
        told.forget();
        assert_eq!(told.unreachable(), None, "nothing else was told since");
        told.forget();
        assert_eq!(told.differences(Some(true), Facts::default()), [availability(true)]);
        assert_eq!(told.unreachable(), Some(availability(false)));
        told.forget();
        assert_eq!(told.differences(Some(false), Facts::default()), [availability(false)]);
        assert_eq!(told.unreachable(), None);
    }
}
