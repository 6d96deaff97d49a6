//! Ed25519 public keys and the names of keys.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{ED25519, UnparsedPublicKey};

/// The bytes of an Ed25519 public key (RFC 8032, section 5.1.5).
pub const PUBLIC_KEY_BYTES: usize = 32;
/// The bytes of an Ed25519 signature (RFC 8032, section 5.1.6).
pub const SIGNATURE_BYTES: usize = 64;
/// The longest [`KeyId`], in bytes.
pub const MAX_KEY_ID_BYTES: usize = 64;

/// What the header of a signature names its key by: 1 to 64 letters, digits, `.`, `_` and `-`,
/// the first a letter or a digit. The definition `KeyId` of `schemas/core/statements.json`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(Arc<str>);

impl KeyId {
    /// The key id `text`, if it has the form of one.
    pub fn new(text: &str) -> Result<Self, BadKey> {
        let letter = |b: u8| b.is_ascii_alphanumeric();
        let good = text.len() <= MAX_KEY_ID_BYTES
            && text.bytes().next().is_some_and(letter)
            && text.bytes().all(|b| letter(b) || matches!(b, b'.' | b'_' | b'-'));
        if good { Ok(Self(text.into())) } else { Err(BadKey::Id) }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An Ed25519 public key that means one person: no value of this type has small order.
///
/// Under a key of small order, a signature that anybody can write verifies for many messages
/// (RFC 8032, section 5.1.7, leaves it to the verifier; ring accepts such keys). Encodings that
/// are not canonical are refused too, so that one key has one text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    /// The key with this encoding.
    ///
    /// Whether the bytes are a point of the curve shows at the first signature: none verifies
    /// if they are not.
    pub fn from_bytes(bytes: [u8; PUBLIC_KEY_BYTES]) -> Result<Self, BadKey> {
        let mut y = bytes;
        if let Some(sign) = y.last_mut() {
            *sign &= 0x7f;
        }
        // Little-endian: the last byte counts most.
        if y.iter().rev().ge(FIELD.iter().rev()) {
            return Err(BadKey::NotCanonical);
        }
        if SMALL_ORDER.contains(&y) {
            return Err(BadKey::SmallOrder);
        }
        Ok(Self(bytes))
    }

    /// The key with this text: base64url without padding, as in a JWK's `x` (RFC 8037, section 2).
    pub fn from_base64url(text: &str) -> Result<Self, BadKey> {
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        match URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(PUBLIC_KEY_BYTES) => Self::from_bytes(bytes),
            _ => Err(BadKey::Length),
        }
    }

    /// The encoding.
    pub fn as_bytes(&self) -> &[u8; PUBLIC_KEY_BYTES] {
        &self.0
    }

    /// The text that [`PublicKey::from_base64url`] reads.
    pub fn to_base64url(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether this key's owner signed exactly this message (RFC 8032, section 5.1.7). The
    /// scalar of the signature must be reduced, so that nobody makes a second signature of one.
    pub fn verifies(&self, message: &[u8], signature: &[u8; SIGNATURE_BYTES]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.to_base64url())
    }
}

/// Not a key, or not the name of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not a [`KeyId`].
    #[error(
        "a key id has 1 to 64 letters, digits, '.', '_' and '-' and begins with a letter or digit"
    )]
    Id,
    /// Not 32 bytes.
    #[error("an Ed25519 public key has 32 bytes: 43 characters of base64url without padding")]
    Length,
    /// The coordinate is not below the field's prime.
    #[error("the public key is not written canonically")]
    NotCanonical,
    /// Signatures under it prove nothing.
    #[error("the public key has small order: anybody could sign for it")]
    SmallOrder,
}

/// 2^255 - 19, little-endian.
const FIELD: [u8; 32] = ending(0xed, 0xff, 0x7f);

/// The y coordinates of the eight points of small order: 0 (order 4), 1 (order 1), -1 (order 2)
/// and the two of order 8. Their signs do not matter.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    ending(1, 0, 0),
    ending(0xec, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

/// `first`, thirty times `middle`, `last`.
const fn ending(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let [a, b, c] = [first, middle, last];
    [a, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, b, c]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each listed point is one under which ring lets a signature pass that needs no key: R the
    /// neutral point, S zero. It holds wherever the order divides the hash, one message in eight.
    #[test]
    fn the_listed_points_are_those_under_which_anybody_signs() {
        let mut forged = [0_u8; SIGNATURE_BYTES];
        forged[0] = 1;
        for y in SMALL_ORDER {
            let passes = |message: u32| {
                let key = UnparsedPublicKey::new(&ED25519, y);
                key.verify(&message.to_le_bytes(), &forged).is_ok()
            };
            assert!((0..1000).any(passes), "{y:x?} is no such point");
            for sign in [0, 0x80] {
                let mut signed = y;
                signed[31] |= sign;
                assert_eq!(PublicKey::from_bytes(signed), Err(BadKey::SmallOrder));
            }
        }
    }

    #[test]
    fn one_key_has_one_encoding() {
        for above in 0..19 {
            let mut bytes = FIELD;
            bytes[0] += above;
            assert_eq!(PublicKey::from_bytes(bytes), Err(BadKey::NotCanonical));
            bytes[31] |= 0x80;
            assert_eq!(PublicKey::from_bytes(bytes), Err(BadKey::NotCanonical));
        }
        let mut below = FIELD;
        below[0] -= 2;
        let key = PublicKey::from_bytes(below).unwrap();
        assert_eq!(PublicKey::from_base64url(&key.to_base64url()), Ok(key));
        for text in ["", "AAAA", &"A".repeat(44), &"A".repeat(86), &format!("{}=", "A".repeat(43))]
        {
            assert_eq!(PublicKey::from_base64url(text), Err(BadKey::Length), "{text}");
        }
    }

    #[test]
    fn key_ids_are_bounded_words() {
        assert_eq!(KeyId::new("acme-2026.1_a").unwrap().to_string(), "acme-2026.1_a");
        assert!(KeyId::new(&"k".repeat(64)).is_ok());
        for bad in ["", "-a", ".a", "a b", "a/b", "ü", "a\n", &"k".repeat(65)] {
            assert_eq!(KeyId::new(bad), Err(BadKey::Id), "{bad:?}");
        }
    }
}
