//! Which bus, and how it is reached; a bad name would make the bus refuse every entry for good.

use crate::aws::{Connection, ConnectionError};

/// Where and how to publish.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bus's name or ARN.
    pub bus: String,
    /// How AWS is reached.
    pub connection: Connection,
}

impl Options {
    /// A bus at AWS's own endpoint, with the default credential chain and time-outs.
    pub fn new(bus: impl Into<String>, region: impl Into<String>) -> Self {
        Self { bus: bus.into(), connection: Connection::new(region) }
    }

    pub(super) fn check(&self) -> Result<(), OptionsError> {
        let name = |c: char| c.is_ascii_alphanumeric() || "/.-_".contains(c);
        let arn = self.bus.starts_with("arn:");
        let named = self.bus.chars().all(|c| name(c) || (arn && c == ':'));
        if self.bus.is_empty() || self.bus.len() > 1600 || !named {
            return Err(OptionsError::Bus);
        }
        Ok(())
    }
}

/// Options that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionsError {
    /// Not a name or ARN of a bus.
    #[error(
        "the bus's name is empty, too long or has other characters than letters, digits, / . - _ and, in an ARN, :"
    )]
    Bus,
    /// How AWS is reached.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_that_cannot_be_is_found_before_the_first_call() {
        let check = |bus: &str| Options::new(bus, "eu-central-1").check();
        assert_eq!(check("doors"), Ok(()));
        assert_eq!(check("arn:aws:events:eu-central-1:123456789012:event-bus/doors"), Ok(()));
        for wrong in ["", "my doors", "a:b"] {
            assert_eq!(check(wrong), Err(OptionsError::Bus), "{wrong}");
        }
    }
}
