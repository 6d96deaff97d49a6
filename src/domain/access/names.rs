//! Who issues, whose building, who asks: names that must not be mixed up, and the digest of what
//! was said.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::ids::id;

id! {
    /// A publisher whose key is trusted, as `acme.delivery`: at most 64 characters, no slash.
    IssuerName
}
id! {
    /// Whose building: at most 64 characters.
    TenantId
}
id! {
    /// A pseudonym of a person, drawn per tenant: at most 64 characters. Personal data with door
    /// and time beside it.
    SubjectRef
}

/// SHA-256 of a statement's payload, without header and signature: whether two bodies are the
/// same, whichever key signed them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BodyDigest(pub [u8; 32]);

impl fmt::Display for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for BodyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BodyDigest({self})")
    }
}

impl Serialize for BodyDigest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for BodyDigest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        from_hex(&text).map(Self).ok_or_else(|| serde::de::Error::custom("no digest"))
    }
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; 32];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_digest_is_read_back_and_nothing_else_is_one() {
        let digest = BodyDigest(std::array::from_fn(|at| u8::try_from(at * 7).unwrap()));
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<BodyDigest>(&text).unwrap(), digest);
        for bad in ["\"\"", "\"+1\"", "1", &format!("\"{}\"", "é".repeat(32))] {
            assert!(serde_json::from_str::<BodyDigest>(bad).is_err(), "{bad}");
        }
    }
}
