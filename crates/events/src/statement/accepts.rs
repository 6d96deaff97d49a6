//! What a gateway said that it reads. An issuer never sends what would be misread.

use uuid::Uuid;

use super::verify::knows;
use crate::origin::GatewayOrigin;
use crate::publishers::RegisteredPublisher;
use crate::read::Received;
use crate::types::{Authority, GatewayStarted};

/// What a gateway said of itself when it started: its tenant, the journal that grants are issued
/// against, and the types and versions that it reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepts {
    gateway: String,
    tenant_id: String,
    origin: GatewayOrigin,
    types: Vec<(String, Vec<String>)>,
}

impl Accepts {
    /// From a received `gateway.started`. A subscriber must have compared its publisher with the
    /// bus's `Source`, as with every event.
    ///
    /// `None`: not from a gateway, or without an origin.
    pub fn from_started(started: &Received<GatewayStarted>) -> Option<Self> {
        let publisher = &started.envelope.publisher;
        if !RegisteredPublisher::find(&publisher.name).is_some_and(|known| known.is_gateway) {
            return None;
        }
        let origin = started.origin?;
        let types = started.data.accepts.iter().map(|t| (t.type_.clone(), t.versions.clone()));
        Some(Self {
            gateway: publisher.instance.to_string(),
            tenant_id: started.envelope.tenant_id.to_string(),
            origin,
            types: types.collect(),
        })
    }

    /// The gateway that said it.
    pub fn gateway(&self) -> &str {
        &self.gateway
    }

    /// Whose gateway it is, as its envelope says.
    pub fn tenant_id(&self) -> &str {
        &self.tenant_id
    }

    /// The journal that it has since then. A grant issued against another one is lost.
    pub fn journal_id(&self) -> Uuid {
        self.origin.journal_id
    }

    /// Whether this replaces `other`: the same gateway said it later
    /// ([`GatewayOrigin::is_later_than`]).
    pub fn is_newer_than(&self, other: &Self) -> bool {
        self.gateway == other.gateway && self.origin.is_later_than(&other.origin)
    }

    /// Whether the gateway reads this type in the version that this build writes: in that one,
    /// or in another release of the same major version, which means the same.
    pub fn accepts<D: Authority>(&self) -> bool {
        let mut types = self.types.iter().filter(|(name, _)| name == D::TYPE.as_str());
        types.any(|(_, versions)| versions.iter().any(|theirs| knows(theirs, D::SCHEMA_VERSION)))
    }
}
