//! Who may ask: an issuer whose key is believed, and what he signs.

use std::cell::Cell;
use std::time::Duration;

use doorward::gateway::Identity;
use doorward::gateway::access::{Belief, own};
use doorward_events::statement::{
    Address, Grant, Interval, Issuer, IssuerList, KeyId, LocalSigner, Request, Revocation, Signer,
    Verifier,
};
use doorward_events::types::{AccessAction, EntryUnlockRequested};
use doorward_events::{Draft, PublisherId};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

/// A request with its grant in it, as it is delivered.
#[derive(Debug, Clone)]
pub struct Asked {
    pub request: Uuid,
    pub grant: Uuid,
    pub not_after: Timestamp,
    pub text: String,
}

/// A grant that can be asked by, again and again.
#[derive(Debug, Clone)]
pub struct Granted {
    pub grant: Grant,
    pub journal: Uuid,
}

pub struct Town {
    issuer: Issuer,
    verifier: Verifier,
    pub identity: Identity,
    /// Ids that were given out: the same in each run.
    ids: Cell<u128>,
}

/// A future of a local key is done at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    futures_util::FutureExt::now_or_never(future).expect("done at once")
}

impl Town {
    pub fn new(at: Timestamp) -> Self {
        let key = |kid: &str, seed| {
            LocalSigner::from_seed(KeyId::new(kid).unwrap(), &[seed; 32]).unwrap()
        };
        let (root, signer) = (key("root", 1), key("acme-1", 2));
        let end = at + SignedDuration::from_hours(24 * 300);
        let list = serde_json::from_value(json!({
            "version": 1, "expires": end,
            "keys": [{
                "kid": "acme-1", "alg": "EdDSA",
                "public_key": signer.public_key().to_base64url(),
                "issuer": "acme.delivery", "may": ["grant", "request"], "tenants": ["acme"],
                "longest_validity_s": 86_400, "not_after": end,
            }],
        }));
        let list = now(IssuerList::sign(&root, &list.unwrap())).unwrap();
        let exactly = Interval::exactly(at);
        let list = IssuerList::open(&list, &root.public_key(), 1, exactly).unwrap();
        let publisher = PublisherId::new("doorward.gateway", "gw-1");
        Self {
            issuer: Issuer::new(signer, PublisherId::new("acme.delivery", "1")).unwrap(),
            verifier: Verifier::new(list.trusted().clone()),
            identity: Identity { publisher, tenant: "acme".into(), site: None, test: false },
            ids: Cell::new(0),
        }
    }

    fn id(&self) -> Uuid {
        self.ids.set(self.ids.get() + 1);
        Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0000 + self.ids.get())
    }

    /// The event's text, under an id of ours.
    fn text(&self, draft: &Draft) -> String {
        let mut event: Value = serde_json::from_str(&draft.finish()).unwrap();
        event["id"] = self.id().to_string().into();
        event.to_string()
    }

    /// The gateway believes the issuer, and its machine's clock.
    pub fn belief(&self) -> Belief {
        Belief {
            issuers: Some(self.verifier.clone()),
            system_clock: Some(Duration::from_millis(100)),
            ..Belief::in_nobody(&self.identity)
        }
    }

    fn address() -> Address {
        Address::new("acme", "gw-1", "front")
    }

    /// A grant of so many uses to a new person.
    pub fn grant(&self, journal: Uuid, at: Timestamp, uses: u32) -> Granted {
        let start = at - SignedDuration::from_secs(60);
        let end = start + SignedDuration::from_hours(8);
        let grant_id = self.id();
        let subject = format!("courier-{}", grant_id.simple());
        let once = Grant::once(Self::address(), subject, AccessAction::Unlock, start, end);
        Granted { grant: Grant { grant_id, max_uses: uses, issued_at: at, ..once }, journal }
    }

    /// Asks by the right of this grant, and brings it.
    pub fn asks(&self, of: &Granted, at: Timestamp) -> Asked {
        let accepts = own(&self.identity, of.journal, at).unwrap();
        let grant = now(self.issuer.grant(&accepts, of.grant.clone())).unwrap();
        let subject = of.grant.subject_ref.as_str();
        let request = Request::now(Self::address(), subject).using(grant.to_use().unwrap());
        let request = Request { request_id: self.id(), issued_at: at, ..request };
        let (request_id, lifetime) = (request.request_id, request.lifetime);
        let issued = now(self.issuer.request::<EntryUnlockRequested>(&accepts, request)).unwrap();
        Asked {
            request: request_id,
            grant: of.grant.grant_id,
            not_after: at + lifetime,
            text: self.text(&issued.draft),
        }
    }

    /// Takes the grant back.
    pub fn revokes(&self, of: &Granted, at: Timestamp) -> String {
        let accepts = own(&self.identity, of.journal, at).unwrap();
        let (id, end) = (of.grant.grant_id, of.grant.expires_at);
        let revocation = Revocation { issued_at: at, ..Revocation::now(Self::address(), id, end) };
        self.text(&now(self.issuer.revoke(&accepts, revocation)).unwrap().draft)
    }
}
