//! One gateway, the keys that it believes, and one issuer.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use doorward_events::statement::{
    Accepts, Address, Audience, Denial, Grant, Interval, Issuer, IssuerList, KeyId, LocalSigner,
    Request, Signable, Signer, Verified, Verifier,
};
use doorward_events::types::{AccessAction, Authority, GatewayStarted, GrantIssued};
use doorward_events::{Envelope, GatewayOrigin, Received, read};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use crate::world::{envelope, gateway, service};

pub const JOURNAL: Uuid = Uuid::from_u128(0x6f0d_3a5e_8f5e_4d0e_9a51_0d9f_6f3b_2c11);

/// What a future that never waits gives.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

pub fn ten() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

pub fn key(kid: &str, seed: u8) -> LocalSigner {
    LocalSigner::from_seed(KeyId::new(kid).unwrap(), &[seed; 32]).unwrap()
}

/// What gateway gw-1 of acme said of itself: the types and versions that it reads.
pub fn said(journal_id: Uuid, accepts: &[(&str, &str)]) -> Accepts {
    said_of("acme", journal_id, accepts)
}

/// The same of another tenant's.
pub fn said_of(tenant_id: &str, journal_id: Uuid, accepts: &[(&str, &str)]) -> Accepts {
    let types = accepts.iter().map(|(name, version)| json!({"type": name, "versions": [version]}));
    let data: GatewayStarted = serde_json::from_value(json!({
        "version": "0.1.0", "platform": "linux", "previous_stop": "clean", "events_waiting": 0,
        "bus_kind": "eventbridge", "vendors": [], "accepts": types.collect::<Vec<_>>(),
    }))
    .unwrap();
    let recorded_at = "2026-11-21T09:00:00Z".parse().unwrap();
    let origin =
        GatewayOrigin { recorded_at, journal_id, sequence: 1, type_sequence: 1, clock: None };
    let envelope = Envelope { tenant_id: tenant_id.into(), ..envelope(gateway()) };
    let event = envelope.seal(&data).unwrap().stamp(&origin);
    Accepts::from_started(&read(event.as_bytes()).unwrap()).unwrap()
}

pub fn accepts() -> Accepts {
    said(JOURNAL, &[("grant.issued", "1.0"), ("entry.unlock_requested", "1.0")])
}

pub fn issuer() -> Issuer {
    Issuer::new(key("acme-delivery-2026", 2), service()).unwrap()
}

pub fn address() -> Address {
    Address::new("acme", "gw-1", "front-door")
}

pub fn grant() -> Grant {
    Grant {
        address: address(),
        grant_id: Uuid::from_u128(0x0191_c7a0_0000_7000_8000_0000_0000_a001),
        subject_ref: "courier-7f3a".to_owned(),
        actions: vec![AccessAction::Unlock],
        issued_at: "2026-11-20T08:00:00Z".parse().unwrap(),
        not_before: "2026-11-21T09:00:00Z".parse().unwrap(),
        expires_at: "2026-11-21T12:00:00Z".parse().unwrap(),
        max_uses: 1,
        min_interval_s: None,
        schedule: None,
    }
}

pub fn request() -> Request {
    Request {
        address: address(),
        request_id: Uuid::from_u128(0x0191_c7a0_0000_7000_8000_0000_0000_b001),
        subject_ref: "courier-7f3a".to_owned(),
        grant: None,
        challenge: None,
        issued_at: ten(),
        lifetime: SignedDuration::from_secs(15),
    }
}

/// A grant that is good, as the gateway receives it.
pub fn granted() -> Received<GrantIssued> {
    granted_by(&issuer())
}

pub fn granted_by(issuer: &Issuer) -> Received<GrantIssued> {
    let issued = now(issuer.grant(&accepts(), grant())).unwrap();
    read(issued.draft.finish().as_bytes()).unwrap()
}

/// What the gateway makes of it at this time, as the gateway of this name with this journal.
pub fn judged<D>(
    received: &Received<D>,
    gateway: &str,
    journal: Uuid,
    at: Timestamp,
) -> Result<Verified<D::Statement>, Denial>
where
    D: Authority<Statement: Signable>,
{
    let root = key("root-2026", 1);
    let list = serde_json::from_value(json!({
        "version": 3,
        "expires": "2027-06-30T00:00:00Z",
        "keys": [{
            "kid": "acme-delivery-2026", "alg": "EdDSA",
            "public_key": key("acme-delivery-2026", 2).public_key().to_base64url(),
            "issuer": "acme.delivery", "may": ["grant", "request"], "tenants": ["acme", "beta"],
            "longest_validity_s": 31_622_400, "not_after": "2027-12-31T00:00:00Z",
        }],
    }));
    let list = now(IssuerList::sign(&root, &list.unwrap())).unwrap();
    let list = IssuerList::open(&list, &root.public_key(), 3, Interval::exactly(ten())).unwrap();
    let audience = Audience {
        gateway: gateway.to_owned(),
        tenant_id: "acme".to_owned(),
        site_id: None,
        journal_id: Some(journal),
    };
    Verifier::new(list.trusted().clone()).verify(received, &audience, Interval::exactly(at))
}

/// The reason for which gateway gw-1 does not believe it.
pub fn denied<D>(received: &Received<D>) -> String
where
    D: Authority<Statement: Signable>,
{
    match judged(received, "gw-1", JOURNAL, ten()) {
        Ok(_) => panic!("{} is believed", D::TYPE),
        Err(denial) => denial.to_string(),
    }
}
