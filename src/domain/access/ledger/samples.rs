//! Grants and requests for the tests.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use doorward_translators::Act;

use super::super::clock::Interval;
use super::super::names::{SubjectRef, TenantId};
use super::*;
use crate::domain::ids::EntryId;

pub(in crate::domain::access) const JOURNAL: Uuid = Uuid::from_u128(0xA);

pub(in crate::domain::access) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(in crate::domain::access) fn exactly(second: i64) -> Interval {
    Interval { earliest: at(second), latest: at(second) }
}

pub(in crate::domain::access) fn issuer(name: &str) -> IssuerName {
    IssuerName::new(name)
}

/// A grant for one unlock of the front door from 0 to 3,600 s.
pub(in crate::domain::access) fn grant(id: u128) -> Grant {
    Grant {
        grant_id: Uuid::from_u128(id),
        issuer: issuer("acme"),
        tenant: TenantId::new("tenant-1"),
        entry: EntryId::new("front"),
        journal_id: JOURNAL,
        subject: SubjectRef::new("courier-1"),
        actions: BTreeSet::from([Act::Unlock]),
        not_before: at(0),
        expires_at: at(3_600),
        max_uses: 1,
        min_interval_s: 0,
        schedule: None,
        believed_until: at(1_000_000),
    }
}

pub(in crate::domain::access) fn body(number: u8) -> BodyDigest {
    BodyDigest([number; 32])
}

pub(super) fn asked(id: u128) -> Asked {
    Asked {
        key: RequestKey { issuer: issuer("acme"), request_id: Uuid::from_u128(id) },
        body: body(u8::try_from(id % 251).unwrap()),
        not_after: at(15),
        event: Uuid::from_u128(id + (1 << 64)),
    }
}

/// A ledger with this grant.
pub(super) fn with(grant: Grant) -> Ledger {
    let mut ledger = Ledger::new(JOURNAL);
    let (installed, changes) = ledger.install(grant, body(1), at(0));
    assert_eq!(installed, Installed::New);
    assert!(!changes.is_empty());
    ledger
}

/// Takes a use; how many are left.
pub(super) fn consume(ledger: &mut Ledger, request: u128, grant: &Grant) -> Result<u32, Reason> {
    let consumed = ledger.consume(asked(request), &grant.key(), exactly(5), at(0));
    consumed.map(|(consumed, _)| consumed.uses_left)
}
