//! The schema registry's service: who is called, and the four things that are asked of it.

use std::error::Error;
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_schemas::Client;
use aws_sdk_schemas::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_schemas::operation::create_registry::CreateRegistryError;
use aws_sdk_schemas::operation::describe_registry::DescribeRegistryError;
use aws_sdk_schemas::operation::describe_schema::DescribeSchemaError;
use aws_sdk_schemas::types::Type;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde_json::Value;

use super::Offer;

/// How long TCP and TLS may take.
const CONNECT: Duration = Duration::from_secs(5);
/// How long one request may take.
const ATTEMPT: Duration = Duration::from_secs(15);
/// How long a call may take with all its attempts.
const CALL: Duration = Duration::from_secs(45);
/// How often a call that was throttled or got no answer is made, the first time included.
const ATTEMPTS: u32 = 4;

/// Most characters of what broke below the service.
const LONGEST_CAUSE: usize = 400;
/// What the SDK says of wherever it breaks for want of credentials.
const CREDENTIALS: &str = "credential";

/// Which registry, and how it is reached.
#[derive(Debug, Clone)]
pub struct Target {
    /// The registry's name.
    pub registry: String,
    /// The AWS region; by itself that of the environment or the profile.
    pub region: Option<String>,
    /// Another endpoint than AWS's own.
    pub endpoint: Option<String>,
}

/// A registry that can be asked.
pub struct Remote {
    client: Client,
    registry: String,
}

/// A schema as the registry holds it.
pub struct Held {
    /// Its newest version there.
    pub version: String,
    content: String,
    description: String,
}

impl Held {
    /// Whether it says what is offered, however its JSON is laid out.
    pub fn says(&self, offer: &Offer) -> bool {
        serde_json::from_str::<Value>(&self.content).is_ok_and(|held| held == offer.content)
            && self.description == offer.description
    }
}

/// Why the registry could not be asked or written.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// No region is known.
    #[error("no region: give one with --region, AWS_REGION or the profile")]
    Region,
    /// The endpoint is no address.
    #[error("the endpoint {0:?} is no http:// or https:// address")]
    Endpoint(String),
    /// No server could be believed.
    #[error("this machine knows no certificate authority: install the package ca-certificates")]
    Authorities,
    /// The service refused, or did not answer.
    #[error("{what}: {why}")]
    Service {
        /// What was asked for.
        what: String,
        /// What came back.
        why: String,
    },
}

impl Remote {
    /// Prepares the calls; nothing is sent yet. Credentials come from the default chain.
    pub async fn new(target: Target) -> Result<Self, RemoteError> {
        if let Some(endpoint) = &target.endpoint {
            let rest = endpoint.strip_prefix("http://").or(endpoint.strip_prefix("https://"));
            if rest.is_none_or(|rest| rest.is_empty() || rest.contains(char::is_whitespace)) {
                return Err(RemoteError::Endpoint(endpoint.clone()));
            }
        }
        // Without any the client below would panic.
        if rustls_native_certs::load_native_certs().certs.is_empty() {
            return Err(RemoteError::Authorities);
        }
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(CONNECT)
            .read_timeout(ATTEMPT)
            .operation_attempt_timeout(ATTEMPT)
            .operation_timeout(CALL)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(timeouts);
        if let Some(region) = target.region {
            loader = loader.region(Region::new(region));
        }
        if let Some(endpoint) = target.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        let settings = loader.load().await;
        if settings.region().is_none() {
            return Err(RemoteError::Region);
        }
        Ok(Self { client: Client::new(&settings), registry: target.registry })
    }

    /// Whether the registry exists.
    pub async fn is_there(&self) -> Result<bool, RemoteError> {
        let answer = self.client.describe_registry().registry_name(&self.registry).send().await;
        match answer {
            Ok(_) => Ok(true),
            Err(error) if is(&error, DescribeRegistryError::is_not_found_exception) => Ok(false),
            Err(error) => Err(failed(format!("asking for the registry {}", self.registry), &error)),
        }
    }

    /// Creates it; that somebody else did meanwhile is as well.
    pub async fn create_registry(&self) -> Result<(), RemoteError> {
        let call = self
            .client
            .create_registry()
            .registry_name(&self.registry)
            .description("Copies from the schema repository, which alone is edited.");
        match call.send().await {
            Ok(_) => Ok(()),
            Err(error) if is(&error, CreateRegistryError::is_conflict_exception) => Ok(()),
            Err(error) => Err(failed(format!("creating the registry {}", self.registry), &error)),
        }
    }

    /// The schema of this name in its newest version.
    pub async fn find(&self, name: &str) -> Result<Option<Held>, RemoteError> {
        let call = self.client.describe_schema().registry_name(&self.registry).schema_name(name);
        match call.send().await {
            Ok(held) => Ok(Some(Held {
                version: held.schema_version.unwrap_or_default(),
                content: held.content.unwrap_or_default(),
                description: held.description.unwrap_or_default(),
            })),
            Err(error) if is(&error, DescribeSchemaError::is_not_found_exception) => Ok(None),
            Err(error) => Err(failed(format!("asking for {name}"), &error)),
        }
    }

    /// Writes the first version.
    pub async fn create(&self, offer: &Offer) -> Result<(), RemoteError> {
        let call = self
            .client
            .create_schema()
            .registry_name(&self.registry)
            .schema_name(&offer.name)
            .r#type(Type::JsonSchemaDraft4)
            .description(&offer.description)
            .content(offer.content.to_string());
        call.send().await.map_err(|error| failed(format!("creating {}", offer.name), &error))?;
        Ok(())
    }

    /// Writes one more version.
    pub async fn update(&self, offer: &Offer) -> Result<(), RemoteError> {
        let call = self
            .client
            .update_schema()
            .registry_name(&self.registry)
            .schema_name(&offer.name)
            .r#type(Type::JsonSchemaDraft4)
            .description(&offer.description)
            .content(offer.content.to_string());
        call.send().await.map_err(|error| failed(format!("updating {}", offer.name), &error))?;
        Ok(())
    }
}

fn is<E, R>(error: &SdkError<E, R>, which: impl Fn(&E) -> bool) -> bool {
    error.as_service_error().is_some_and(which)
}

/// The service's own words, where it answered; else what broke.
fn failed(what: String, error: &(impl ProvideErrorMetadata + Error + 'static)) -> RemoteError {
    let why = match (error.code(), error.message()) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        (None, _) => cause(error),
    };
    RemoteError::Service { what, why }
}

/// What broke below the service, from the outside to the inside.
fn cause(error: &(dyn Error + 'static)) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        words.push(error.to_string());
        next = error.source();
    }
    let words = words.join(": ");
    // Further lines list every place that was looked at.
    let first = words.lines().next().unwrap_or_default();
    let cut: String = first.chars().take(LONGEST_CAUSE).collect();
    if words.contains(CREDENTIALS) {
        return format!(
            "no credentials for AWS: give AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY, or the machine a role ({cut})"
        );
    }
    cut
}
