//! The ways to the bus and from it: which events leave next, what becomes of each answer, and what
//! the cloud asks.

pub mod credentials;
mod downlink;
mod lanes;
pub mod probe;
mod unusable;
mod uplink;

pub use downlink::{Came, Downlink};
pub use uplink::{Report, Told, Uplink};

use std::sync::Arc;

use credentials::Keeper;
use doorward_events::Bus;
use doorward_events::aws::Connection;
use doorward_events::bus::eventbridge::{EventBridge, Options};
use doorward_events::bus::standalone::Standalone;
use doorward_events::subscribe::sqs::Inbox;

use unusable::Unusable;

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

/// The bus that the configuration names. Connects to nothing yet. One whose settings cannot be used
/// takes nothing and says why: doors do not wait for it.
pub async fn open(config: &BusConfig, cloud: Option<&Cloud>) -> Arc<dyn Bus> {
    let (BusConfig::Eventbridge { name, .. }, Some(cloud)) = (config, cloud) else {
        return Arc::new(Standalone);
    };
    let options = Options { bus: name.clone(), connection: cloud.connection() };
    match EventBridge::new(options).await {
        Ok(bus) => Arc::new(bus),
        Err(error) => Arc::new(Unusable { reason: error.to_string() }),
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
