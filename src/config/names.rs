//! What may stand for a name, as the event schemas have it: what passes here fits into an event.

use std::path::Path;

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

/// Where a system keeps its time zones.
const ZONES: &str = "/usr/share/zoneinfo";

/// The form is checked always, the name against the machine's own database where it has one. No
/// database is compiled in: nothing here reckons in local time, the name is only told to those
/// who do, and a database of the build's age would refuse a zone that is newer. For the same
/// reason a name that the machine does not know is no error.
pub fn zone(name: &str) -> Zone {
    let usable = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-');
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(usable);
    if name.len() > 64 || !name.split('/').all(is_part) {
        return Zone::Malformed;
    }
    let database = Path::new(ZONES);
    if database.join("UTC").is_file() && !database.join(name).is_file() {
        return Zone::Unheard;
    }
    Zone::Usable
}
