//! What a commit changes beside its events: it rides in the row of the last one, so that a
//! commit of one event writes one page. It is folded into its own tables now and then, and read
//! back from the rows since then when the file is opened.

use crate::domain::audit::{SALT_BYTES, Salt};
use crate::link::Digest;

/// Facts, digests and marks of one commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Aside {
    pub facts: Vec<(String, Vec<u8>)>,
    /// The running number of the first digest.
    pub seen_from: u64,
    pub seen: Vec<Digest>,
    /// Slots of events that have their final answer.
    pub finished: Vec<u64>,
    /// Gaps that were told of, by their ids.
    pub told: Vec<u64>,
    /// The salt of this row's own event's digest, if it has one: on every such row, not only on a
    /// commit's last. The digest itself follows from the row.
    pub salt: Option<Salt>,
}

impl Aside {
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty()
            && self.seen.is_empty()
            && self.finished.is_empty()
            && self.told.is_empty()
            && self.salt.is_none()
    }

    /// Appends the binary form; nothing at all if it is empty.
    pub fn write(&self, out: &mut Vec<u8>) {
        if self.is_empty() {
            return;
        }
        number(out, self.facts.len() as u64);
        for (name, value) in &self.facts {
            bytes(out, name.as_bytes());
            bytes(out, value);
        }
        number(out, self.seen_from);
        number(out, self.seen.len() as u64);
        for digest in &self.seen {
            out.extend(digest.0);
        }
        for list in [&self.finished, &self.told] {
            number(out, list.len() as u64);
            for value in list {
                number(out, *value);
            }
        }
        out.extend(self.salt.iter().flatten());
    }

    /// Reads the binary form; `None` if it is not one.
    pub fn read(mut rest: &[u8]) -> Option<Self> {
        let mut aside = Self::default();
        if rest.is_empty() {
            return Some(aside);
        }
        let rest = &mut rest;
        for _ in 0..read_number(rest)? {
            let name = String::from_utf8(read_bytes(rest)?.to_vec()).ok()?;
            aside.facts.push((name, read_bytes(rest)?.to_vec()));
        }
        aside.seen_from = read_number(rest)?;
        for _ in 0..read_number(rest)? {
            let (digest, after) = rest.split_first_chunk::<16>()?;
            *rest = after;
            aside.seen.push(Digest(*digest));
        }
        for list in [&mut aside.finished, &mut aside.told] {
            for _ in 0..read_number(rest)? {
                list.push(read_number(rest)?);
            }
        }
        if let Some((salt, after)) = rest.split_first_chunk::<SALT_BYTES>() {
            *rest = after;
            aside.salt = Some(*salt);
        }
        rest.is_empty().then_some(aside)
    }
}

/// LEB128: seven bits a byte, the lowest first.
fn number(out: &mut Vec<u8>, mut value: u64) {
    loop {
        let low = u8::try_from(value & 0x7f).unwrap_or_default();
        value >>= 7;
        if value == 0 {
            return out.push(low);
        }
        out.push(low | 0x80);
    }
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        let low = u64::from(byte & 0x7f);
        value |= low.checked_shl(shift).filter(|shifted| shifted >> shift == low)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) {
    number(out, value.len() as u64);
    out.extend(value);
}

fn read_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(read_number(rest)?).ok()?;
    let (value, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(value)
}
