//! Signed statements: what an issuer says so that a gateway believes it.
//!
//! An event to a gateway carries authority: it opens doors. So its `data.signed` is one compact
//! JWS (RFC 7515) with Ed25519 (RFC 8037) over the whole statement, and everything else in the
//! event is a copy for routing; a copy that differs denies. A service issues with an [`Issuer`];
//! a gateway believes with a [`Verifier`], whose keys come from an [`IssuerList`] that an offline
//! root key signed.
//!
//! ```
//! use doorward_events::statement::{
//!     Accepts, Address, Audience, Grant, Interval, IssuerList, Issuer, KeyId, LocalSigner, Signer,
//!     Verifier,
//! };
//! use doorward_events::types::{AccessAction, GatewayStarted, GrantIssued};
//! use doorward_events::{PublisherId, read};
//! use jiff::{SignedDuration, Timestamp};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // At set-up: a root key, and the list of whom it lets gateways believe.
//! let (root, _keep_offline) = LocalSigner::generate(KeyId::new("root-2026")?)?;
//! let (signer, _keep_secret) = LocalSigner::generate(KeyId::new("acme-delivery-2026")?)?;
//! let now = Timestamp::now();
//! let next_year = now + SignedDuration::from_hours(365 * 24);
//! let list = serde_json::from_value(serde_json::json!({
//!     "version": 1,
//!     "expires": next_year,
//!     "keys": [{
//!         "kid": "acme-delivery-2026",
//!         "alg": "EdDSA",
//!         "public_key": signer.public_key().to_base64url(),
//!         "issuer": "acme.delivery",
//!         "may": ["grant", "request"],
//!         "tenants": ["acme"],
//!         "longest_validity_s": 86_400,
//!         "not_after": next_year,
//!     }],
//! }))?;
//! let list = IssuerList::sign(&root, &list).await?;
//!
//! // In the service: the gateway said what it reads; one delivery is granted.
//! # let started = doorward_events::Envelope::now(PublisherId::new("doorward.gateway", "gw-1"), "acme")
//! #     .seal(&serde_json::from_value::<GatewayStarted>(serde_json::json!({
//! #         "version": "0.1.0", "platform": "linux", "previous_stop": "clean", "events_waiting": 0,
//! #         "bus_kind": "eventbridge", "vendors": [],
//! #         "accepts": [{ "type": "grant.issued", "versions": ["1.0"] }],
//! #     }))?)?
//! #     .stamp(&doorward_events::GatewayOrigin {
//! #         recorded_at: now, journal_id: uuid::Uuid::from_u128(7), sequence: 1, type_sequence: 1, clock: None,
//! #     });
//! let accepts = Accepts::from_started(&read::<GatewayStarted>(started.as_bytes())?)
//!     .ok_or("not from a gateway")?;
//! let issuer = Issuer::new(signer, PublisherId::new("acme.delivery", "eu-1"))?;
//! let grant = Grant::once(
//!     Address::new("acme", "gw-1", "front-door"),
//!     "courier-7f3a",
//!     AccessAction::Unlock,
//!     now,
//!     now + SignedDuration::from_hours(2),
//! );
//! let issued = issuer.grant(&accepts, grant).await?;
//! let event = issued.draft.finish(); // …and out, through a publisher.
//!
//! // In the gateway.
//! let clock = Interval::exactly(Timestamp::now());
//! let list = IssuerList::open(&list, &root.public_key(), 1, clock)?;
//! let verifier = Verifier::new(list.trusted().clone());
//! let audience = Audience {
//!     gateway: "gw-1".to_owned(),
//!     tenant_id: "acme".to_owned(),
//!     site_id: None,
//!     journal_id: Some(accepts.journal_id()),
//! };
//! let received = read::<GrantIssued>(event.as_bytes())?;
//! let verified = verifier.verify(&received, &audience, clock)?;
//! assert_eq!(verified.statement().subject_ref, "courier-7f3a");
//! # Ok(())
//! # }
//! ```

mod accepts;
mod ask;
mod checkpoint;
mod issuer;
mod issuers;
mod json;
pub mod jws;
mod key;
#[cfg(feature = "kms")]
pub mod kms;
mod local;
mod scope;
mod signable;
mod signer;
mod trust;
mod verify;

pub use accepts::Accepts;
pub use ask::{Address, Grant, GrantUse, REQUEST_LIFETIME, Request, Revocation, VendorOrder};
pub use checkpoint::{CheckpointFault, open_checkpoint, sign_checkpoint};
pub use issuer::{IssueError, Issued, Issuer};
pub use issuers::{IssuerList, IssuerListError, MAX_ISSUER_KEYS};
pub use key::{BadKey, KeyId, MAX_KEY_ID_BYTES, PUBLIC_KEY_BYTES, PublicKey, SIGNATURE_BYTES};
pub use local::{KeyError, LocalSigner, SecretKey};
pub use scope::IssuerScope;
pub use signable::{Common, Lifetime, MAX_REQUEST_LIFETIME, MAX_VALIDITY, Signable};
pub use signer::{SignError, SignFuture, Signer};
pub use trust::{ListFault, TrustedIssuers, TrustedKey};
pub use verify::{Audience, Denial, Interval, Verified, Verifier};
