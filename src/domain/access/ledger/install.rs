//! Grants come and are taken back, in any order and any number of times.

use jiff::Timestamp;
use uuid::Uuid;

use super::super::grant::{Grant, GrantKey};
use super::super::names::{BodyDigest, IssuerName};
use super::super::reason::{GrantRemoved, Reason};
use super::{Changes, Held, Key, Ledger, Refused, Tombstone};

/// Stands for every issuer among those whose new grants are refused.
const EVERYBODY: &str = "*";

/// What came of a grant that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// It is held now.
    New,
    /// This very statement is held already, or was until it ended; nothing changed.
    Already {
        /// Why it admits nobody any more, if so.
        ended: Option<GrantRemoved>,
    },
    /// It is not taken:
    /// `ledger_lost`, issued against another journal;
    /// `idempotency_conflict`, another body of its issuer has the id, and stands;
    /// `revoked`, its revocation came first;
    /// `expired`, its end is past;
    /// `storage_failure`, there is no room.
    Refused(Reason),
}

/// What came of a revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revocation {
    /// The grant was held and admits nobody any more.
    Ended,
    /// The grant had ended already, or this was known.
    Already,
    /// The grant never came; when it does, it is refused.
    Waits,
    /// There is no room to remember it: new grants of its issuer are refused until the end of
    /// what it revoked.
    IssuerRefused,
    /// The end that it names is past.
    Past,
}

impl Ledger {
    /// A grant arrived.
    pub fn install(
        &mut self,
        grant: Grant,
        body: BodyDigest,
        floor: Timestamp,
    ) -> (Installed, Changes) {
        let key = grant.key();
        let refused = |reason| (Installed::Refused(reason), Changes::default());
        if let Some(held) = self.grants.get(&key) {
            return if held.body == body {
                (Installed::Already { ended: held.ended }, Changes::default())
            } else {
                refused(Reason::IdempotencyConflict)
            };
        }
        if grant.journal_id != self.journal_id {
            return refused(Reason::LedgerLost);
        }
        if let Some(tombstone) = self.revoked.get_mut(&key) {
            // The revocation may have named too early an end.
            let until = tombstone.until.max(grant.end());
            if until == tombstone.until {
                return refused(Reason::Revoked);
            }
            tombstone.until = until;
            return (Installed::Refused(Reason::Revoked), Changes::wrote(Key::Revoked(key)));
        }
        let end = grant.end();
        if end < floor {
            return refused(Reason::Expired);
        }
        if self.refuses(&grant.issuer, floor) {
            return refused(Reason::StorageFailure);
        }
        let held = Held {
            grant,
            body,
            used: 0,
            pending: 0,
            readmitted: 0,
            last_use: None,
            ended: None,
            keep_until: end,
        };
        match self.grants.insert(key.clone(), held) {
            Ok(()) => (Installed::New, Changes::wrote(Key::Grant(key))),
            Err(_) => refused(Reason::StorageFailure),
        }
    }

    /// `issuer` takes a grant of his back. `until` is the end of that grant: until then it is
    /// refused if it comes after. Nobody can revoke what another issued.
    pub fn revoke(
        &mut self,
        issuer: &IssuerName,
        grant_id: Uuid,
        until: Timestamp,
        floor: Timestamp,
    ) -> (Revocation, Changes) {
        let key = GrantKey { grant_id, issuer: issuer.clone() };
        if let Some(held) = self.grants.get_mut(&key) {
            let longer = until > held.keep_until;
            held.keep_until = held.keep_until.max(until);
            let news = held.ended.is_none();
            held.ended.get_or_insert(GrantRemoved::Revoked);
            let result = if news { Revocation::Ended } else { Revocation::Already };
            let changes =
                if news || longer { Changes::wrote(Key::Grant(key)) } else { Changes::default() };
            return (result, changes);
        }
        if let Some(tombstone) = self.revoked.get_mut(&key) {
            if until <= tombstone.until {
                return (Revocation::Already, Changes::default());
            }
            tombstone.until = until;
            return (Revocation::Already, Changes::wrote(Key::Revoked(key)));
        }
        if until < floor {
            return (Revocation::Past, Changes::default());
        }
        match self.revoked.insert(key.clone(), Tombstone { until }) {
            Ok(()) => (Revocation::Waits, Changes::wrote(Key::Revoked(key))),
            Err(_) => (Revocation::IssuerRefused, self.refuse(issuer, until)),
        }
    }

    /// New grants of this issuer are refused until then; where there is no room even for that,
    /// those of every issuer.
    fn refuse(&mut self, issuer: &IssuerName, until: Timestamp) -> Changes {
        let known = self.refused.get(issuer).is_some();
        let whose = if known || self.refused.full(issuer).is_none() {
            issuer.clone()
        } else {
            IssuerName::new(EVERYBODY)
        };
        let until = self.refused.get(&whose).map_or(until, |refused| refused.until.max(until));
        self.refused.restore(whose.clone(), Refused { until });
        Changes::wrote(Key::Refused(whose))
    }

    fn refuses(&self, issuer: &IssuerName, floor: Timestamp) -> bool {
        [issuer, &IssuerName::new(EVERYBODY)]
            .into_iter()
            .filter_map(|whose| self.refused.get(whose))
            .any(|refused| floor <= refused.until)
    }
}
