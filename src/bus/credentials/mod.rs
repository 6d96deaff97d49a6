//! Who the gateway is to AWS: a certificate exchanged for short-lived keys at AWS IoT's credentials
//! provider, or, for development, keys that are already there.

mod exchange;
mod failure;
mod keeper;
#[cfg(test)]
mod tests;
mod timing;

pub use exchange::{Exchanged, exchange};
pub use failure::CredentialFailure;
pub use keeper::Keeper;

use aws_credential_types::provider::SharedCredentialsProvider;
use doorward_events::aws::CredentialSource;

use crate::config::CredentialsConfig;

/// The source that the configuration names, for every client of AWS, and what keeps its keys
/// fresh where that is ours to do. Connects to nothing yet.
pub fn source(config: &CredentialsConfig) -> (CredentialSource, Option<Keeper>) {
    match config {
        CredentialsConfig::Default => (CredentialSource::DefaultChain, None),
        CredentialsConfig::Environment => (CredentialSource::Environment, None),
        CredentialsConfig::Profile { name } => (CredentialSource::Profile(name.clone()), None),
        CredentialsConfig::Iot(iot) => {
            let keeper = Keeper::start(iot.clone());
            let provider = SharedCredentialsProvider::new(keeper.clone());
            (CredentialSource::Provider(provider), Some(keeper))
        }
    }
}
