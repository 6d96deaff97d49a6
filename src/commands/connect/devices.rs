//! The ways to the devices: each vendor's broker or serial port.

use super::{Step, Way};
use crate::bus::probe::Host;
use crate::config::{Configuration, VendorConfig};
use crate::link::Connection;

pub(super) async fn ways(configuration: &Configuration, test: bool) -> Vec<Step> {
    let ways = configuration.vendors.iter().map(|vendor| way(vendor, test));
    futures_util::future::join_all(ways).await.into_iter().flatten().collect()
}

async fn way(vendor: &VendorConfig, test: bool) -> Vec<Step> {
    let mut way = Way::new(format!("vendor {}", vendor.id), test);
    match &vendor.connection {
        Connection::Mqtt(broker) => {
            let host = Host { name: broker.host.clone(), port: broker.port, tls: false };
            way.reach(&host, None).await;
            let (tried, remedy) = match &broker.tls {
                Some(tls) => (
                    format!("MQTT 5 over TLS, believing {}", tls.ca.display()),
                    "see doorward identity show for the certificates, and the broker's log for \
                     who was refused",
                ),
                None => (
                    "MQTT 5 in clear".to_owned(),
                    "see the broker's log: its listener may want TLS or a password",
                ),
            };
            let probing = async {
                match crate::vendor::probe(broker).await {
                    Ok(()) => Ok(("the broker takes us".to_owned(), ())),
                    Err(error) if error.is::<tokio::time::error::Elapsed>() => {
                        Err("no answer in time".to_owned())
                    }
                    Err(error) => Err(format!("{error:#}").replace('\n', " ")),
                }
            };
            way.step("mqtt", tried, remedy, probing).await;
        }
        Connection::Serial(line) => {
            let remedy = "plug the adapter in, check the name (ls -l /dev/serial/by-id), and let \
                          the group dialout use it";
            let opening = async {
                crate::supervisor::probe(&line.port)
                    .map(|()| ("it opens".to_owned(), ()))
                    .map_err(|error| format!("{error:#}"))
            };
            way.step("serial", line.port.display().to_string(), remedy, opening).await;
        }
    }
    way.steps
}
