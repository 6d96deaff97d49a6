//! The ways to the bus and from it: which events leave next, what becomes of each answer, and what
//! the cloud asks.

mod downlink;
mod lanes;
mod uplink;

pub use downlink::{Came, Downlink};
pub use uplink::{Report, Told, Uplink};

use std::sync::Arc;

use anyhow::Context;
use doorward_events::Bus;
use doorward_events::bus::eventbridge::{EventBridge, Options};
use doorward_events::bus::standalone::Standalone;

use crate::config::BusConfig;

/// The bus that the configuration names. Connects to nothing yet.
pub async fn open(config: &BusConfig) -> anyhow::Result<Arc<dyn Bus>> {
    match config {
        BusConfig::Standalone => Ok(Arc::new(Standalone)),
        BusConfig::Eventbridge { name, region, endpoint_url } => {
            let mut options = Options::new(name.as_str(), region.as_str());
            options.connection.endpoint.clone_from(endpoint_url);
            Ok(Arc::new(EventBridge::new(options).await.context("the bus's settings")?))
        }
    }
}
