//! A use is taken before anything moves, and given back only where nothing did.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::clock::Interval;
use super::super::grant::GrantKey;
use super::super::names::BodyDigest;
use super::super::reason::{GrantRemoved, Reason};
use super::table::Full;
use super::{Changes, FRESH_MARGIN, Key, Ledger, Outcome, Request, RequestKey, Use};
use crate::domain::operation::command::UseRestored;

/// How many outcomes go at once to make room.
const ROOM: usize = 256;

/// A request that is to be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Who sent it, and his id of it.
    pub key: RequestKey,
    /// Of its statement.
    pub body: BodyDigest,
    /// Its deadline.
    pub not_after: Timestamp,
    /// The event that tells what came of it.
    pub event: Uuid,
}

/// A use was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumed {
    /// How many are left.
    pub uses_left: u32,
}

/// A use came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenBack {
    /// The grant to which it came.
    pub grant: GrantKey,
    /// How many are left; 0 where the grant has ended.
    pub uses_left: u32,
}

impl Ledger {
    /// A request is granted: takes one use. `at` is when.
    ///
    /// Refused, with nothing changed: `credential_not_found`, `revoked`, `expired`, `ledger_lost`,
    /// `uses_exhausted`, `idempotency_conflict` for an id that was seen, whatever its body, and
    /// `storage_failure` where there is no room to remember the request.
    pub fn consume(
        &mut self,
        asked: Asked,
        grant: &GrantKey,
        at: Interval,
        floor: Timestamp,
    ) -> Result<(Consumed, Changes), Reason> {
        if self.requests.get(&asked.key).is_some() {
            return Err(Reason::IdempotencyConflict);
        }
        let held = self.grants.get(grant).ok_or(Reason::CredentialNotFound)?;
        if held.grant.journal_id != self.journal_id {
            return Err(Reason::LedgerLost);
        }
        match held.ended {
            Some(GrantRemoved::Revoked) => return Err(Reason::Revoked),
            Some(GrantRemoved::Expired) => return Err(Reason::Expired),
            Some(GrantRemoved::LedgerLost) => return Err(Reason::LedgerLost),
            Some(GrantRemoved::UsedUp) => return Err(Reason::UsesExhausted),
            None if held.uses_left() == 0 => return Err(Reason::UsesExhausted),
            None => {}
        }
        let before = held.last_use;
        let last = before.map_or(at.latest, |before| before.max(at.latest));
        let request = Request {
            body: asked.body,
            outcome: Outcome::Granted { event: asked.event, grant: grant.clone() },
            not_after: asked.not_after,
            keep_until: kept(asked.not_after).max(held.keep_until),
            taken: Some(Use::Pending { again: held.readmitted > 0, at: last, before }),
        };
        let mut changes = self.remember(asked.key, request, floor)?;
        let held = self.grants.get_mut(grant).ok_or(Reason::CredentialNotFound)?;
        held.used = held.used.saturating_add(1);
        held.pending = held.pending.saturating_add(1);
        held.readmitted = held.readmitted.saturating_sub(1);
        held.last_use = Some(last);
        changes.write(Key::Grant(grant.clone()));
        Ok((Consumed { uses_left: held.uses_left() }, changes))
    }

    /// A request is denied: the same one again gets the same answer. `idempotency_conflict` for
    /// an id that was seen: what came of the first stands. `storage_failure` where there is no
    /// room: then it is denied all the same, and only not remembered.
    pub fn deny(
        &mut self,
        asked: Asked,
        reason: Reason,
        floor: Timestamp,
    ) -> Result<Changes, Reason> {
        if self.requests.get(&asked.key).is_some() {
            return Err(Reason::IdempotencyConflict);
        }
        let request = Request {
            body: asked.body,
            outcome: Outcome::Denied { event: asked.event, reason },
            not_after: asked.not_after,
            keep_until: kept(asked.not_after),
            taken: None,
        };
        self.remember(asked.key, request, floor)
    }

    /// The command of a granted request moved nothing: its use comes back, once. One further
    /// request, with a new id, may take it.
    ///
    /// `None`, with nothing changed: the request took none, it was spent or given back already,
    /// or this is the second time-out of one use, which stays taken ([`Ledger::spend`] it).
    pub fn give_back(
        &mut self,
        request: &RequestKey,
        why: UseRestored,
    ) -> Option<(GivenBack, Changes)> {
        let row = self.requests.get_mut(request)?;
        let (Outcome::Granted { grant, .. }, Some(Use::Pending { again, at, before })) =
            (&row.outcome, &row.taken)
        else {
            return None;
        };
        let (grant, again, at, before) = (grant.clone(), *again, *at, *before);
        let timed_out = why == UseRestored::TimedOutUnchanged;
        if again && timed_out {
            return None;
        }
        row.taken = Some(Use::Restored { why });
        let mut changes = Changes::wrote(Key::Request(request.clone()));
        let mut uses_left = 0;
        if let Some(held) = self.grants.get_mut(&grant) {
            held.used = held.used.saturating_sub(1);
            held.pending = held.pending.saturating_sub(1);
            held.readmitted = held.readmitted.saturating_add(u32::from(again || timed_out));
            // A use that was taken since counts on.
            if held.last_use == Some(at) {
                held.last_use = before;
            }
            uses_left = held.uses_left();
            changes.write(Key::Grant(grant.clone()));
        }
        Some((GivenBack { grant, uses_left }, changes))
    }

    /// The command of a granted request came to an end by which its use stays taken: it moved
    /// something, or nobody knows. `None`: it took none, or that was known.
    pub fn spend(&mut self, request: &RequestKey) -> Option<Changes> {
        let row = self.requests.get_mut(request)?;
        let (Outcome::Granted { grant, .. }, Some(Use::Pending { .. })) =
            (&row.outcome, &row.taken)
        else {
            return None;
        };
        let grant = grant.clone();
        row.taken = Some(Use::Spent);
        let mut changes = Changes::wrote(Key::Request(request.clone()));
        if let Some(held) = self.grants.get_mut(&grant) {
            held.pending = held.pending.saturating_sub(1);
            changes.write(Key::Grant(grant));
        }
        Some(changes)
    }

    /// Remembers a request. For room, outcomes of requests that can no longer be fresh go first,
    /// those of the same issuer if it is his share that is full.
    fn remember(
        &mut self,
        key: RequestKey,
        request: Request,
        floor: Timestamp,
    ) -> Result<Changes, Reason> {
        let mut changes = Changes::default();
        while let Some(full) = self.requests.full(&key.issuer) {
            let mut past: Vec<(Timestamp, RequestKey)> = self
                .requests
                .rows()
                .iter()
                .filter(|(old, _)| full == Full::Table || old.issuer == key.issuer)
                .filter(|(_, old)| {
                    kept(old.not_after) < floor && !matches!(old.taken, Some(Use::Pending { .. }))
                })
                .map(|(old, row)| (row.not_after, old.clone()))
                .collect();
            // What goes although there is no room after all protected nothing either; on the disk
            // it stays until its time.
            if past.is_empty() {
                return Err(Reason::StorageFailure);
            }
            past.sort_unstable();
            for (_, old) in past.into_iter().take(ROOM) {
                self.requests.remove(&old);
                changes.remove(Key::Request(old));
            }
        }
        if self.requests.insert(key.clone(), request).is_err() {
            return Err(Reason::StorageFailure);
        }
        changes.write(Key::Request(key));
        Ok(changes)
    }
}

/// Until when a request may count as fresh anywhere.
fn kept(not_after: Timestamp) -> Timestamp {
    not_after.saturating_add(SignedDuration::from_secs(FRESH_MARGIN)).unwrap_or(Timestamp::MAX)
}
