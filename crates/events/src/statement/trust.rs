//! The keys that a gateway believes, and how far.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::key::{BadKey, KeyId, PublicKey};
use super::scope::IssuerScope;
use crate::types::{IssuerKey, SignatureAlgorithm};

/// The keys that a gateway believes. Only an issuer list that the root key signed makes one:
/// see [`super::IssuerList::open`]. The default believes nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedIssuers(BTreeMap<KeyId, TrustedKey>);

impl TrustedIssuers {
    /// The key of this id.
    pub fn key(&self, kid: &KeyId) -> Option<&TrustedKey> {
        self.0.get(kid)
    }

    /// All of them, by id.
    pub fn keys(&self) -> impl Iterator<Item = (&KeyId, &TrustedKey)> {
        self.0.iter()
    }

    /// The keys of a list, none beyond `end`. Refused: an id or a key that stands twice, and the
    /// root key, which signs nothing but lists.
    pub(super) fn of(
        keys: &[IssuerKey],
        root: &PublicKey,
        end: Timestamp,
    ) -> Result<Self, ListFault> {
        let mut trusted = BTreeMap::new();
        let mut seen = std::collections::BTreeSet::from([*root]);
        for key in keys {
            let kid = KeyId::new(&key.kid)?;
            let key = TrustedKey::of(key, end)?;
            if !seen.insert(key.public_key) || trusted.insert(kid, key).is_some() {
                return Err(ListFault::Twice);
            }
        }
        Ok(Self(trusted))
    }
}

/// A key that is believed within its scope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedKey {
    public_key: PublicKey,
    issuer: String,
    may: Vec<String>,
    tenants: Vec<String>,
    sites: Vec<String>,
    longest_validity: SignedDuration,
    not_after: Timestamp,
}

impl TrustedKey {
    fn of(key: &IssuerKey, end: Timestamp) -> Result<Self, ListFault> {
        // The one algorithm that there is: another word would not have got here.
        let SignatureAlgorithm::EdDSA = key.alg;
        let not_after: Timestamp = key.not_after.parse().map_err(|_| ListFault::Instant)?;
        Ok(Self {
            public_key: PublicKey::from_base64url(&key.public_key)?,
            issuer: key.issuer.clone(),
            may: key.may.clone(),
            tenants: key.tenants.clone(),
            sites: key.sites.clone(),
            longest_validity: SignedDuration::from_secs(key.longest_validity_s),
            not_after: not_after.min(end),
        })
    }

    /// The key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// The publisher whose key it is.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The end of its time, or of its list's if that is earlier: nothing is believed after it.
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The longest grant that it may issue.
    pub fn longest_validity(&self) -> SignedDuration {
        self.longest_validity
    }

    /// Whether it may sign this.
    pub fn may(&self, scope: IssuerScope) -> bool {
        self.may.iter().any(|word| word == scope.as_str())
    }

    /// Whether it may speak of this place. Where it is bound to sites, a statement without one
    /// is not covered.
    pub fn speaks_of(&self, tenant_id: &str, site_id: Option<&str>) -> bool {
        self.tenants.iter().any(|known| known == tenant_id) && self.covers(site_id)
    }

    /// Whether it is bound to no sites, or to this one among them.
    pub(super) fn covers(&self, site_id: Option<&str>) -> bool {
        let site = |site: &str| self.sites.iter().any(|known| known == site);
        self.sites.is_empty() || site_id.is_some_and(site)
    }
}

/// What is wrong in a list of keys beyond what its schema says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ListFault {
    /// A key that is none.
    #[error(transparent)]
    Key(#[from] BadKey),
    /// An id or a key twice, or the root key among the others.
    #[error("an id or a key stands twice, or the root key is listed")]
    Twice,
    /// A time that does not exist.
    #[error("an instant does not exist")]
    Instant,
}
