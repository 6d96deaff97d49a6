//! One building, its gateway, its issuers, and somebody who signs what no issuer would.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use doorward_events::statement::jws::{Kind, signing_input};
use doorward_events::statement::{
    Accepts, Address, Audience, Denial, Grant, Interval, Issuer, IssuerList, KeyId, LocalSigner,
    PublicKey, Request, Revocation, SignFuture, Signable, Signer, Verified, Verifier,
};
use doorward_events::types::{
    AccessAction, AccessReason, Authority, EntryUnlockRequested, GatewayStarted, GrantIssued,
    GrantRevoked, IssuerListStatement,
};
use doorward_events::{Draft, Envelope, GatewayOrigin, PublisherId, Received, read};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

pub const JOURNAL: Uuid = Uuid::from_u128(0x6f0d_3a5e_8f5e_4d0e_9a51_0d9f_6f3b_2c11);
pub const DELIVERY: &str = "acme-delivery-2026";

/// What a future that never waits gives.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Ten in the morning, on a clock that is right.
pub fn clock() -> Interval {
    Interval::exactly(time("2026-11-21T10:00:00Z"))
}

pub fn key(kid: &str, seed: u8) -> LocalSigner {
    LocalSigner::from_seed(KeyId::new(kid).unwrap(), &[seed; 32]).unwrap()
}

pub fn root() -> LocalSigner {
    key("root-2026", 1)
}

pub fn delivery() -> LocalSigner {
    key(DELIVERY, 2)
}

pub fn property() -> LocalSigner {
    key("property", 4)
}

pub fn public(seed: u8) -> PublicKey {
    key("k", seed).public_key()
}

/// What the root key says in this building: the delivery service for grants and requests, the
/// property manager for grants at one site, a week at most.
pub fn list() -> Value {
    json!({
        "version": 3,
        "expires": "2027-06-30T00:00:00Z",
        "keys": [
            {
                "kid": DELIVERY, "alg": "EdDSA", "public_key": public(2).to_base64url(),
                "issuer": "acme.delivery", "may": ["grant", "request"], "tenants": ["acme"],
                "longest_validity_s": 31_622_400, "not_after": "2027-12-31T00:00:00Z",
            },
            {
                "kid": "requests-only", "alg": "EdDSA", "public_key": public(3).to_base64url(),
                "issuer": "acme.delivery", "may": ["request"], "tenants": ["acme"],
                "longest_validity_s": 60, "not_after": "2027-01-01T00:00:00Z",
            },
            {
                "kid": "property", "alg": "EdDSA", "public_key": public(4).to_base64url(),
                "issuer": "acme.property", "may": ["grant"], "tenants": ["acme", "other"],
                "sites": ["hq"], "longest_validity_s": 604_800,
                "not_after": "2027-01-01T00:00:00Z",
            },
        ],
    })
}

pub fn signed_list(list: &Value) -> String {
    let list = IssuerListStatement::deserialize(list).unwrap();
    now(IssuerList::sign(&root(), &list)).unwrap()
}

pub fn verifier() -> Verifier {
    let list = IssuerList::open(&signed_list(&list()), &root().public_key(), 3, clock()).unwrap();
    Verifier::new(list.trusted().clone())
}

pub fn audience() -> Audience {
    Audience {
        gateway: "gw-1".to_owned(),
        tenant_id: "acme".to_owned(),
        site_id: Some("hq".to_owned()),
        journal_id: Some(JOURNAL),
    }
}

/// A received `gateway.started` of this publisher that lists these types in these versions.
pub fn started(publisher: PublisherId, accepts: &[(&str, &str)]) -> Received<GatewayStarted> {
    let types = accepts.iter().map(|(name, version)| json!({"type": name, "versions": [version]}));
    let data = GatewayStarted::deserialize(json!({
        "version": "0.1.0", "platform": "linux", "previous_stop": "clean", "events_waiting": 0,
        "bus_kind": "eventbridge", "vendors": [], "accepts": types.collect::<Vec<_>>(),
    }));
    Received {
        envelope: Envelope::new(Uuid::now_v7(), clock().earliest, publisher, "acme".into()),
        schema_version: "1.0".to_owned(),
        origin: Some(origin(JOURNAL, "2026-11-21T09:00:00Z", 1)),
        data: data.unwrap(),
    }
}

pub fn origin(journal_id: Uuid, recorded_at: &str, sequence: u64) -> GatewayOrigin {
    let recorded_at = time(recorded_at);
    GatewayOrigin { recorded_at, journal_id, sequence, type_sequence: 1, clock: None }
}

pub const ALL_TYPES: [(&str, &str); 5] = [
    ("grant.issued", "1.0"),
    ("grant.revoked", "1.0"),
    ("entry.unlock_requested", "1.0"),
    ("entry.open_requested", "1.0"),
    ("entry.lock_requested", "1.0"),
];

pub fn accepts() -> Accepts {
    accepts_of("gw-1", "acme")
}

/// What a gateway of this name and tenant said that reads all types.
pub fn accepts_of(gateway: &str, tenant_id: &str) -> Accepts {
    let mut event = started(PublisherId::new("doorward.gateway", gateway), &ALL_TYPES);
    event.envelope.tenant_id = tenant_id.into();
    Accepts::from_started(&event).unwrap()
}

pub fn publisher() -> PublisherId {
    PublisherId::new("acme.delivery", "eu-1")
}

pub fn issuer() -> Issuer {
    Issuer::new(delivery(), publisher()).unwrap()
}

pub fn address() -> Address {
    Address::new("acme", "gw-1", "front-door").at_site("hq")
}

pub fn grant() -> Grant {
    Grant {
        address: address(),
        grant_id: Uuid::from_u128(0x0191_c7a0_0000_7000_8000_0000_0000_a001),
        subject_ref: "courier-7f3a".to_owned(),
        actions: vec![AccessAction::Unlock, AccessAction::Lock],
        issued_at: time("2026-11-20T08:00:00Z"),
        not_before: time("2026-11-21T09:00:00Z"),
        expires_at: time("2026-11-21T12:00:00Z"),
        max_uses: 2,
        min_interval_s: Some(30),
        schedule: None,
    }
}

pub fn request() -> Request {
    Request {
        address: address(),
        request_id: Uuid::from_u128(0x0191_c7a0_0000_7000_8000_0000_0000_b001),
        subject_ref: "courier-7f3a".to_owned(),
        grant: None,
        challenge: Some("kQ3n8Zt1pVxY0aBc".to_owned()),
        issued_at: clock().earliest,
        lifetime: SignedDuration::from_secs(15),
    }
}

pub fn revocation() -> Revocation {
    let Grant { address, grant_id, expires_at, .. } = grant();
    Revocation { address, grant_id, issued_at: clock().earliest, expires_at }
}

/// What arrives of a draft.
pub fn arrives<D: Authority>(draft: &Draft) -> Received<D> {
    read(draft.finish().as_bytes()).unwrap()
}

pub fn granted() -> Received<GrantIssued> {
    arrives::<GrantIssued>(&now(issuer().grant(&accepts(), grant())).unwrap().draft)
}

pub fn revoked() -> Received<GrantRevoked> {
    arrives::<GrantRevoked>(&now(issuer().revoke(&accepts(), revocation())).unwrap().draft)
}

/// A request to unlock that brings its grant.
pub fn requested() -> Received<EntryUnlockRequested> {
    let right = now(issuer().grant(&accepts(), grant())).unwrap().to_use().unwrap();
    let issued = now(issuer().request::<EntryUnlockRequested>(&accepts(), request().using(right)));
    arrives::<EntryUnlockRequested>(&issued.unwrap().draft)
}

pub fn judge<D>(received: &Received<D>) -> Result<Verified<D::Statement>, Denial>
where
    D: Authority<Statement: Signable>,
{
    verifier().verify(received, &audience(), clock())
}

/// What the gateway makes of it that is at this site.
pub fn judge_at<D>(
    received: &Received<D>,
    site: Option<&str>,
) -> Result<Verified<D::Statement>, Denial>
where
    D: Authority<Statement: Signable>,
{
    let audience = Audience { site_id: site.map(str::to_owned), ..audience() };
    verifier().verify(received, &audience, clock())
}

/// The reason of a denial; a test fails on what is believed.
pub fn denied<D>(received: &Received<D>) -> AccessReason
where
    D: Authority<Statement: Signable>,
{
    match judge(received) {
        Ok(_) => panic!("{} is believed", D::TYPE),
        Err(denial) => denial.reason,
    }
}

/// The payload of a compact JWS.
pub fn payload(signed: &str) -> Value {
    let part = signed.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// A compact JWS of any header and any payload, with a good signature over exactly that.
pub fn forge(header: &str, payload: &str, signer: &dyn Signer) -> String {
    let [header, payload] = [header, payload].map(|part| URL_SAFE_NO_PAD.encode(part));
    let input = format!("{header}.{payload}");
    let signature = now(signer.sign(input.as_bytes())).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The same with our own header.
pub fn signed_as(kind: Kind, payload: &Value, signer: &dyn Signer) -> String {
    let input = signing_input(kind, signer.kid(), payload.to_string().as_bytes());
    let signature = now(signer.sign(input.as_bytes())).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The event with another signed text; the copies stay.
pub fn carrying<D: Authority>(received: &Received<D>, signed: &str) -> Received<D> {
    let mut data = serde_json::to_value(&received.data).unwrap();
    data["signed"] = json!(signed);
    Received {
        envelope: received.envelope.clone(),
        schema_version: received.schema_version.clone(),
        origin: None,
        data: D::deserialize(data).unwrap(),
    }
}

/// The event after its statement was changed, signed by `signer` and copied anew.
pub fn restated<D>(
    received: &Received<D>,
    signer: &dyn Signer,
    change: impl FnOnce(&mut Value),
) -> Received<D>
where
    D: Authority<Statement: Signable>,
{
    let mut data = serde_json::to_value(&received.data).unwrap();
    let mut statement = payload(data["signed"].as_str().unwrap());
    change(&mut statement);
    let signed = json!(signed_as(D::Statement::KIND, &statement, signer));
    for (name, copy) in data.as_object_mut().unwrap() {
        *copy = statement.get(name).unwrap_or(copy).clone();
    }
    data["signed"] = signed;
    let text = |name: &str| statement.get(name).and_then(Value::as_str);
    let mut envelope = received.envelope.clone();
    envelope.tenant_id = text("tenant_id").unwrap_or_default().into();
    envelope.site_id = text("site_id").map(Arc::from);
    envelope.entry_id = text("entry_id").map(Arc::from);
    envelope.publisher.name = text("issuer").unwrap_or_default().into();
    Received {
        envelope,
        schema_version: text("schema_version").unwrap_or_default().to_owned(),
        origin: None,
        data: D::deserialize(data).unwrap(),
    }
}

/// Counts what it is asked to sign.
#[derive(Clone)]
pub struct Counting(pub Arc<(LocalSigner, AtomicUsize)>);

impl Counting {
    pub fn new() -> Self {
        Self(Arc::new((delivery(), AtomicUsize::new(0))))
    }

    pub fn signatures(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }
}

impl Signer for Counting {
    fn kid(&self) -> &KeyId {
        self.0.0.kid()
    }

    fn public_key(&self) -> PublicKey {
        self.0.0.public_key()
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> SignFuture<'a> {
        self.0.1.fetch_add(1, Ordering::SeqCst);
        self.0.0.sign(message)
    }
}
