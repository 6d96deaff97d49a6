//! The ways to the bus and from it: which events leave next, what becomes of each answer, and what
//! the cloud asks.

pub mod credentials;
mod downlink;
mod lanes;
pub mod probe;
mod uplink;

pub use downlink::{Came, Downlink};
pub use uplink::{Report, Told, Uplink};

use std::sync::Arc;

use anyhow::Context;
use credentials::Keeper;
use doorward_events::Bus;
use doorward_events::aws::Connection;
use doorward_events::bus::eventbridge::{EventBridge, Options};
use doorward_events::bus::standalone::Standalone;
use doorward_events::subscribe::sqs::Inbox;

use crate::config::{BusConfig, DownlinkConfig};

/// How AWS is reached and by whom: the same for bus and queue. `None`: not at all.
#[derive(Debug, Clone)]
pub struct Cloud {
    connection: Connection,
    /// What keeps the keys fresh, where that is ours to do.
    pub keeper: Option<Keeper>,
}

impl Cloud {
    /// What the configuration names. Connects to nothing yet.
    pub fn of(config: &BusConfig) -> Option<Self> {
        let BusConfig::Eventbridge { region, endpoint_url, credentials, .. } = config else {
            return None;
        };
        let (credentials, keeper) = credentials::source(credentials);
        let endpoint = endpoint_url.clone();
        let connection = Connection { endpoint, credentials, ..Connection::new(region.as_str()) };
        Some(Self { connection, keeper })
    }

    /// For one client.
    pub fn connection(&self) -> Connection {
        self.connection.clone()
    }
}

/// The bus that the configuration names. Connects to nothing yet.
///
/// # Errors
/// Its settings cannot be used.
pub async fn open(config: &BusConfig, cloud: Option<&Cloud>) -> anyhow::Result<Arc<dyn Bus>> {
    match (config, cloud) {
        (BusConfig::Eventbridge { name, .. }, Some(cloud)) => {
            let options = Options { bus: name.clone(), connection: cloud.connection() };
            Ok(Arc::new(EventBridge::new(options).await.context("the bus's settings")?))
        }
        _ => Ok(Arc::new(Standalone)),
    }
}

/// Tries whether the queue may be read; takes nothing out of it.
///
/// # Errors
/// What came back.
pub async fn probe_queue(cloud: &Cloud, downlink: &DownlinkConfig) -> Result<(), String> {
    let inbox = Inbox::new(cloud.connection(), &downlink.queue_url).await;
    inbox.map_err(|error| error.to_string())?.probe().await
}
