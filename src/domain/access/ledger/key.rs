//! Under what name each record of the ledger is stored.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::super::grant::GrantKey;
use super::super::names::IssuerName;

/// A request by who sent it and his id of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RequestKey {
    /// Who signed it.
    pub issuer: IssuerName,
    /// His id of it.
    pub request_id: Uuid,
}

/// The name of a record, as text `grant/<grant_id>/<issuer>`, `revoked/<grant_id>/<issuer>`,
/// `request/<request_id>/<issuer>` or `refused/<issuer>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A grant.
    Grant(GrantKey),
    /// A revocation of a grant that never came.
    Revoked(GrantKey),
    /// A request.
    Request(RequestKey),
    /// An issuer whose new grants are refused; every issuer is `*`.
    Refused(IssuerName),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Grant(key) => write!(f, "grant/{}/{}", key.grant_id, key.issuer),
            Self::Revoked(key) => write!(f, "revoked/{}/{}", key.grant_id, key.issuer),
            Self::Request(key) => write!(f, "request/{}/{}", key.request_id, key.issuer),
            Self::Refused(issuer) => write!(f, "refused/{issuer}"),
        }
    }
}

/// Not the name of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no record of the ledger has such a name")]
pub struct BadKey;

impl FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let (kind, rest) = text.split_once('/').ok_or(BadKey)?;
        if kind == "refused" && !rest.is_empty() && !rest.contains('/') {
            return Ok(Self::Refused(IssuerName::new(rest)));
        }
        let (id, issuer) = rest.split_once('/').ok_or(BadKey)?;
        if issuer.is_empty() || issuer.contains('/') {
            return Err(BadKey);
        }
        let issuer = IssuerName::new(issuer);
        let id: Uuid = id.parse().map_err(|_| BadKey)?;
        match kind {
            "grant" => Ok(Self::Grant(GrantKey { grant_id: id, issuer })),
            "revoked" => Ok(Self::Revoked(GrantKey { grant_id: id, issuer })),
            "request" => Ok(Self::Request(RequestKey { issuer, request_id: id })),
            _ => Err(BadKey),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_back() {
        let grant = GrantKey { grant_id: Uuid::from_u128(7), issuer: IssuerName::new("acme.a") };
        let issuer = IssuerName::new("acme.b");
        for key in [
            Key::Grant(grant.clone()),
            Key::Revoked(grant),
            Key::Request(RequestKey { issuer: issuer.clone(), request_id: Uuid::from_u128(8) }),
            Key::Refused(issuer),
            Key::Refused(IssuerName::new("*")),
        ] {
            assert_eq!(key.to_string().parse(), Ok(key));
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let id = Uuid::from_u128(7);
        for text in ["", "grant", "grant/1/a", "refused/", "refused/a/b", "door/front"] {
            assert_eq!(text.parse::<Key>(), Err(BadKey), "{text}");
        }
        assert_eq!(format!("grant/{id}/a/b").parse::<Key>(), Err(BadKey));
        assert_eq!(format!("grant/{id}").parse::<Key>(), Err(BadKey));
    }
}
