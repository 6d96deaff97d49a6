//! What the gateway relies on and that ends: told in time, once each, also over restarts.

use doorward_events::bounded_text;
use doorward_events::types as schema;

use super::compose::{Composer, Event, MAX_DETAIL, number};
use super::state::{Effects, Gateway, Now};
use crate::domain::expiry::{self, Told};
use crate::identity::{Ends, Item, Kind};

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
    /// Everything that ends, as it is now. Of the list of issuers the one that is believed counts:
    /// it may have come over the bus, and the one in the file be older.
    pub(super) fn endings(&mut self, now: Now, items: &[Item], effects: &mut Effects) {
        let believed = self.believed_list();
        let others = |item: &&Item| believed.is_none() || item.kind != Kind::IssuerList;
        for item in items.iter().filter(others).chain(&believed) {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::time::Duration;

    use doorward_events::PublisherId;
    use jiff::{SignedDuration, Timestamp};
    use serde_json::Value;
    use uuid::Uuid;

    use super::*;
    use crate::gateway::access::Belief;
    use crate::gateway::state::{Identity, Input};
    use crate::journal::{Bounds, Journal};

    fn list(version: u64, not_after: Timestamp) -> Ends {
        Ends {
            subject: format!("list of issuers, version {version}"),
            issuer: "trust.root_key".to_owned(),
            fingerprint: version.to_string().repeat(64),
            not_before: None,
            not_after,
            renewal_due: not_after,
        }
    }

    /// What is told where the file's list ends in 20 days, and `believed` is what came over the bus.
    fn told(believed: Option<Ends>, now: Timestamp) -> Vec<Value> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("journal.db");
        let (_journal, restored) = Journal::open(&file, Bounds::default(), Uuid::nil()).unwrap();
        let identity = Identity {
            publisher: PublisherId { name: "doorward.gateway".into(), instance: "gw-1".into() },
            tenant: "acme".into(),
            site: None,
            test: true,
        };
        let belief = Belief { issuers_end: believed, ..Belief::in_nobody(&identity) };
        let mut gateway = Gateway::new(identity, Vec::new(), Vec::new(), belief, restored, 1);
        let in_file = Item {
            kind: Kind::IssuerList,
            name: "gw-1".to_owned(),
            file: "/issuers.jws".into(),
            ends: Ok(list(1, now + SignedDuration::from_hours(20 * 24))),
        };
        let now = Now { monotonic: Duration::ZERO, wall: now };
        let effects = gateway.step(now, Input::Endings(vec![in_file]));
        let events = effects.batch.events.into_iter();
        events.map(|event| serde_json::from_str(&event.draft.finish()).unwrap()).collect()
    }

    #[test]
    fn the_list_that_is_believed_counts_and_not_an_older_one_in_the_file() {
        let now: Timestamp = "2026-11-21T05:00:00Z".parse().unwrap();
        let days_left = |events: &[Value]| -> Vec<(String, i64)> {
            let told = events.iter().map(|event| &event["data"]);
            told.map(|data| {
                (data["subject"].as_str().unwrap().to_owned(), data["days_left"].as_i64().unwrap())
            })
            .collect()
        };
        let of_file = told(None, now);
        assert_eq!(days_left(&of_file), [("list of issuers, version 1".to_owned(), 20)]);
        let soon = list(2, now + SignedDuration::from_hours(30));
        let of_bus = told(Some(soon), now);
        assert_eq!(days_left(&of_bus), [("list of issuers, version 2".to_owned(), 1)]);
        let later = list(2, now + SignedDuration::from_hours(300 * 24));
        assert_eq!(told(Some(later), now), Vec::<Value>::new());
    }
}
