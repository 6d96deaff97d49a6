//! What the bus needs to know before the first call, checked before the first call.

use std::fmt;
use std::time::Duration;

use aws_credential_types::provider::SharedCredentialsProvider;

/// Where and how to publish.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bus's name or ARN.
    pub bus: String,
    /// The AWS region, as in `eu-central-1`.
    pub region: String,
    /// Another endpoint than AWS's own: an emulator, or a VPC endpoint.
    pub endpoint: Option<String>,
    /// Who calls.
    pub credentials: CredentialSource,
    /// How long a call may take.
    pub timeouts: Timeouts,
}

impl Options {
    /// AWS's own endpoint, the default credential chain and the default time-outs.
    pub fn new(bus: impl Into<String>, region: impl Into<String>) -> Self {
        Self {
            bus: bus.into(),
            region: region.into(),
            endpoint: None,
            credentials: CredentialSource::DefaultChain,
            timeouts: Timeouts::default(),
        }
    }
}

/// Where credentials come from.
#[derive(Clone)]
pub enum CredentialSource {
    /// Environment, profile, container, instance, in the SDK's order.
    DefaultChain,
    /// An access key, for development.
    Static {
        /// `AKIA…`, or of a session `ASIA…`.
        access_key_id: String,
        /// Never printed.
        secret_access_key: String,
        /// Of temporary credentials only.
        session_token: Option<String>,
    },
    /// Anything else, such as certificates exchanged for short-lived credentials.
    Provider(SharedCredentialsProvider),
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DefaultChain => "DefaultChain",
            Self::Static { .. } => "Static(masked)",
            Self::Provider(_) => "Provider",
        })
    }
}

/// How long a call may take; each more than zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// TCP and TLS.
    pub connect: Duration,
    /// One request and its answer.
    pub attempt: Duration,
    /// A call as a whole, credentials included.
    pub operation: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(15),
            operation: Duration::from_secs(20),
        }
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
    /// Not a region.
    #[error("the region is empty or has other characters than lower-case letters, digits and -")]
    Region,
    /// Not an address.
    #[error("the endpoint is no http:// or https:// address")]
    Endpoint,
    /// A zero time-out would fail every call.
    #[error("a time-out is zero")]
    Timeout,
}

impl Options {
    /// A bad name would make the bus refuse every entry for good, so it is found here.
    pub(super) fn check(&self) -> Result<(), OptionsError> {
        let name = |c: char| c.is_ascii_alphanumeric() || "/.-_".contains(c);
        let arn = self.bus.starts_with("arn:");
        if self.bus.is_empty()
            || self.bus.len() > 1600
            || !self.bus.chars().all(|c| name(c) || (arn && c == ':'))
        {
            return Err(OptionsError::Bus);
        }
        let region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.region.is_empty() || !self.region.chars().all(region) {
            return Err(OptionsError::Region);
        }
        if let Some(endpoint) = &self.endpoint {
            let host = endpoint.strip_prefix("http://").or(endpoint.strip_prefix("https://"));
            if host.is_none_or(|host| {
                host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control())
            }) {
                return Err(OptionsError::Endpoint);
            }
        }
        let Timeouts { connect, attempt, operation } = self.timeouts;
        if [connect, attempt, operation].iter().any(Duration::is_zero) {
            return Err(OptionsError::Timeout);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_found_before_the_first_call() {
        let good = Options::new("doors", "eu-central-1");
        assert_eq!(good.check(), Ok(()));
        let arn = "arn:aws:events:eu-central-1:123456789012:event-bus/doors";
        assert_eq!(Options { bus: arn.to_owned(), ..good.clone() }.check(), Ok(()));
        let bus = |bus: &str| Options { bus: bus.to_owned(), ..good.clone() }.check();
        assert_eq!(bus(""), Err(OptionsError::Bus));
        assert_eq!(bus("my doors"), Err(OptionsError::Bus));
        assert_eq!(bus("a:b"), Err(OptionsError::Bus));
        let region = Options { region: "EU".to_owned(), ..good.clone() };
        assert_eq!(region.check(), Err(OptionsError::Region));
        let endpoint = Options { endpoint: Some("localhost:5000".to_owned()), ..good.clone() };
        assert_eq!(endpoint.check(), Err(OptionsError::Endpoint));
        let timeouts = Timeouts { attempt: Duration::ZERO, ..Timeouts::default() };
        assert_eq!(Options { timeouts, ..good }.check(), Err(OptionsError::Timeout));
    }

    #[test]
    fn secrets_are_not_printed() {
        let credentials = CredentialSource::Static {
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: "hush".to_owned(),
            session_token: None,
        };
        let options = Options { credentials, ..Options::new("doors", "eu-central-1") };
        let shown = format!("{options:?}");
        assert!(!shown.contains("hush") && !shown.contains("AKIA"), "{shown}");
    }
}
