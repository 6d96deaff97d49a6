//! A courier's grant and request, signed by an issuer on the list that the root key signed.

use std::path::Path;
use std::process::Stdio;

use doorward_events::statement::{
    Accepts, Address, Grant, GrantUse, Issued, Issuer, IssuerList, KeyId, LocalSigner, Request,
    Revocation, SecretKey, Signer,
};
use doorward_events::types::{AccessAction, EntryUnlockRequested, GatewayStarted, GrantIssued};
use doorward_events::{PublisherId, read};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Stand, detail};

/// A delivery service that this building believes.
pub struct Service {
    pub issuer: Issuer,
    pub accepts: Accepts,
}

/// The id of the delivery service's key.
pub const KID: &str = "acme-delivery-test";

/// Whom a building believes: the root key, and the keys that lists of its may name.
pub struct Authority {
    root: LocalSigner,
    secret: SecretKey,
    clock: LocalSigner,
}

impl Authority {
    pub fn new() -> Self {
        let made = |kid: &str| LocalSigner::generate(KeyId::new(kid).unwrap()).unwrap();
        Self { root: made("root").0, secret: made(KID).1, clock: made("clock").0 }
    }

    pub fn root_key(&self) -> String {
        self.root.public_key().to_base64url()
    }

    /// The delivery service's key.
    pub fn delivery(&self) -> LocalSigner {
        let kid = KeyId::new(KID).unwrap();
        LocalSigner::from_pkcs8_der(kid, self.secret.expose_der()).unwrap()
    }

    /// Who says what time it is.
    pub fn clock(self) -> LocalSigner {
        self.clock
    }

    /// A list of this version: the delivery service's key, and one that may attest time.
    pub fn list(&self, version: u64) -> String {
        let end = Timestamp::now() + SignedDuration::from_hours(24 * 300);
        let key = |signer: &LocalSigner, kid: &str, issuer: &str, may: &[&str]| {
            json!({
                "kid": kid, "alg": "EdDSA", "public_key": signer.public_key().to_base64url(),
                "issuer": issuer, "may": may, "tenants": ["acme"],
                "longest_validity_s": 86_400, "not_after": end,
            })
        };
        let list = serde_json::from_value(json!({
            "version": version, "expires": end,
            "keys": [
                key(&self.delivery(), KID, "acme.delivery", &["grant", "request"]),
                key(&self.clock, "clock", "acme.platform", &["time", "vendor"]),
            ],
        }))
        .unwrap();
        now(IssuerList::sign(&self.root, &list)).unwrap()
    }
}

/// The root key's list with one delivery service, in a file, and what doorward.toml says of it. The
/// service's key is beside it, `issuer.pem`.
pub fn trust(folder: &Path) -> (LocalSigner, String) {
    let authority = Authority::new();
    std::fs::write(folder.join("issuer.pem"), authority.secret.expose_pem()).unwrap();
    let file = folder.join("issuers.jws");
    std::fs::write(&file, authority.list(1)).unwrap();
    let table = format!(
        "[trust]\nroot_key = \"{}\"\nissuers = \"{}\"\n",
        authority.root_key(),
        file.display()
    );
    (authority.delivery(), table)
}

/// A future of a local key is done at once.
pub fn now<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("done at once")
}

impl Service {
    /// Learns what the gateway reads from what it said when it started.
    pub fn new(signer: LocalSigner, stand: &Stand) -> Self {
        Self::told(signer, &detail(&stand.sink.gets("gateway.started", |_| true)))
    }

    /// The same from the event.
    pub fn told(signer: LocalSigner, started: &Value) -> Self {
        let started = read::<GatewayStarted>(started.to_string().as_bytes()).unwrap();
        let accepts = Accepts::from_started(&started).unwrap();
        let issuer = Issuer::new(signer, PublisherId::new("acme.delivery", "eu-1")).unwrap();
        Self { issuer, accepts }
    }

    pub fn address() -> Address {
        Address::new("acme", "gw-test", "front")
    }

    pub fn grant(&self) -> Issued<GrantIssued> {
        let start = Timestamp::now() - SignedDuration::from_secs(60);
        let end = start + SignedDuration::from_hours(2);
        let grant = Grant::once(Self::address(), "courier-7f3a", AccessAction::Unlock, start, end);
        self.grants(grant)
    }

    /// Any grant.
    pub fn grants(&self, grant: Grant) -> Issued<GrantIssued> {
        now(self.issuer.grant(&self.accepts, grant)).unwrap()
    }

    pub fn request(&self, grant: GrantUse) -> Issued<EntryUnlockRequested> {
        self.asks(Request::now(Self::address(), "courier-7f3a").using(grant))
    }

    /// Any request.
    pub fn asks(&self, request: Request) -> Issued<EntryUnlockRequested> {
        now(self.issuer.request(&self.accepts, request)).unwrap()
    }

    /// A request that was signed a while ago.
    pub fn late(&self, grant: GrantUse, ago: SignedDuration) -> Issued<EntryUnlockRequested> {
        let request = Request::now(Self::address(), "courier-7f3a").using(grant);
        let issued_at = Timestamp::now() - ago;
        self.asks(Request { issued_at, ..request })
    }
}

/// Hands an event over as the bus would.
pub fn deliver(stand: &Stand, event: &str) -> Value {
    let mut child = stand
        .gateway
        .command()
        .args(["grants", "deliver", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), event.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A door, and a delivery service that may grant it.
pub fn stand(folder: &Path) -> (Stand, Service) {
    let (signer, table) = trust(folder);
    let stand = Stand::start(folder, &table);
    let service = Service::new(signer, &stand);
    (stand, service)
}

#[test]
fn one_grant_opens_once() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let grant = service.grant();
    let installed = deliver(&stand, &grant.draft.finish());
    assert_eq!(installed["outcome"], "installed", "{installed}");
    // The same again is the same.
    assert_eq!(deliver(&stand, &grant.draft.finish()), installed);
    // Nobody ends what another issued, and nobody is told that he did.
    let (answer, code) = stand.lines(&["grants", "revoke", &grant.data.grant_id]);
    assert_eq!((code, &answer[0]["outcome"]), (Some(3), &"denied".into()), "{answer:?}");
    assert_eq!(stand.gateway.json(&["grants", "list"]).unwrap().as_array().unwrap().len(), 1);

    let request = service.request(grant.to_use().unwrap());
    let granted = deliver(&stand, &request.draft.finish());
    assert_eq!(granted["outcome"], "granted", "{granted}");
    stand.ends("confirmed");
    // Redelivered, also after its deadline, it moves nothing, and its answer is the first one.
    let again = deliver(&stand, &request.draft.finish());
    assert_eq!((&again["outcome"], &again["then"]), (&"repeated".into(), &"granted".into()));

    let second = deliver(&stand, &service.request(grant.to_use().unwrap()).draft.finish());
    assert_eq!(second["reason"], "uses_exhausted", "{second}");
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
    let denied = stand.sink.gets("access.denied", |_| true);
    assert_eq!(detail(&denied)["data"]["reason"], "uses_exhausted");
}

#[test]
fn a_revoked_grant_is_told_at_its_own_door_whatever_the_revocation_names() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let grant = service.grant();
    assert_eq!(deliver(&stand, &grant.draft.finish())["outcome"], "installed");
    let id = grant.data.grant_id.parse().unwrap();
    let end = grant.data.expires_at.parse().unwrap();
    let revocation = Revocation::now(Address::new("acme", "gw-test", "cellar"), id, end);
    let revoked = now(service.issuer.revoke(&service.accepts, revocation)).unwrap();
    let answer = deliver(&stand, &revoked.draft.finish());
    assert_eq!(answer["outcome"], "revoked", "{answer}");
    let removed = detail(&stand.sink.gets("grant.removed", |_| true));
    assert_eq!(
        (&removed["entry_id"], &removed["data"]["reason"]),
        (&"front".into(), &"revoked".into())
    );
}

#[test]
fn a_visit_is_told_from_the_grant_to_the_locked_door() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let request = service.request(service.grant().to_use().unwrap());
    assert_eq!(deliver(&stand, &request.draft.finish())["outcome"], "granted");
    stand.ends("confirmed");
    let under_way = stand.gateway.json(&["visits"]).unwrap();
    assert_eq!(under_way[0]["subject"], "courier-7f3a", "{under_way}");
    stand.leaf(false);
    let opened = detail(&stand.sink.gets("visit.opened", |_| true));
    assert_eq!(opened["data"]["visit_id"], under_way[0]["visit_id"]);
    stand.leaf(true);
    stand.lock.by_hand(false);
    let secured = detail(&stand.sink.gets("visit.secured", |_| true));
    assert_eq!(secured["data"]["visit_id"], opened["data"]["visit_id"]);
    // One act, one correlation, from the request to the end of the visit.
    let granted = detail(&stand.sink.gets("access.granted", |_| true));
    assert_eq!(secured["correlation_id"], granted["correlation_id"]);
    assert_eq!(stand.gateway.json(&["visits"]).unwrap(), json!([]));
    // The door that opened was explained, so nothing was forced.
    assert!(stand.sink.of_type("alarm.raised").is_empty());
}

#[test]
fn what_is_forged_late_or_for_somebody_else_opens_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let grant = service.grant();
    let to_use = || grant.to_use().unwrap();

    let request = service.request(to_use()).draft.finish();
    let mut forged: Value = serde_json::from_str(&request).unwrap();
    let signed = forged["data"]["signed"].as_str().unwrap().to_owned();
    let (head, signature) = signed.rsplit_once('.').unwrap();
    let other: String = signature.chars().rev().collect();
    forged["data"]["signed"] = format!("{head}.{other}").into();
    let answer = deliver(&stand, &forged.to_string());
    assert!(
        ["invalid_signature", "malformed_request"].contains(&answer["reason"].as_str().unwrap()),
        "{answer}"
    );

    let late = service.late(to_use(), SignedDuration::from_secs(40)).draft.finish();
    assert_eq!(deliver(&stand, &late)["reason"], "request_expired");

    // A key that is on no list.
    let (stranger, _) = LocalSigner::generate(KeyId::new("acme-delivery-test").unwrap()).unwrap();
    let stranger = Service::new(stranger, &stand);
    let answer = deliver(&stand, &stranger.request(to_use()).draft.finish());
    assert_eq!(answer["reason"], "invalid_signature", "{answer}");

    // By when the right one has opened, whatever was to come of the others has come.
    assert_eq!(deliver(&stand, &service.request(to_use()).draft.finish())["outcome"], "granted");
    stand.ends("confirmed");
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
    assert_eq!(stand.sink.of_type("access.granted").len(), 1);
}

#[test]
fn a_request_comes_with_its_grant_and_both_are_taken_in_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let (stand, service) = stand(folder.path());
    let request = service.request(service.grant().to_use().unwrap());
    assert_eq!(deliver(&stand, &request.draft.finish())["outcome"], "granted");
    stand.ends("confirmed");
    assert_eq!(stand.lock.acts(), ["UNLOCK"]);
}
