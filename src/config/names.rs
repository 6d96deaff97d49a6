//! What may stand for a name, as the event schemas have it: what passes here fits into an event.

use jiff::tz::TimeZone;

/// `LogicalId` of the schemas, in words.
pub const ID_RULE: &str =
    "use 1 to 64 letters, digits, '-', '_' and '.', beginning with a letter or digit";

/// An id that people give: tenant, site, entry, interlock group.
pub fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
}

/// A vendor's name: the part before the colon of its endpoints.
pub fn is_vendor(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'))
        && !text.starts_with(['-', '_'])
}

/// A device's own identity, behind the colon: printable, without spaces, and short enough.
pub fn is_identity(text: &str) -> bool {
    (1..=127).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// What a time zone's name turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zone {
    Usable,
    /// Of the right form, but not in this machine's database.
    Unheard,
    Malformed,
}

/// The form is checked, and the name looked up in the system's database, or in the one that came
/// along where the system has none. A name in neither is no error: it may be newer than both, and
/// all that lacks it is grants with a schedule, which are denied.
pub fn zone(name: &str) -> Zone {
    let usable = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-');
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(usable);
    if name.len() > 64 || !name.split('/').all(is_part) {
        return Zone::Malformed;
    }
    if TimeZone::get(name).is_ok() { Zone::Usable } else { Zone::Unheard }
}
