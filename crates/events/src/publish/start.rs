//! What a publisher refuses to start with, and how to mend it.

use std::sync::Arc;
use std::time::Duration;

use super::handshakes::Handshakes;
use super::queue::Queue;
use super::settings::{SettingError, Settings};
use crate::draft::Draft;
use crate::envelope::PublisherId;
use crate::handshake::Handshake;
use crate::publishers::RegisteredPublisher;
use crate::text::bounded_text;
use crate::validate::Invalid;

/// Why a publisher does not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// Nobody of this name may publish anything.
    #[error(
        "the publisher {0:?} is not registered: add it to schemas/publishers.json, with the types \
         that it publishes, and build the service with that"
    )]
    NotRegistered(String),
    /// A gateway's events need a place in its journal, which this publisher has not.
    #[error(
        "the publisher {0:?} is registered as a gateway, and gateways publish from their journals: \
         give a service a name of its own in schemas/publishers.json"
    )]
    Gateway(String),
    /// Not a `PublisherInstance` of `schemas/core/primitives.json`.
    #[error(
        "the publisher's instance must be 1 to 64 letters, digits, dots, hyphens and underscores, \
         and begin with a letter or digit: a name that survives a restart, such as blue-1"
    )]
    Instance,
    /// Not a tenant's id.
    #[error(
        "the tenant in whose name handshakes are sent must be an id as in schemas/core/primitives.json: \
         1 to 64 letters, digits, dots, hyphens and underscores, beginning with a letter or digit"
    )]
    Tenant,
    /// Not a `Name` of `schemas/core/primitives.json`.
    #[error("the publisher's version must be at most 128 characters, none of them a control")]
    Version,
    /// A setting that cannot work.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The handshake is refused for another reason.
    #[error("its handshake is invalid: {0}")]
    Handshake(Invalid),
    /// A publisher is a task.
    #[error("there is no tokio runtime here: start the publisher from a task of one with timers")]
    NoRuntime,
}

/// The first handshake, if everything can work: the schemas themselves say what is wrong.
pub(super) fn check(
    publisher: &PublisherId,
    tenant: &Arc<str>,
    version: &str,
    settings: &Settings,
    queue: impl FnOnce() -> Arc<Queue>,
) -> Result<(Handshakes, Draft), StartError> {
    settings.check()?;
    let name = || bounded_text(&publisher.name, 64);
    match RegisteredPublisher::find(&publisher.name) {
        None => return Err(StartError::NotRegistered(name())),
        Some(registered) if registered.is_gateway => return Err(StartError::Gateway(name())),
        Some(_) => {}
    }
    let interval = Duration::from_secs(settings.handshake_interval.as_secs());
    let handshakes = Handshakes {
        queue: queue(),
        publisher: publisher.clone(),
        tenant: Arc::clone(tenant),
        handshake: Handshake { publisher_version: version.to_owned(), interval },
    };
    let draft = handshakes.draft().map_err(mend)?;
    Ok((handshakes, draft))
}

fn mend(invalid: Invalid) -> StartError {
    match invalid.errors.first().map(|error| error.pointer.as_str()) {
        Some("/publisher/instance") => StartError::Instance,
        Some("/tenant_id") => StartError::Tenant,
        Some("/data/publisher_version") => StartError::Version,
        _ => StartError::Handshake(invalid),
    }
}
