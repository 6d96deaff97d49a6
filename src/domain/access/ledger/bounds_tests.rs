//! What happens at each bound.

#![allow(clippy::unwrap_used)]

use super::samples::{JOURNAL, asked, at, body, exactly, grant, issuer};
use super::*;

const SMALL: Bounds = Bounds {
    grants: 3,
    grants_of_one: 2,
    revoked: 3,
    revoked_of_one: 2,
    requests: 3,
    requests_of_one: 2,
    refused: 1,
};

fn of(name: &str, id: u128) -> Grant {
    Grant { issuer: issuer(name), max_uses: 100, ..grant(id) }
}

fn ask(name: &str, id: u128, not_after: i64) -> Asked {
    let key = RequestKey { issuer: issuer(name), request_id: Uuid::from_u128(id) };
    Asked { key, not_after: at(not_after), ..asked(id) }
}

#[test]
fn at_the_bound_a_new_grant_is_refused_and_none_is_lost() {
    let mut ledger = Ledger::bounded(JOURNAL, SMALL);
    let full = Installed::Refused(Reason::StorageFailure);
    assert_eq!(ledger.install(of("a", 1), body(1), at(0)).0, Installed::New);
    assert_eq!(ledger.install(of("a", 2), body(2), at(0)).0, Installed::New);
    assert_eq!(ledger.install(of("a", 3), body(3), at(0)).0, full, "its share");
    assert_eq!(ledger.install(of("b", 1), body(1), at(0)).0, Installed::New);
    assert_eq!(ledger.install(of("c", 1), body(1), at(0)).0, full, "all");
    assert_eq!(ledger.grants().count(), 3);
    // An ended one protects until its end.
    let _ = ledger.revoke(&issuer("a"), Uuid::from_u128(1), at(3_600), at(0));
    let _ = ledger.expire(at(10));
    assert_eq!(ledger.install(of("a", 3), body(3), at(10)).0, full);
    let _ = ledger.expire(at(3_601));
    let later = Grant { expires_at: at(9_000), ..of("a", 3) };
    assert_eq!(ledger.install(later, body(3), at(3_601)).0, Installed::New);
}

#[test]
fn a_revocation_that_cannot_be_remembered_refuses_new_grants_of_its_issuer() {
    let mut ledger = Ledger::bounded(JOURNAL, SMALL);
    for id in 1..=2 {
        let (result, _) = ledger.revoke(&issuer("a"), Uuid::from_u128(id), at(100), at(0));
        assert_eq!(result, Revocation::Waits);
    }
    let (result, changes) = ledger.revoke(&issuer("a"), Uuid::from_u128(3), at(200), at(0));
    assert_eq!(result, Revocation::IssuerRefused);
    assert_eq!(changes.written, BTreeSet::from([Key::Refused(issuer("a"))]));
    let full = Installed::Refused(Reason::StorageFailure);
    for id in 3..=4 {
        assert_eq!(ledger.install(of("a", id), body(1), at(200)).0, full);
    }
    assert_eq!(ledger.install(of("b", 3), body(1), at(0)).0, Installed::New);
    assert_eq!(ledger.expire(at(200)).1.removed.len(), 2, "it counts at its end");
    assert_eq!(ledger.install(of("a", 4), body(1), at(200)).0, full);
    let _ = ledger.expire(at(201));
    assert_eq!(ledger.install(of("a", 4), body(1), at(201)).0, Installed::New);
}

#[test]
fn where_not_even_that_can_be_remembered_every_new_grant_is_refused() {
    let mut ledger = Ledger::bounded(JOURNAL, SMALL);
    for name in ["a", "b"] {
        for id in 1..=3 {
            let _ = ledger.revoke(&issuer(name), Uuid::from_u128(id), at(200), at(0));
        }
    }
    let full = Installed::Refused(Reason::StorageFailure);
    assert!(ledger.record(&Key::Refused(issuer("*"))).is_some());
    assert_eq!(ledger.install(of("c", 1), body(1), at(0)).0, full);
    let _ = ledger.expire(at(201));
    assert_eq!(ledger.install(of("c", 1), body(1), at(201)).0, Installed::New);
}

#[test]
fn a_held_grant_can_be_revoked_whatever_is_full() {
    let mut ledger = Ledger::bounded(JOURNAL, SMALL);
    let _ = ledger.install(of("a", 1), body(1), at(0));
    for id in 10..20 {
        let _ = ledger.revoke(&issuer("a"), Uuid::from_u128(id), at(100), at(0));
    }
    let (result, _) = ledger.revoke(&issuer("a"), Uuid::from_u128(1), at(100), at(0));
    assert_eq!(result, Revocation::Ended);
}

#[test]
fn at_the_bound_a_new_request_is_refused_while_the_others_may_be_fresh() {
    let mut ledger = Ledger::bounded(JOURNAL, SMALL);
    let _ = ledger.install(of("a", 1), body(1), at(0));
    let key = of("a", 1).key();
    for id in 1..=2 {
        assert!(ledger.consume(ask("a", id, 15), &key, exactly(1), at(0)).is_ok());
    }
    let floor = at(15 + FRESH_MARGIN);
    let third = ask("a", 3, 15);
    let refused = ledger.consume(third.clone(), &key, exactly(1), floor);
    assert_eq!(refused, Err(Reason::StorageFailure));
    assert_eq!(ledger.deny(third, Reason::Blocked, floor), Err(Reason::StorageFailure));
    assert_eq!(ledger.grant(&key).unwrap().used, 2, "nothing was taken");
    // Another issuer has his own share.
    assert!(ledger.deny(ask("b", 1, 15), Reason::Blocked, floor).is_ok());
    let full = ledger.deny(ask("c", 1, 15), Reason::Blocked, floor);
    assert_eq!(full, Err(Reason::StorageFailure));
}

#[test]
fn outcomes_of_requests_that_are_late_for_ever_make_room() {
    let mut ledger = Ledger::bounded(JOURNAL, SMALL);
    let _ = ledger.install(of("a", 1), body(1), at(0));
    let key = of("a", 1).key();
    for id in 1..=2 {
        assert!(ledger.consume(ask("a", id, 15), &key, exactly(1), at(0)).is_ok());
    }
    let floor = at(16 + FRESH_MARGIN);
    let pending = ledger.deny(ask("a", 3, 900), Reason::Blocked, floor);
    assert_eq!(pending, Err(Reason::StorageFailure), "their commands are under way");
    ledger.spend(&ask("a", 1, 15).key).unwrap().then(Changes::default());
    let changes = ledger.deny(ask("a", 3, 900), Reason::Blocked, floor).unwrap();
    assert_eq!(changes.removed, BTreeSet::from([Key::Request(ask("a", 1, 15).key)]));
    assert_eq!(ledger.grant(&key).unwrap().used, 2, "its use stays taken");
}

#[test]
fn a_table_that_is_full_takes_room_from_whoever_is_late() {
    let mut ledger = Ledger::bounded(JOURNAL, SMALL);
    for name in ["a", "b", "c"] {
        assert!(ledger.deny(ask(name, 1, 15), Reason::Blocked, at(0)).is_ok());
    }
    let changes = ledger.deny(ask("d", 1, 900), Reason::Blocked, at(16 + FRESH_MARGIN)).unwrap();
    assert_eq!(changes.removed.len(), 3);
    assert_eq!(changes.written.len(), 1);
}

#[test]
fn the_shipped_bounds_hold_under_a_flood() {
    let mut ledger = Ledger::new(JOURNAL);
    for id in 0..20_000 {
        let _ = ledger.deny(asked(id), Reason::Blocked, at(0));
    }
    assert_eq!(ledger.requests.rows().len(), Bounds::SHIPPED.requests_of_one);
}
