#![allow(clippy::unwrap_used)]

use super::super::clock::Interval;
use super::samples::{JOURNAL, asked, at, body, consume, exactly, grant, issuer, with};
use super::*;

fn held(ledger: &Ledger, grant: &Grant) -> Held {
    ledger.grant(&grant.key()).unwrap().clone()
}

#[test]
fn a_grant_is_installed_once() {
    let mut ledger = with(grant(1));
    let (installed, changes) = ledger.install(grant(1), body(1), at(0));
    assert_eq!(installed, Installed::Already { ended: None });
    assert!(changes.is_empty());
    assert_eq!(ledger.grants().count(), 1);
}

#[test]
fn another_body_under_the_same_id_is_refused_and_the_first_stands() {
    let mut ledger = with(grant(1));
    let wider = Grant { max_uses: 9, ..grant(1) };
    let (installed, changes) = ledger.install(wider, body(2), at(0));
    assert_eq!(installed, Installed::Refused(Reason::IdempotencyConflict));
    assert!(changes.is_empty());
    assert_eq!(held(&ledger, &grant(1)).grant.max_uses, 1);
}

#[test]
fn another_issuer_may_use_the_same_id_without_harm() {
    let mut ledger = with(grant(1));
    let other = Grant { issuer: issuer("other"), ..grant(1) };
    assert_eq!(ledger.install(other.clone(), body(2), at(0)).0, Installed::New);
    assert_eq!(ledger.find(other.grant_id, &issuer("acme")).unwrap().grant.issuer, issuer("acme"));
    assert_eq!(ledger.find(other.grant_id, &issuer("other")).unwrap().grant, other);
    assert_eq!(ledger.find(other.grant_id, &issuer("third")), None, "which of the two?");
}

#[test]
fn a_grant_of_another_issuer_is_found_where_there_is_one() {
    let ledger = with(grant(1));
    assert!(ledger.find(Uuid::from_u128(1), &issuer("third")).is_some());
    assert!(ledger.find(Uuid::from_u128(2), &issuer("acme")).is_none());
}

#[test]
fn a_grant_against_another_journal_is_refused() {
    let mut ledger = Ledger::new(Uuid::from_u128(0xB));
    let (installed, _) = ledger.install(grant(1), body(1), at(0));
    assert_eq!(installed, Installed::Refused(Reason::LedgerLost));
}

#[test]
fn a_grant_that_is_past_is_refused() {
    let mut ledger = Ledger::new(JOURNAL);
    let (installed, _) = ledger.install(grant(1), body(1), at(3_601));
    assert_eq!(installed, Installed::Refused(Reason::Expired));
    let believed = Grant { believed_until: at(10), ..grant(2) };
    let (installed, _) = ledger.install(believed, body(1), at(11));
    assert_eq!(installed, Installed::Refused(Reason::Expired));
}

#[test]
fn a_revoked_grant_admits_nobody() {
    let mut ledger = with(grant(1));
    let (result, changes) = ledger.revoke(&issuer("acme"), grant(1).grant_id, at(3_600), at(0));
    assert_eq!(result, Revocation::Ended);
    assert_eq!(changes.written, BTreeSet::from([Key::Grant(grant(1).key())]));
    assert_eq!(consume(&mut ledger, 1, &grant(1)), Err(Reason::Revoked));
    let (again, changes) = ledger.revoke(&issuer("acme"), grant(1).grant_id, at(3_600), at(0));
    assert_eq!(again, Revocation::Already);
    assert!(changes.is_empty());
    let (installed, _) = ledger.install(grant(1), body(1), at(0));
    assert_eq!(installed, Installed::Already { ended: Some(GrantRemoved::Revoked) });
}

#[test]
fn nobody_revokes_what_another_issued() {
    let mut ledger = with(grant(1));
    let (result, _) = ledger.revoke(&issuer("other"), grant(1).grant_id, at(3_600), at(0));
    assert_eq!(result, Revocation::Waits, "for a grant of its own");
    assert_eq!(consume(&mut ledger, 1, &grant(1)), Ok(0));
    // Nor before it comes.
    let (result, _) = ledger.revoke(&issuer("other"), grant(2).grant_id, at(3_600), at(0));
    assert_eq!(result, Revocation::Waits);
    assert_eq!(ledger.install(grant(2), body(2), at(0)).0, Installed::New);
}

#[test]
fn a_revocation_that_comes_first_waits_for_the_end_of_its_grant() {
    let mut ledger = Ledger::new(JOURNAL);
    let (result, changes) = ledger.revoke(&issuer("acme"), grant(1).grant_id, at(100), at(0));
    assert_eq!(result, Revocation::Waits);
    let key = Key::Revoked(grant(1).key());
    assert_eq!(changes.written, BTreeSet::from([key.clone()]));
    // It named too early an end; the grant's own counts once it is known.
    let (installed, changes) = ledger.install(grant(1), body(1), at(50));
    assert_eq!(installed, Installed::Refused(Reason::Revoked));
    assert_eq!(changes.written, BTreeSet::from([key.clone()]));
    assert_eq!(ledger.expire(at(3_600)), (vec![], Changes::default()));
    assert_eq!(ledger.install(grant(1), body(1), at(3_600)).0, Installed::Refused(Reason::Revoked));
    assert_eq!(ledger.expire(at(3_601)).1.removed, BTreeSet::from([key]));
    assert_eq!(ledger.install(grant(1), body(1), at(3_601)).0, Installed::Refused(Reason::Expired));
}

#[test]
fn a_revocation_of_what_is_past_is_nothing() {
    let mut ledger = Ledger::new(JOURNAL);
    let (result, changes) = ledger.revoke(&issuer("acme"), grant(1).grant_id, at(9), at(10));
    assert_eq!((result, changes.is_empty()), (Revocation::Past, true));
}

#[test]
fn uses_are_taken_one_by_one() {
    let twice = Grant { max_uses: 2, ..grant(1) };
    let mut ledger = with(twice.clone());
    assert_eq!(consume(&mut ledger, 1, &twice), Ok(1));
    assert_eq!(consume(&mut ledger, 2, &twice), Ok(0));
    assert_eq!(consume(&mut ledger, 3, &twice), Err(Reason::UsesExhausted));
    let wide = Interval { earliest: at(5), latest: at(9) };
    let mut other = with(twice.clone());
    let (_, changes) = other.consume(asked(1), &twice.key(), wide, at(0)).unwrap();
    let both = [Key::Grant(twice.key()), Key::Request(asked(1).key)];
    assert_eq!(changes.written, BTreeSet::from(both));
    assert_eq!(held(&other, &twice).last_use, Some(at(9)), "the latest that it can have been");
}

#[test]
fn a_request_takes_one_use_only() {
    let twice = Grant { max_uses: 2, ..grant(1) };
    let mut ledger = with(twice.clone());
    assert_eq!(consume(&mut ledger, 1, &twice), Ok(1));
    assert_eq!(consume(&mut ledger, 1, &twice), Err(Reason::IdempotencyConflict));
    assert_eq!(ledger.deny(asked(1), Reason::Blocked, at(0)), Err(Reason::IdempotencyConflict));
    let outcome = &ledger.request(&asked(1).key).unwrap().outcome;
    let granted = Outcome::Granted { event: asked(1).event, grant: twice.key() };
    assert_eq!(*outcome, granted);
    assert_eq!(consume(&mut ledger, 2, &grant(7)), Err(Reason::CredentialNotFound));
}

#[test]
fn a_denied_request_stays_denied() {
    let mut ledger = with(grant(1));
    let changes = ledger.deny(asked(1), Reason::Blocked, at(0)).unwrap();
    assert_eq!(changes.written, BTreeSet::from([Key::Request(asked(1).key)]));
    assert_eq!(consume(&mut ledger, 1, &grant(1)), Err(Reason::IdempotencyConflict));
    assert_eq!(ledger.give_back(&asked(1).key, UseRestored::RefusedByDevice), None);
    assert_eq!(ledger.spend(&asked(1).key), None);
}

#[test]
fn a_use_comes_back_once() {
    for why in [UseRestored::EndedBeforeDispatch, UseRestored::RefusedByDevice] {
        let mut ledger = with(grant(1));
        consume(&mut ledger, 1, &grant(1)).unwrap();
        let before = held(&ledger, &grant(1));
        let (back, changes) = ledger.give_back(&asked(1).key, why).unwrap();
        assert_eq!(back, GivenBack { grant: grant(1).key(), uses_left: 1 });
        assert_eq!(changes.written.len(), 2);
        assert_eq!(ledger.give_back(&asked(1).key, why), None);
        assert_eq!(ledger.spend(&asked(1).key), None);
        assert!(before.last_use.is_some());
        assert_eq!(held(&ledger, &grant(1)).last_use, None, "it was no use");
        assert_eq!(consume(&mut ledger, 1, &grant(1)), Err(Reason::IdempotencyConflict));
        assert_eq!(consume(&mut ledger, 2, &grant(1)), Ok(0));
    }
}

#[test]
fn a_time_out_gives_back_once_however_often_it_times_out() {
    let why = UseRestored::TimedOutUnchanged;
    let mut ledger = with(grant(1));
    consume(&mut ledger, 1, &grant(1)).unwrap();
    assert!(ledger.give_back(&asked(1).key, why).is_some());
    // What ends before dispatch is still the same further request.
    consume(&mut ledger, 2, &grant(1)).unwrap();
    assert!(ledger.give_back(&asked(2).key, UseRestored::EndedBeforeDispatch).is_some());
    consume(&mut ledger, 3, &grant(1)).unwrap();
    assert_eq!(ledger.give_back(&asked(3).key, why), None);
    assert!(ledger.spend(&asked(3).key).is_some());
    assert_eq!(consume(&mut ledger, 4, &grant(1)), Err(Reason::UsesExhausted));
}

#[test]
fn what_is_spent_does_not_come_back() {
    let mut ledger = with(grant(1));
    consume(&mut ledger, 1, &grant(1)).unwrap();
    assert_eq!(ledger.pending().count(), 1);
    assert!(ledger.spend(&asked(1).key).is_some());
    assert_eq!(ledger.pending().count(), 0);
    assert_eq!(ledger.spend(&asked(1).key), None);
    assert_eq!(ledger.give_back(&asked(1).key, UseRestored::RefusedByDevice), None);
    assert_eq!(consume(&mut ledger, 2, &grant(1)), Err(Reason::UsesExhausted));
}

#[test]
fn a_use_that_comes_back_to_a_revoked_grant_admits_nobody() {
    let mut ledger = with(grant(1));
    consume(&mut ledger, 1, &grant(1)).unwrap();
    let _ = ledger.revoke(&issuer("acme"), grant(1).grant_id, at(3_600), at(0));
    let (back, _) = ledger.give_back(&asked(1).key, UseRestored::RefusedByDevice).unwrap();
    assert_eq!(back.uses_left, 0);
    assert_eq!(consume(&mut ledger, 2, &grant(1)), Err(Reason::Revoked));
}

#[test]
fn the_last_use_is_that_of_the_latest_request_that_kept_its_use() {
    let twice = Grant { max_uses: 2, ..grant(1) };
    let mut ledger = with(twice.clone());
    let _ = ledger.consume(asked(1), &twice.key(), exactly(10), at(0)).unwrap();
    let _ = ledger.consume(asked(2), &twice.key(), exactly(20), at(0)).unwrap();
    let _ = ledger.spend(&asked(2).key).unwrap();
    let _ = ledger.give_back(&asked(1).key, UseRestored::RefusedByDevice).unwrap();
    assert_eq!(held(&ledger, &twice).last_use, Some(at(20)));
}

#[test]
fn each_removal_is_told_once_with_its_reason() {
    let mut ledger = with(grant(1));
    let _ = ledger.install(grant(2), body(2), at(0));
    let _ = ledger.install(grant(3), body(3), at(0));
    let _ = ledger.revoke(&issuer("acme"), grant(3).grant_id, at(3_600), at(0));
    consume(&mut ledger, 1, &grant(1)).unwrap();
    assert_eq!(ledger.expire(at(10)).0, [], "its use may come back");
    ledger.spend(&asked(1).key).unwrap().then(Changes::default());
    let (ended, changes) = ledger.expire(at(10));
    assert_eq!(ended, [(grant(1).key(), GrantRemoved::UsedUp)]);
    assert_eq!(changes.written, BTreeSet::from([Key::Grant(grant(1).key())]));
    assert_eq!(ledger.expire(at(10)), (vec![], Changes::default()));
    // The same statement again gives nothing anew.
    let (installed, _) = ledger.install(grant(1), body(1), at(10));
    assert_eq!(installed, Installed::Already { ended: Some(GrantRemoved::UsedUp) });
    assert_eq!(ledger.expire(at(3_600)).0, [], "it counts at its end");
    let (ended, changes) = ledger.expire(at(3_601));
    assert_eq!(ended, [(grant(2).key(), GrantRemoved::Expired)]);
    let gone = [1, 2, 3].map(|id| Key::Grant(grant(id).key()));
    let gone: BTreeSet<_> = gone.into_iter().chain([Key::Request(asked(1).key)]).collect();
    assert_eq!(changes.removed, gone);
    assert_eq!(ledger.grants().count(), 0);
}

#[test]
fn a_granted_outcome_is_kept_as_long_as_its_grant() {
    let mut ledger = with(grant(1));
    consume(&mut ledger, 1, &grant(1)).unwrap();
    ledger.spend(&asked(1).key).unwrap().then(Changes::default());
    let _ = ledger.expire(at(3_600));
    assert!(ledger.request(&asked(1).key).is_some());
    let _ = ledger.expire(at(3_601));
    assert!(ledger.request(&asked(1).key).is_none());
}

#[test]
fn a_grant_with_a_command_under_way_is_kept_beyond_its_end() {
    let mut ledger = with(grant(1));
    consume(&mut ledger, 1, &grant(1)).unwrap();
    let (ended, _) = ledger.expire(at(5_000));
    assert_eq!(ended, [(grant(1).key(), GrantRemoved::Expired)]);
    assert_eq!(ledger.pending().count(), 1);
    let (back, _) = ledger.give_back(&asked(1).key, UseRestored::RefusedByDevice).unwrap();
    assert_eq!(back.uses_left, 0);
    let (ended, changes) = ledger.expire(at(5_000));
    assert_eq!((ended.len(), changes.removed.len()), (0, 2));
}

#[test]
fn a_denied_outcome_is_kept_past_its_deadline() {
    let mut ledger = Ledger::new(JOURNAL);
    let _ = ledger.deny(asked(1), Reason::Blocked, at(0)).unwrap();
    assert!(ledger.expire(at(15 + FRESH_MARGIN)).1.is_empty());
    assert_eq!(ledger.expire(at(16 + FRESH_MARGIN)).1.removed.len(), 1);
}

#[test]
fn a_new_journal_voids_the_grants_of_the_old() {
    let mut old = with(grant(1));
    consume(&mut old, 1, &grant(1)).unwrap();
    let keys = [Key::Grant(grant(1).key()), Key::Request(asked(1).key)];
    let records = keys.map(|key| (key.clone(), old.record(&key).unwrap()));
    let (mut ledger, strange) = Ledger::restore(Uuid::from_u128(0xB), records);
    assert_eq!(strange, []);
    assert_eq!(consume(&mut ledger, 2, &grant(1)), Err(Reason::LedgerLost));
    let (ended, _) = ledger.expire(at(0));
    assert_eq!(ended, [(grant(1).key(), GrantRemoved::LedgerLost)]);
    assert_eq!(consume(&mut ledger, 1, &grant(1)), Err(Reason::IdempotencyConflict));
}

#[test]
fn what_was_stored_is_restored() {
    let mut ledger = with(grant(1));
    consume(&mut ledger, 1, &grant(1)).unwrap();
    let _ = ledger.revoke(&issuer("acme"), Uuid::from_u128(9), at(10), at(0));
    let _ = ledger.deny(asked(2), Reason::Blocked, at(0)).unwrap();
    let keys = [
        Key::Grant(grant(1).key()),
        Key::Request(asked(1).key),
        Key::Request(asked(2).key),
        Key::Revoked(Grant { grant_id: Uuid::from_u128(9), ..grant(9) }.key()),
    ];
    let stored: Vec<(String, String)> = keys
        .iter()
        .map(|key| (key.to_string(), serde_json::to_string(&ledger.record(key).unwrap()).unwrap()))
        .collect();
    let read = stored
        .iter()
        .map(|(key, text)| (key.parse().unwrap(), serde_json::from_str(text).unwrap()));
    let (restored, strange) = Ledger::restore(JOURNAL, read);
    assert_eq!(strange, []);
    assert_eq!(restored, ledger);
}

#[test]
fn a_record_under_another_name_is_told() {
    let ledger = with(grant(1));
    let record = ledger.record(&Key::Grant(grant(1).key())).unwrap();
    let wrong = [Key::Grant(grant(2).key()), Key::Revoked(grant(1).key())];
    for key in wrong {
        let (restored, strange) = Ledger::restore(JOURNAL, [(key.clone(), record.clone())]);
        assert_eq!(strange, [key]);
        assert_eq!(restored, Ledger::new(JOURNAL));
    }
}
