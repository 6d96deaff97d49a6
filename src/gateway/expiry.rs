//! What the gateway relies on and that ends: told in time, once each, also over restarts.

use doorward_events::bounded_text;
use doorward_events::types as schema;

use super::compose::{Composer, Event, MAX_DETAIL, number};
use super::state::{Effects, Gateway, Now};
use crate::domain::expiry::{self, Told};
use crate::identity::{Ends, Item};

/// What stands before the names of the facts that say what was told.
const FACTS: &str = "expiry/";

/// What was told, by the names of the facts.
pub(super) type Tellings = std::collections::BTreeMap<String, Told>;

/// What earlier lives told.
pub(super) fn remembered(facts: &[(String, Vec<u8>)]) -> Tellings {
    let of_ours = facts.iter().filter(|(name, _)| name.starts_with(FACTS));
    of_ours
        .filter_map(|(name, value)| Some((name.clone(), serde_json::from_slice(value).ok()?)))
        .collect()
}

impl Gateway {
    /// Everything that ends, as it is now.
    pub(super) fn endings(&mut self, now: Now, items: &[Item], effects: &mut Effects) {
        for item in items {
            let ends = match &item.ends {
                Ok(ends) => ends,
                Err(why) => {
                    tracing::debug!(kind = item.kind.as_str(), name = item.name, why, "no end");
                    continue;
                }
            };
            let fact = format!("{FACTS}{}/{}", item.kind.as_str(), item.name);
            let told = self.tellings.get(&fact);
            let Ends { fingerprint, not_before, not_after, .. } = ends;
            let due = expiry::due(fingerprint, *not_before, *not_after, now.wall, told);
            let Some(told) = due else { continue };
            let (kind, name, end) = (item.kind.as_str(), &item.name, ends.not_after);
            if told.days == 0 {
                tracing::error!(kind, name, %end, "it is over");
            } else {
                tracing::warn!(kind, name, %end, days = ends.days_left(now.wall), "it ends soon");
            }
            if let Ok(text) = serde_json::to_vec(&told) {
                effects.batch.facts.insert(fact.clone(), text);
            }
            self.tellings.insert(fact, told);
            effects.event(None, self.composer.credential_expiring(now, item, ends));
        }
    }
}

impl Composer {
    fn credential_expiring(&mut self, now: Now, item: &Item, ends: &Ends) -> Event {
        let id = self.id(now);
        let left = ends.days_left(now.wall);
        self.envelope(id, now.wall).seal(&schema::GatewayCredentialExpiring {
            credential: item.kind.as_str().into(),
            name: bounded_text(&item.name, MAX_NAME),
            subject: Some(bounded_text(&ends.subject, MAX_DETAIL)),
            fingerprint: Some(ends.fingerprint.clone()),
            not_after: ends.not_after.to_string(),
            days_left: number(u64::try_from(left).unwrap_or(0)),
            expired: now.wall > ends.not_after,
        })
    }
}

/// As the schema bounds a name.
const MAX_NAME: usize = 128;
