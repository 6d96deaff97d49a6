//! Short visits at a vendor's broker, as the vendor's own client but under an id of its own: does it
//! take us, at which quality does it grant our subscriptions, and what does it refuse.
//!
//! Nothing here moves a door: what is published goes to topics that no device is known by, in words
//! that no device has an act for, and is never retained.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    Filter, Packet, PubAckReason, RetainForwardRule, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, Event, EventLoop};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::mqtt::{self, describe};
use crate::link::MqttConnection;

/// How long a broker may take for one step: connecting, granting, answering a publication.
const STEP: Duration = Duration::from_secs(10);
/// Requests of ours on their way to the socket.
const REQUESTS: usize = 8;
/// What is published. No ecosystem has a meaning for it.
const PAYLOAD: &[u8] = b"doorward-check";

/// What became of a subscription or publication of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// A subscription, at this quality of service.
    Granted(u8),
    /// A publication; it reached whoever listens.
    Taken,
    /// Not authorised.
    Refused,
    /// Something else than yes or no: another reason code.
    Other,
}

/// Connects once, to see whether the broker takes us.
///
/// # Errors
/// It does not; the words say why.
pub async fn probe(connection: &MqttConnection) -> anyhow::Result<()> {
    Visit::begin(connection).await.map(|_| ())
}

/// Subscribes to `filters` and publishes on `topics`, one after the other, each as the vendor's own
/// client would. Nothing that the broker keeps is asked for. Answers stand in the same order.
///
/// # Errors
/// The broker does not take us, does not answer in time, or ends the connection.
pub async fn examine(
    connection: &MqttConnection,
    filters: &[String],
    topics: &[String],
) -> anyhow::Result<(Vec<Verdict>, Vec<Verdict>)> {
    let mut visit = Visit::begin(connection).await?;
    let mut granted = Vec::new();
    if !filters.is_empty() {
        granted = visit.subscribe(filters).await?;
    }
    let mut published = Vec::new();
    for topic in topics {
        published.push(visit.publish(topic).await?);
    }
    Ok((granted, published))
}

/// The certificate that the broker shows, as DER. `None`: it is spoken to in clear.
///
/// # Errors
/// There is no TLS with it; the words say why.
pub async fn shown(connection: &MqttConnection) -> anyhow::Result<Option<Vec<u8>>> {
    let Some(files) = &connection.tls else { return Ok(None) };
    let config = super::tls::client_config(files)?;
    let name = ServerName::try_from(connection.host.clone())?;
    let shaking = async {
        let stream = TcpStream::connect((connection.host.as_str(), connection.port)).await?;
        let stream = TlsConnector::from(config).connect(name, stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        anyhow::Ok(shown.map(|certificate| certificate.to_vec()))
    };
    tokio::time::timeout(STEP, shaking).await?
}

struct Visit {
    client: AsyncClient,
    events: EventLoop,
}

impl Visit {
    async fn begin(connection: &MqttConnection) -> anyhow::Result<Self> {
        let id =
            format!("{}-check-{}-{}", connection.client_id, std::process::id(), fastrand::u32(..));
        let options = mqtt::options(connection, &id, true)?;
        let (client, events) = AsyncClient::new(options, REQUESTS);
        let mut visit = Self { client, events };
        visit.until(|packet| matches!(packet, Packet::ConnAck(_)).then_some(())).await?;
        Ok(visit)
    }

    /// What `wanted` makes of the first packet that it knows.
    async fn until<T>(&mut self, wanted: impl Fn(&Packet) -> Option<T>) -> anyhow::Result<T> {
        let answer = async {
            loop {
                match self.events.poll().await {
                    Ok(Event::Incoming(packet)) => {
                        if let Some(found) = wanted(&packet) {
                            return Ok(found);
                        }
                    }
                    Ok(Event::Outgoing(_)) => {}
                    Err(error) => return Err(anyhow::anyhow!(describe(&error))),
                }
            }
        };
        tokio::time::timeout(STEP, answer).await?
    }

    async fn subscribe(&mut self, filters: &[String]) -> anyhow::Result<Vec<Verdict>> {
        let wanted = filters.iter().map(|filter| {
            let mut filter = Filter::new(filter.as_str(), QoS::AtLeastOnce);
            filter.retain_forward_rule = RetainForwardRule::Never;
            filter
        });
        self.client.try_subscribe_many(wanted)?;
        self.until(|packet| match packet {
            Packet::SubAck(answer) => {
                Some(answer.return_codes.iter().copied().map(granted).collect())
            }
            _ => None,
        })
        .await
    }

    async fn publish(&mut self, topic: &str) -> anyhow::Result<Verdict> {
        self.client.try_publish(topic, QoS::AtLeastOnce, false, PAYLOAD)?;
        self.until(|packet| match packet {
            Packet::PubAck(answer) => Some(match answer.reason {
                PubAckReason::Success | PubAckReason::NoMatchingSubscribers => Verdict::Taken,
                PubAckReason::NotAuthorized => Verdict::Refused,
                _ => Verdict::Other,
            }),
            _ => None,
        })
        .await
    }
}

fn granted(code: SubscribeReasonCode) -> Verdict {
    match code {
        SubscribeReasonCode::Success(quality) => Verdict::Granted(quality as u8),
        SubscribeReasonCode::NotAuthorized => Verdict::Refused,
        _ => Verdict::Other,
    }
}
