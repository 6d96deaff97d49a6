//! A row of the hot table: what is in its `body`, and the proof that it is whole.
//!
//! ```text
//! format (1 byte) | CRC-32 of slot, format and content, little-endian (4) | content
//! content: vendor's length (1), vendor | detail's length (4), detail | aside
//! ```
//! Format 1 holds the content as it is, format 2 compressed. The body says everything about its
//! event: a row can be brought back from a torn file without any other table.

use super::aside::Aside;

/// Content as it is.
const PLAIN: u8 = 1;
/// Content as an LZ4 block behind its length, over [`DICTIONARY`].
const LZ4: u8 = 2;
/// Longest content: an event, and what stands aside of a commit.
pub(super) const MAX_CONTENT: usize = 8 << 20;
const HEADER: usize = 5;

/// Text that most events share. It belongs to format 2 and never changes; another text would be
/// another format.
const DICTIONARY: &[u8] = include_bytes!("dictionary-2.txt");

/// Why a body is not what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("its checksum is wrong")]
    Checksum,
    #[error("its format {0} is unknown")]
    Format(u8),
    #[error("its content is not readable")]
    Content,
}

/// What a row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub vendor: Option<String>,
    pub detail: String,
    /// What else its commit changed; mostly on the commit's last row.
    pub aside: Aside,
}

/// The body of a row.
pub(super) fn encode(slot: u64, vendor: Option<&str>, detail: &str, aside: &Aside) -> Vec<u8> {
    let mut content = Vec::with_capacity(detail.len() + 64);
    // A vendor's name is a file name of at most 64 bytes (config::names).
    let vendor = vendor.unwrap_or_default();
    content.push(u8::try_from(vendor.len()).unwrap_or(u8::MAX));
    content.extend(vendor.bytes().take(usize::from(u8::MAX)));
    content.extend(u32::try_from(detail.len()).unwrap_or(u32::MAX).to_le_bytes());
    content.extend(detail.bytes());
    aside.write(&mut content);
    let mut body = vec![LZ4, 0, 0, 0, 0];
    body.extend(lz4_flex::block::compress_prepend_size_with_dict(&content, DICTIONARY));
    if body.len() >= HEADER + content.len() {
        body.clear();
        body.extend([PLAIN, 0, 0, 0, 0]);
        body.extend(content);
    }
    let sum = checksum(slot, &body);
    if let Some(place) = body.get_mut(1..HEADER) {
        place.copy_from_slice(&sum.to_le_bytes());
    }
    body
}

/// Whether a body is as it was written into `slot`.
pub(super) fn check(slot: u64, body: &[u8]) -> Result<(), Damage> {
    let stored: [u8; 4] =
        body.get(1..HEADER).and_then(|bytes| bytes.try_into().ok()).ok_or(Damage::Content)?;
    if checksum(slot, body) == u32::from_le_bytes(stored) { Ok(()) } else { Err(Damage::Checksum) }
}

/// Reads a body.
pub(super) fn decode(slot: u64, body: &[u8]) -> Result<Content, Damage> {
    check(slot, body)?;
    let (format, rest) = body.split_first().ok_or(Damage::Content)?;
    let rest = rest.get(HEADER - 1..).ok_or(Damage::Content)?;
    match *format {
        PLAIN => read(rest),
        LZ4 => {
            let length: [u8; 4] =
                rest.get(..4).and_then(|bytes| bytes.try_into().ok()).ok_or(Damage::Content)?;
            if u32::from_le_bytes(length) as usize > MAX_CONTENT {
                return Err(Damage::Content);
            }
            let content = lz4_flex::block::decompress_size_prepended_with_dict(rest, DICTIONARY)
                .map_err(|_| Damage::Content)?;
            read(&content)
        }
        other => Err(Damage::Format(other)),
    }
}

fn checksum(slot: u64, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&slot.to_le_bytes());
    hasher.update(body.get(..1).unwrap_or_default());
    hasher.update(body.get(HEADER..).unwrap_or_default());
    hasher.finalize()
}

fn read(content: &[u8]) -> Result<Content, Damage> {
    let mut rest = content;
    let vendor = {
        let [length] = take(&mut rest)?;
        text(&mut rest, usize::from(length))?
    };
    let length = u32::from_le_bytes(take(&mut rest)?);
    let detail = text(&mut rest, length as usize)?;
    let aside = Aside::read(rest).ok_or(Damage::Content)?;
    Ok(Content { vendor: (!vendor.is_empty()).then_some(vendor), detail, aside })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Damage> {
    let (bytes, after) = rest.split_first_chunk::<N>().ok_or(Damage::Content)?;
    *rest = after;
    Ok(*bytes)
}

fn text(rest: &mut &[u8], length: usize) -> Result<String, Damage> {
    let (bytes, after) = rest.split_at_checked(length).ok_or(Damage::Content)?;
    *rest = after;
    String::from_utf8(bytes.to_vec()).map_err(|_| Damage::Content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_was_written_is_read(
            slot in any::<u64>(),
            vendor in proptest::option::of("[a-z]{1,20}"),
            detail in "\\PC{0,300}",
            digests in proptest::collection::vec(any::<[u8; 16]>(), 0..5),
            facts in proptest::collection::btree_map("[a-z/]{1,20}", proptest::collection::vec(any::<u8>(), 0..80), 0..4),
            finished in proptest::collection::vec(any::<u64>(), 0..5),
            salt in proptest::option::of(any::<[u8; 16]>()),
        ) {
            let aside = Aside {
                facts: facts.into_iter().collect(),
                seen_from: slot,
                seen: digests.into_iter().map(crate::link::Digest).collect(),
                finished,
                told: vec![7],
                salt,
            };
            let body = encode(slot, vendor.as_deref(), &detail, &aside);
            prop_assert_eq!(decode(slot, &body), Ok(Content { vendor, detail, aside }));
            prop_assert_eq!(decode(slot.wrapping_add(1), &body), Err(Damage::Checksum));
        }

        #[test]
        fn every_flipped_bit_is_found(detail in "\\PC{0,120}", bit in any::<proptest::sample::Index>()) {
            let body = encode(9, Some("acme"), &detail, &Aside::default());
            let mut torn = body.clone();
            let bit = bit.index(body.len() * 8);
            torn[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(decode(9, &torn).is_err());
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(1, &bytes);
            let _ = read(&bytes);
        }
    }
}
