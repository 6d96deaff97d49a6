//! The hashes. A first byte keeps them apart (RFC 6962, section 2.1): 0 a leaf, 1 an inner node,
//! 2 a root of the chain; so none passes for another.

use std::fmt;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// Bytes of a salt: as many as nobody tries out.
pub const SALT_BYTES: usize = 16;

/// What keeps a digest from saying what it is of.
pub type Salt = [u8; SALT_BYTES];

const LEAF: u8 = 0;
const INNER: u8 = 1;
const CHAIN: u8 = 2;

/// A SHA-256. As text 64 hexadecimal digits, lower case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Reads the text; `None` if it is not one.
    pub fn from_text(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        if text.len() != 64 || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        for (place, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| !pair.starts_with('+'))?;
            *place = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::from_text(&text).ok_or_else(|| serde::de::Error::custom("no SHA-256 as text"))
    }
}

fn hash(parts: &[&[u8]]) -> Hash {
    let mut context = Context::new(&SHA256);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; 32];
    bytes.copy_from_slice(context.finish().as_ref());
    Hash(bytes)
}

/// The digest of an event: of its place in its journal, its salt, and its bytes as they leave.
pub fn leaf(journal_id: Uuid, sequence: u64, salt: &Salt, detail: &[u8]) -> Hash {
    let inner = hash(&[detail]);
    hash(&[&[LEAF], journal_id.as_bytes(), &sequence.to_be_bytes(), salt, &inner.0])
}

/// The Merkle tree hash of leaves in their order (RFC 6962, section 2.1), whose leaves are hashed
/// already.
pub fn merkle(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => hash(&[]),
        [one] => *one,
        more => {
            // The largest power of two below their number.
            let middle = more.len().next_power_of_two() / 2;
            let (left, right) = more.split_at(middle);
            hash(&[&[INNER], &merkle(left).0, &merkle(right).0])
        }
    }
}

/// The root of a range: it covers the range before, so that ranges cannot change places, go
/// missing in the middle, or be of another journal.
pub fn chain(
    previous: Option<&Hash>,
    journal_id: Uuid,
    first: u64,
    last: u64,
    merkle: &Hash,
) -> Hash {
    // Without a previous root the text is shorter by its 32 bytes: it cannot be read as another.
    let previous: &[u8] = previous.map_or(&[], |root| &root.0);
    let (first, last) = (first.to_be_bytes(), last.to_be_bytes());
    hash(&[&[CHAIN], previous, journal_id.as_bytes(), &first, &last, &merkle.0])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// The tree of RFC 6962 over the eight inputs that its implementations test with: the hash of
    /// nothing and of one empty leaf are theirs.
    #[test]
    fn the_tree_is_that_of_the_rfc() {
        let leaf = |data: &[u8]| hash(&[&[LEAF], data]);
        let text = |leaves: &[Hash]| merkle(leaves).to_string();
        assert_eq!(text(&[]), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(
            text(&[leaf(b"")]),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        let inputs: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let leaves = inputs.map(leaf);
        assert_eq!(
            text(&leaves[..2]),
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
        );
        assert_eq!(
            text(&leaves[..3]),
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
        );
        assert_eq!(
            text(&leaves),
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
        );
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let some = hash(&[b"x"]);
        assert_eq!(Hash::from_text(&some.to_string()), Some(some));
        assert_eq!(Hash::from_text(&some.to_string().to_uppercase()), None);
        assert_eq!(Hash::from_text(&"+1".repeat(32)), None);
        assert_eq!(Hash::from_text("ä"), None);
        assert_eq!(Hash::from_text(&"é".repeat(32)), None);
    }
}
