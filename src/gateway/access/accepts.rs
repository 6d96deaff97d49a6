//! Which statements this gateway reads, and in which versions.

use anyhow::Context;
use doorward_events::statement::Accepts;
use doorward_events::types::{
    AcceptedType, EntryLockRequested, EntryOpenRequested, EntryUnlockRequested, EventData,
    GatewayStarted, GrantIssued, GrantRevoked, IssuerKeysPublished, TimeAttested,
    VendorIsolationOrdered,
};
use doorward_events::{Envelope, GatewayOrigin};
use jiff::Timestamp;
use uuid::Uuid;

use crate::gateway::state::Identity;

/// What `gateway.started` lists, so that an issuer never signs what would be misread.
pub fn accepted() -> Vec<AcceptedType> {
    fn one<D: EventData>() -> AcceptedType {
        AcceptedType {
            type_: D::TYPE.as_str().to_owned(),
            versions: vec![D::SCHEMA_VERSION.to_owned()],
        }
    }
    vec![
        one::<GrantIssued>(),
        one::<GrantRevoked>(),
        one::<EntryUnlockRequested>(),
        one::<EntryOpenRequested>(),
        one::<EntryLockRequested>(),
        one::<TimeAttested>(),
        one::<VendorIsolationOrdered>(),
        one::<IssuerKeysPublished>(),
    ]
}

/// What this gateway would say of itself to an issuer: for the one that it has itself.
///
/// # Errors
/// Its names are not what the schemas take.
pub fn own(identity: &Identity, journal_id: Uuid, now: Timestamp) -> anyhow::Result<Accepts> {
    let mut envelope =
        Envelope::new(journal_id, now, identity.publisher.clone(), identity.tenant.clone());
    envelope.site_id.clone_from(&identity.site);
    let started = envelope.seal(&GatewayStarted {
        accepts: accepted(),
        audit_key: None,
        bus_kind: "standalone".into(),
        challenge: None,
        issuers_version: None,
        events_waiting: 0,
        platform: "own".to_owned(),
        previous_stop: "clean".into(),
        vendors: Vec::new(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    })?;
    let origin =
        GatewayOrigin { recorded_at: now, journal_id, sequence: 1, type_sequence: 1, clock: None };
    let text = started.stamp(&origin);
    let received = doorward_events::read::<GatewayStarted>(text.as_bytes())?;
    Accepts::from_started(&received).context("the gateway is no registered publisher")
}
