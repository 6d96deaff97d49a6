//! The way of orders and answers: a connection of its own to the vendor's own broker.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::sync::mpsc;

use super::order::{Order, Said, ears, said_on};
use crate::domain::ids::VendorId;
use crate::link::MqttConnection;

/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(200);
/// Answers that the broker has not acknowledged.
const IN_FLIGHT: u16 = 20;
/// Longest order, in bytes.
const MAX_ORDER: usize = 64 << 10;

/// Hands orders to `begin`, and `told` to the drill, until it is `over`. An order
/// that cannot be begun is told as done: nothing became of it.
pub fn carry(
    connection: &MqttConnection,
    vendor: &VendorId,
    mut told: mpsc::Receiver<Said>,
    over: impl Future<Output = ()>,
    begin: impl Fn(Order) -> std::io::Result<()>,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let id = format!("{}-drill", connection.client_id);
        let mut options = MqttOptions::new(id, &connection.host, connection.port);
        options.set_clean_start(true);
        // The library makes room for all of them at once: 14 MB for as many as there are numbers.
        options.set_outgoing_inflight_upper_limit(IN_FLIGHT);
        if let Some(files) = &connection.tls {
            let tls = crate::vendor::tls::client_config(files)?;
            let tls = rumqttc::TlsConfiguration::Rustls(tls);
            options.set_transport(rumqttc::Transport::tls_with_config(tls));
        }
        let said_on = said_on(vendor);
        let (client, mut events) = AsyncClient::new(options, 1024);
        let say = |said: &Said| {
            if let Ok(text) = serde_json::to_vec(said) {
                let _ = client.try_publish(said_on.as_str(), QoS::AtLeastOnce, false, text);
            }
        };
        tokio::pin!(over);
        loop {
            let event = tokio::select! {
                () = &mut over => return Ok(()),
                Some(said) = told.recv() => { say(&said); continue }
                event = events.poll() => event,
            };
            match event {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let _ = client.try_subscribe(ears(vendor), QoS::AtLeastOnce);
                }
                Ok(Event::Incoming(Packet::SubAck(_))) => {
                    say(&Said::Ready { pid: std::process::id() });
                }
                Ok(Event::Incoming(Packet::Publish(message))) => {
                    if message.payload.len() > MAX_ORDER || message.retain {
                        continue;
                    }
                    match serde_json::from_slice::<Order>(&message.payload) {
                        Ok(order) => {
                            let fault = order.fault;
                            if let Err(error) = begin(order) {
                                tracing::warn!(?fault, %error, "the fault cannot be begun");
                                say(&Said::Done { fault });
                            }
                        }
                        Err(error) => tracing::warn!(%error, "no order of the drill"),
                    }
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "no connection for the drill's orders");
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    })
}
