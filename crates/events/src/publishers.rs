//! Who may publish what: `schemas/publishers.json`, compiled in.

use crate::types::EventType;

/// A publisher that the platform knows.
#[derive(Debug, PartialEq, Eq)]
pub struct RegisteredPublisher {
    /// Dotted lower case. On the bus, `Source` begins with it and a `/`.
    pub name: &'static str,
    /// The team that answers for it.
    pub owner: &'static str,
    /// What it publishes, in one sentence.
    pub summary: &'static str,
    /// The AWS accounts that it publishes from: 12 digits each. None: the platform's own.
    pub accounts: &'static [&'static str],
    /// Whether its instances are gateways, whose events carry an origin.
    pub is_gateway: bool,
    /// The types that it may publish, those of every publisher included.
    pub publishes: &'static [EventType],
    /// The keys with which it signs statements. What a gateway trusts is not this list but the
    /// one that its root key signed.
    pub issuer_keys: &'static [RegisteredKey],
}

/// A key of an issuer.
#[derive(Debug, PartialEq, Eq)]
pub struct RegisteredKey {
    /// The key's id in the header of what it signs.
    pub kid: &'static str,
    /// The Ed25519 public key: 32 bytes in base64url without padding.
    pub public_key: &'static str,
    /// What it may sign: `grant`, `request`, `time`, `vendor`.
    pub may: &'static [&'static str],
    /// RFC 3339: nothing that it signs is believed after this.
    pub not_after: &'static str,
}

const REGISTERED: &[RegisteredPublisher] = include!(concat!(env!("OUT_DIR"), "/publishers.rs"));

impl RegisteredPublisher {
    /// All of them.
    pub const fn all() -> &'static [Self] {
        REGISTERED
    }

    /// The publisher of this name.
    pub fn find(name: &str) -> Option<&'static Self> {
        REGISTERED.iter().find(|publisher| publisher.name == name)
    }

    /// Whether it may publish this type.
    pub fn may_publish(&self, event_type: EventType) -> bool {
        self.publishes.contains(&event_type)
    }
}
