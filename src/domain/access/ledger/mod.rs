//! What has become of grants: which are held, how often each was used, which are revoked, and what
//! came of each request.
//!
//! An operation says which records changed; the caller writes these and no others, in the commit
//! of what they belong to, before anything moves. If that commit fails, memory is ahead of the
//! disk only by what is less open, or has not left the house.
//!
//! Each table is bounded, and each issuer has a share of it, so that none fills it for others.
//! Nothing that protects is thrown out for room: at a bound the new grant or request is refused
//! (`storage_failure`). See [`Bounds`].
//!
//! `floor` is the time before which no clock reading will ever lie again
//! ([`super::clock::Clock::floor`]). It must be durable no later than what an operation removed by
//! it: a request whose outcome is forgotten must stay late for ever.

mod expiry;
mod install;
mod key;
mod table;
mod uses;

#[cfg(test)]
mod bounds_tests;
#[cfg(test)]
mod permutations;
#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use install::{Installed, Revocation};
pub use key::{Key, RequestKey};
pub use uses::{Asked, Consumed, GivenBack};

use super::grant::{Grant, GrantKey};
use super::names::{BodyDigest, IssuerName};
use super::reason::{GrantRemoved, Reason};
use crate::domain::operation::command::UseRestored;
use table::Table;

/// Most of each record, in all and of one issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Grants, ended ones until their end included. Beyond: a new grant is refused.
    pub grants: usize,
    /// Of one issuer.
    pub grants_of_one: usize,
    /// Revocations of grants that never came. Beyond: new grants of that issuer are refused until
    /// the latest end of what it revoked.
    pub revoked: usize,
    /// Of one issuer.
    pub revoked_of_one: usize,
    /// Outcomes of requests. Beyond: those of requests that can no longer be fresh go first, the
    /// oldest of them before others; then a new request is refused.
    pub requests: usize,
    /// Of one issuer.
    pub requests_of_one: usize,
    /// Issuers whose new grants are refused. Beyond: new grants of every issuer are.
    pub refused: usize,
}

impl Bounds {
    /// As shipped.
    pub const SHIPPED: Self = Self {
        grants: 10_000,
        grants_of_one: 5_000,
        revoked: 4_096,
        revoked_of_one: 1_024,
        requests: 16_384,
        requests_of_one: 8_192,
        refused: 256,
    };
}

/// A grant that is held, and what is left of it. It stays until its end after it was used up or
/// revoked, so that the same statement gives nothing anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The grant.
    pub grant: Grant,
    /// Of its statement.
    pub body: BodyDigest,
    /// Uses taken and not given back; never more than `max_uses`.
    #[serde(default)]
    pub used: u32,
    /// Of these, uses whose command has no outcome yet.
    #[serde(default)]
    pub pending: u32,
    /// Uses that came back by a time-out and were not taken again: no time-out gives them back
    /// a second time.
    #[serde(default)]
    pub readmitted: u32,
    /// The latest that its last use can have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_use: Option<Timestamp>,
    /// Why it admits nobody any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<GrantRemoved>,
    /// Until when it is kept: its end, or a later one that its revocation named.
    pub keep_until: Timestamp,
}

impl Held {
    /// How often it may still be used.
    pub fn uses_left(&self) -> u32 {
        if self.ended.is_some() { 0 } else { self.grant.max_uses.saturating_sub(self.used) }
    }
}

/// What came of a request, and the event that told it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum Outcome {
    /// It took a use.
    Granted {
        /// The event that told it.
        event: Uuid,
        /// The grant that it relied on.
        grant: GrantKey,
    },
    /// It was refused.
    Denied {
        /// The event that told it.
        event: Uuid,
        /// The first check that failed.
        reason: Reason,
    },
}

/// What became of the use that a granted request took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "use")]
pub enum Use {
    /// Taken; its command has no outcome yet.
    Pending {
        /// It was given back by a time-out before.
        again: bool,
        /// What it made the grant's last use.
        at: Timestamp,
        /// What that was before.
        before: Option<Timestamp>,
    },
    /// Taken for good.
    Spent,
    /// Given back.
    Restored {
        /// Why.
        why: UseRestored,
    },
}

/// A request that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Of its statement.
    pub body: BodyDigest,
    /// What came of it.
    pub outcome: Outcome,
    /// Its deadline.
    pub not_after: Timestamp,
    /// Until when it is kept: [`FRESH_MARGIN`] after its deadline, and of a granted one at least
    /// as long as its grant.
    pub keep_until: Timestamp,
    /// Of a granted one, what became of its use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken: Option<Use>,
}

/// How long after its deadline a request is remembered at least, in seconds.
pub const FRESH_MARGIN: i64 = 600;

/// A grant that never came is revoked already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tombstone {
    /// The end of that grant, as its revocation named it.
    pub until: Timestamp,
}

/// New grants of an issuer are refused: it revoked more grants that never came than can be
/// remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The latest end of what it revoked.
    pub until: Timestamp,
}

/// What stands under a [`Key`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A grant.
    Grant(Held),
    /// A revocation of a grant that never came.
    Revoked(Tombstone),
    /// A request.
    Request(Request),
    /// An issuer whose new grants are refused.
    Refused(Refused),
}

/// Which records an operation changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "what changed must be made durable"]
pub struct Changes {
    /// To be written as [`Ledger::record`] has them now.
    pub written: BTreeSet<Key>,
    /// To be removed.
    pub removed: BTreeSet<Key>,
}

impl Changes {
    fn wrote(key: Key) -> Self {
        Self { written: BTreeSet::from([key]), removed: BTreeSet::new() }
    }

    fn write(&mut self, key: Key) {
        self.removed.remove(&key);
        self.written.insert(key);
    }

    fn remove(&mut self, key: Key) {
        self.written.remove(&key);
        self.removed.insert(key);
    }

    /// Takes in what happened after.
    pub fn then(&mut self, later: Self) {
        later.written.into_iter().for_each(|key| self.write(key));
        later.removed.into_iter().for_each(|key| self.remove(key));
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty() && self.removed.is_empty()
    }
}

/// The ledger of one journal.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    journal_id: Uuid,
    grants: Table<GrantKey, Held>,
    revoked: Table<GrantKey, Tombstone>,
    requests: Table<RequestKey, Request>,
    refused: Table<IssuerName, Refused>,
}

impl Ledger {
    /// An empty one for this journal.
    pub fn new(journal_id: Uuid) -> Self {
        Self::bounded(journal_id, Bounds::SHIPPED)
    }

    /// An empty one with other bounds.
    pub fn bounded(journal_id: Uuid, bounds: Bounds) -> Self {
        Self {
            journal_id,
            grants: Table::new(bounds.grants, bounds.grants_of_one),
            revoked: Table::new(bounds.revoked, bounds.revoked_of_one),
            requests: Table::new(bounds.requests, bounds.requests_of_one),
            refused: Table::new(bounds.refused, 1),
        }
    }

    /// From what was stored. Nothing is left out for a bound. Grants of another journal admit
    /// nobody; the next [`Ledger::expire`] says so.
    ///
    /// Returned too: keys whose record is of another kind or of another grant than they name. A
    /// ledger without them may be more open than it was: the caller must not decide by it.
    pub fn restore(
        journal_id: Uuid,
        records: impl IntoIterator<Item = (Key, Record)>,
    ) -> (Self, Vec<Key>) {
        let mut ledger = Self::new(journal_id);
        let mut strange = Vec::new();
        for (key, record) in records {
            match (key, record) {
                (Key::Grant(key), Record::Grant(held)) if held.grant.key() == key => {
                    ledger.grants.restore(key, held);
                }
                (Key::Revoked(key), Record::Revoked(tombstone)) => {
                    ledger.revoked.restore(key, tombstone);
                }
                (Key::Request(key), Record::Request(request)) => {
                    ledger.requests.restore(key, request);
                }
                (Key::Refused(key), Record::Refused(refused)) => {
                    ledger.refused.restore(key, refused);
                }
                (key, _) => strange.push(key),
            }
        }
        (ledger, strange)
    }

    /// The journal against which its grants count.
    pub fn journal_id(&self) -> Uuid {
        self.journal_id
    }

    /// What stands under this key now, to be stored.
    pub fn record(&self, key: &Key) -> Option<Record> {
        match key {
            Key::Grant(key) => self.grants.get(key).cloned().map(Record::Grant),
            Key::Revoked(key) => self.revoked.get(key).copied().map(Record::Revoked),
            Key::Request(key) => self.requests.get(key).cloned().map(Record::Request),
            Key::Refused(key) => self.refused.get(key).copied().map(Record::Refused),
        }
    }

    /// Every grant that is held, ended ones until their end included.
    pub fn grants(&self) -> impl Iterator<Item = &Held> {
        self.grants.rows().values()
    }

    /// A grant by its key.
    pub fn grant(&self, key: &GrantKey) -> Option<&Held> {
        self.grants.get(key)
    }

    /// The grant that a request of `asker` means by this id: the asker's own, else the only one.
    /// `None` where several other issuers have one of that id.
    pub fn find(&self, grant_id: Uuid, asker: &IssuerName) -> Option<&Held> {
        let own = GrantKey { grant_id, issuer: asker.clone() };
        self.grants.get(&own).or_else(|| {
            let first = GrantKey { grant_id, issuer: IssuerName::new("") };
            let mut same = self
                .grants
                .rows()
                .range(first..)
                .take_while(|(key, _)| key.grant_id == grant_id)
                .map(|(_, held)| held);
            same.next().filter(|_| same.next().is_none())
        })
    }

    /// What came of a request, if it was seen.
    pub fn request(&self, key: &RequestKey) -> Option<&Request> {
        self.requests.get(key)
    }

    /// The requests whose command has no outcome yet: after a restart, each is indeterminate
    /// ([`Ledger::spend`]) unless it is known that nothing was sent.
    pub fn pending(&self) -> impl Iterator<Item = (&RequestKey, &Request)> {
        self.requests
            .rows()
            .iter()
            .filter(|(_, request)| matches!(request.taken, Some(Use::Pending { .. })))
    }
}
