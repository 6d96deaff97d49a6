//! The number of a released version: `MAJOR.MINOR`.

use std::fmt;
use std::str::FromStr;

/// `1.0`, then `1.1`. Ordered by number, so that 1.10 comes after 1.9.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u16,
    pub minor: u16,
}

impl Version {
    /// What a draft says of itself.
    pub const DRAFT: Self = Self { major: 0, minor: 1 };
    /// The first release of a type.
    pub const FIRST: Self = Self { major: 1, minor: 0 };

    /// The release after this one. Versions of a type are compatible, so only the minor grows.
    #[must_use]
    pub fn next(self) -> Self {
        Self { minor: self.minor.saturating_add(1), ..self }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = String;

    /// Without leading zeros, so that each version has one name.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no version like 1.0");
        let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
        let version = Self {
            major: major.parse().map_err(|_| wrong())?,
            minor: minor.parse().map_err(|_| wrong())?,
        };
        if version.to_string() == text { Ok(version) } else { Err(wrong()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_in_one_way_and_ordered_by_number() {
        let read = |text: &str| text.parse::<Version>();
        assert_eq!(read("1.0"), Ok(Version::FIRST));
        assert!(read("1.10") > read("1.9"));
        for wrong in ["1", "1.", "01.0", "+1.0", "1.0.0", "next", "1.70000"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
