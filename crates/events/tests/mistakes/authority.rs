//! Caught where authority is issued; and at the gateway, if something else issued it.

use doorward_events::statement::{Address, Grant, GrantUse, IssueError, Issuer, Request};
use doorward_events::types::{EntryUnlockRequested, GrantIssued};
use doorward_events::{Envelope, EventType, PublisherId, read};
use jiff::SignedDuration;
use uuid::Uuid;

use crate::building::{
    JOURNAL, accepts, denied, grant, granted, granted_by, issuer, judged, key, now, request, said,
    said_of, ten,
};
use crate::world::{envelope, service};

fn not_granted(grant: Grant) -> IssueError {
    now(issuer().grant(&accepts(), grant)).unwrap_err()
}

fn not_requested(request: Request) -> IssueError {
    now(issuer().request::<EntryUnlockRequested>(&accepts(), request)).unwrap_err()
}

#[test]
fn a_publisher_that_issues_nothing() {
    for name in ["doorward.gateway", "acme.courier"] {
        let issuer = Issuer::new(key("k", 2), PublisherId::new(name, "eu-1"));
        assert_eq!(issuer.err(), Some(IssueError::NotRegistered), "{name}");
    }
}

#[test]
fn a_grant_that_the_gateway_cannot_read() {
    for accepts in [said(JOURNAL, &[]), said(JOURNAL, &[("grant.issued", "2.0")])] {
        let error = now(issuer().grant(&accepts, grant())).unwrap_err();
        assert_eq!(error, IssueError::NotAccepted(EventType::GrantIssued));
        assert!(!error.is_retryable());
    }
}

#[test]
fn a_grant_for_another_gateway() {
    let address = Address::new("acme", "gw-2", "front-door");
    assert_eq!(not_granted(Grant { address, ..grant() }), IssueError::OtherGateway);
    let denial = judged(&granted(), "gw-2", JOURNAL, ten()).unwrap_err();
    assert_eq!(denial.reason.as_str(), "wrong_audience");
}

/// The key may speak of both tenants, and both have a gateway of this name.
#[test]
fn a_grant_for_another_tenant() {
    let address = Address::new("beta", "gw-1", "front-door");
    let other = Grant { address, ..grant() };
    assert_eq!(not_granted(other.clone()), IssueError::OtherTenant);
    let accepts = said_of("beta", JOURNAL, &[("grant.issued", "1.0")]);
    let issued = now(issuer().grant(&accepts, other)).unwrap();
    let received = read::<GrantIssued>(issued.draft.finish().as_bytes()).unwrap();
    assert!(denied(&received).starts_with("wrong_audience: /tenant_id"));
}

#[test]
fn a_grant_for_another_journal() {
    let right = GrantUse { grant_id: grant().grant_id, journal_id: Uuid::max(), signed: None };
    assert_eq!(not_requested(request().using(right)), IssueError::OtherJournal);
    let denial = judged(&granted(), "gw-1", Uuid::max(), ten()).unwrap_err();
    assert_eq!(denial.reason.as_str(), "ledger_lost");
}

#[test]
fn a_grant_of_somebody_else() {
    let right = now(issuer().grant(&accepts(), grant())).unwrap().to_use().unwrap();
    let other = Request { subject_ref: "courier-9".to_owned(), ..request() };
    assert_eq!(not_requested(other.using(right)), IssueError::OtherGrant);
    let property = PublisherId::new("acme.property", "eu-1");
    let property = Issuer::new(key("acme-property-2026", 4), property).unwrap();
    let right = now(property.grant(&accepts(), grant())).unwrap().to_use().unwrap();
    assert_eq!(not_requested(request().using(right)), IssueError::OtherGrant);
}

#[test]
fn a_request_good_for_an_hour() {
    let hour = Request { lifetime: SignedDuration::from_hours(1), ..request() };
    let longest = SignedDuration::from_secs(60);
    assert_eq!(not_requested(hour), IssueError::TooLong { longest });
}

#[test]
fn a_grant_without_end_or_backwards() {
    let expires_at = grant().not_before + SignedDuration::from_hours(367 * 24);
    let endless = Grant { expires_at, ..grant() };
    assert!(matches!(not_granted(endless), IssueError::TooLong { .. }));
    let backwards = Grant { expires_at: grant().not_before, ..grant() };
    assert_eq!(not_granted(backwards), IssueError::Window);
}

#[test]
fn a_name_in_a_grant() {
    let named = Grant { subject_ref: "Jane Doe".to_owned(), ..grant() };
    let IssueError::Invalid(invalid) = not_granted(named) else { panic!("it is signed") };
    assert_eq!(invalid.errors[0].pointer, "/subject_ref");
    assert!(!invalid.to_string().contains("Jane"));
}

#[test]
fn a_copy_that_differs_from_what_is_signed() {
    assert!(judged(&granted(), "gw-1", JOURNAL, ten()).is_ok());
    let mut later = granted();
    later.data.expires_at = "2026-11-28T12:00:00Z".to_owned();
    let malformed = "malformed_request: ";
    let differs = "differs from the signed statement";
    assert_eq!(denied(&later), format!("{malformed}/data/expires_at: {differs}"));
    let mut elsewhere = granted();
    elsewhere.envelope.entry_id = Some("back-door".into());
    assert_eq!(denied(&elsewhere), format!("{malformed}/entry_id: {differs}"));
}

/// What looks like a grant may be published by whoever may publish grants; no gateway believes it.
#[test]
fn a_grant_signed_by_nobody() {
    let good = granted();
    let data = GrantIssued { signed: "e30.e30.AA".to_owned(), ..good.data };
    let Envelope { entry_id, tenant_id, .. } = good.envelope;
    let envelope = Envelope { entry_id, tenant_id, ..envelope(service()) };
    let event = envelope.seal(&data).unwrap().finish();
    let received = read::<GrantIssued>(event.as_bytes()).unwrap();
    assert!(denied(&received).starts_with("malformed_request"));
}

#[test]
fn a_key_that_the_gateway_does_not_trust() {
    let other = Issuer::new(key("acme-delivery-2025", 9), service()).unwrap();
    assert!(denied(&granted_by(&other)).starts_with("unauthenticated_source"));
    let same_name = Issuer::new(key("acme-delivery-2026", 9), service()).unwrap();
    assert!(denied(&granted_by(&same_name)).starts_with("invalid_signature"));
}
