//! How AWS is reached: region, endpoint, credentials, time-outs; one TLS stack for every service.
//!
//! What cannot work is found before the first call.

use std::fmt;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// How AWS is reached.
#[derive(Debug, Clone)]
pub struct Connection {
    /// The AWS region, as in `eu-central-1`.
    pub region: String,
    /// Another endpoint than AWS's own: an emulator, or a VPC endpoint.
    pub endpoint: Option<String>,
    /// Who calls.
    pub credentials: CredentialSource,
    /// How long a call may take.
    pub timeouts: Timeouts,
}

impl Connection {
    /// AWS's own endpoint, the default credential chain and the default time-outs.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            endpoint: None,
            credentials: CredentialSource::DefaultChain,
            timeouts: Timeouts::default(),
        }
    }

    /// An emulator on this machine, with the access key that emulators take.
    pub fn emulator(region: impl Into<String>, endpoint: impl Into<String>) -> Self {
        let credentials = CredentialSource::Static {
            access_key_id: "test".to_owned(),
            secret_access_key: "test".to_owned(),
            session_token: None,
        };
        Self { endpoint: Some(endpoint.into()), credentials, ..Self::new(region) }
    }

    /// What every client of this crate is made from. The SDK's own retries are off: who calls
    /// knows how long something may wait. Nothing is sent, and no credentials are fetched.
    pub(crate) async fn load(self) -> Result<SdkConfig, ConnectionError> {
        self.check()?;
        // Without any the client below would panic.
        if rustls_native_certs::load_native_certs().certs.is_empty() {
            return Err(ConnectionError::Authorities);
        }
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let region = Region::new(self.region);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(self.timeouts.connect)
            .read_timeout(self.timeouts.attempt)
            .operation_attempt_timeout(self.timeouts.attempt)
            .operation_timeout(self.timeouts.operation)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http.clone())
            .region(region.clone())
            .retry_config(RetryConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .timeout_config(timeouts);
        if let Some(endpoint) = self.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        loader = match self.credentials {
            CredentialSource::DefaultChain => loader,
            CredentialSource::Static { access_key_id, secret_access_key, session_token } => {
                let key = Credentials::new(
                    access_key_id,
                    secret_access_key,
                    session_token,
                    None,
                    "configuration",
                );
                loader.credentials_provider(key)
            }
            CredentialSource::Environment => {
                loader.credentials_provider(EnvironmentVariableCredentialsProvider::new())
            }
            CredentialSource::Profile(name) => {
                let surroundings =
                    ProviderConfig::default().with_http_client(http).with_region(Some(region));
                let profile = ProfileFileCredentialsProvider::builder()
                    .configure(&surroundings)
                    .profile_name(name);
                loader.credentials_provider(profile.build())
            }
            // It keeps what it has, and knows better when to ask anew.
            CredentialSource::Provider(provider) => {
                loader.identity_cache(IdentityCache::no_cache()).credentials_provider(provider)
            }
        };
        Ok(loader.load().await)
    }

    fn check(&self) -> Result<(), ConnectionError> {
        let region = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if self.region.is_empty() || !self.region.chars().all(region) {
            return Err(ConnectionError::Region);
        }
        if self.endpoint.as_deref().is_some_and(|endpoint| !is_address(endpoint)) {
            return Err(ConnectionError::Endpoint);
        }
        let Timeouts { connect, attempt, operation } = self.timeouts;
        if [connect, attempt, operation].iter().any(Duration::is_zero) {
            return Err(ConnectionError::Timeout);
        }
        Ok(())
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
    /// An access key in the environment (`AWS_ACCESS_KEY_ID` and so on), and nothing else.
    Environment,
    /// A profile of the AWS configuration files, by its name, and nothing else.
    Profile(String),
    /// Anything else, such as certificates exchanged for short-lived credentials. It is asked
    /// before each call, and keeps what it has itself.
    Provider(SharedCredentialsProvider),
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DefaultChain => "DefaultChain",
            Self::Static { .. } => "Static(masked)",
            Self::Environment => "Environment",
            Self::Profile(_) => "Profile",
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

/// Whether it is an `http://` or `https://` address: something after the scheme, without blanks.
pub(crate) fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("http://").or(text.strip_prefix("https://"));
    rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || c.is_control())
    })
}

/// An error code without the namespace before `#` and the type after `:`, as services send it
/// with or without them.
#[cfg(any(feature = "eventbridge", feature = "kms"))]
pub(crate) fn bare_code(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or(code);
    code.split(':').next().unwrap_or(code)
}

/// A connection that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// Not a region.
    #[error("the region is empty or has other characters than lower-case letters, digits and -")]
    Region,
    /// Not an address.
    #[error("the endpoint is no http:// or https:// address")]
    Endpoint,
    /// A zero time-out would fail every call.
    #[error("a time-out is zero")]
    Timeout,
    /// No server could be believed.
    #[error("this machine knows no certificate authority: install the package ca-certificates")]
    Authorities,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_found_before_the_first_call() {
        let good = Connection::new("eu-central-1");
        assert_eq!(good.check(), Ok(()));
        let region = Connection { region: "EU".to_owned(), ..good.clone() };
        assert_eq!(region.check(), Err(ConnectionError::Region));
        let endpoint = Connection { endpoint: Some("localhost:5000".to_owned()), ..good.clone() };
        assert_eq!(endpoint.check(), Err(ConnectionError::Endpoint));
        let timeouts = Timeouts { attempt: Duration::ZERO, ..Timeouts::default() };
        assert_eq!(Connection { timeouts, ..good }.check(), Err(ConnectionError::Timeout));
    }

    #[test]
    fn secrets_are_not_printed() {
        let credentials = CredentialSource::Static {
            access_key_id: "AKIAEXAMPLE".to_owned(),
            secret_access_key: "hush".to_owned(),
            session_token: None,
        };
        let shown = format!("{:?}", Connection { credentials, ..Connection::new("eu-central-1") });
        assert!(!shown.contains("hush") && !shown.contains("AKIA"), "{shown}");
    }
}
