//! The MQTT 5 transport: a narrow interface over rumqttc.
//!
//! Every connection is a client of its own: rumqttc keeps queued requests over a reconnect, and
//! an acknowledgement kept from before could acknowledge another message, since packet ids may
//! be given anew. So a [`Receipt`] carries its connection's epoch, and one of an earlier epoch
//! is void: the broker hands the message over again.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use doorward_translators::Subscription;
use rumqttc::v5::mqttbytes::Error as MqttError;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnectProperties, Filter, Packet, Publish, RetainForwardRule, SubscribeReasonCode,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, StateError};
use rumqttc::{TlsConfiguration, Transport};
use tokio::sync::{mpsc, watch};

use super::flow::Flow;
use super::tls;
use crate::link::{CREDIT, MqttConnection};

/// Longest packet that we take; announced, so that the broker drops what is longer instead of
/// sending it again and again.
pub const MAX_PACKET_BYTES: u32 = 1_200_000;
/// Acknowledgements and reads on their way to the socket. An acknowledgement without room would
/// hold its place in the broker's window for as long as the connection stands, until nothing came
/// any more. Mosquitto sends far beyond our receive maximum, but packet ids have 16 bits: more
/// cannot be outstanding. The room is taken only as it fills.
const REQUESTS: usize = u16::MAX as usize + 256;
/// Longest description of trouble with a connection, in characters.
const MAX_TROUBLE: usize = 512;
/// Not below 5 s, which rumqttc does not take.
const KEEP_ALIVE: Duration = Duration::from_secs(30);
const CONNECT_TIMEOUT_S: u64 = 10;
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MOST: Duration = Duration::from_secs(30);
/// A connection that stood this long makes the next backoff start anew.
const STABLE: Duration = Duration::from_secs(60);
/// Our own publishes (reads) that wait for the broker.
const OUTGOING_IN_FLIGHT: u16 = 20;

/// Something from the broker.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly all of them are messages")]
pub enum BrokerEvent {
    /// `session`: the broker still had our session, so nothing of QoS 1 was missed.
    Connected {
        epoch: u32,
        session: bool,
    },
    Message(Delivery),
    Disconnected {
        epoch: u32,
        detail: String,
    },
}

/// A message in hand.
#[derive(Debug)]
pub struct Delivery {
    pub topic: String,
    pub payload: Bytes,
    pub retained: bool,
    /// `None` for QoS 0, which knows no acknowledgement.
    pub receipt: Option<Receipt>,
    pub epoch: u32,
}

/// What acknowledges a message.
#[derive(Debug)]
pub struct Receipt {
    epoch: u32,
    publish: Publish,
}

/// A connection that keeps itself up. Its task ends when this is dropped.
pub struct Broker {
    events: mpsc::UnboundedReceiver<BrokerEvent>,
    flow: Arc<Flow>,
    _task: tokio_util::task::AbortOnDropHandle<()>,
}

/// The way back to the broker, over whatever connection stands just now.
pub struct Answers {
    client: Standing,
}

impl Broker {
    /// Starts to connect, and to subscribe to `filters` at QoS 1 each time.
    pub fn connect(
        connection: &MqttConnection,
        filters: Vec<Subscription>,
    ) -> anyhow::Result<(Self, Answers)> {
        let options = options(connection, &connection.client_id, false)?;
        #[expect(clippy::disallowed_methods, reason = "`Flow` bounds it")]
        let (told, events) = mpsc::unbounded_channel();
        let (current, client) = watch::channel(None);
        let flow = Arc::new(Flow::default());
        let line = Line { filters, told, current, flow: Arc::clone(&flow) };
        let task = tokio::spawn(line.keep_up(options));
        let task = tokio_util::task::AbortOnDropHandle::new(task);
        Ok((Self { events, flow, _task: task }, Answers { client }))
    }

    /// The next event. `None` only when the task has ended.
    pub async fn next(&mut self) -> Option<BrokerEvent> {
        let event = self.events.recv().await;
        self.taken(event)
    }

    /// The next event if one is waiting already.
    pub fn try_next(&mut self) -> Option<BrokerEvent> {
        let event = self.events.try_recv().ok();
        self.taken(event)
    }

    /// Messages that wait to be taken.
    pub fn waiting(&self) -> u32 {
        u32::try_from(self.flow.queued()).unwrap_or(u32::MAX)
    }

    /// The socket is left alone for a moment, so that more gathers.
    pub fn rest(&self) {
        self.flow.rest();
    }

    fn taken(&self, event: Option<BrokerEvent>) -> Option<BrokerEvent> {
        if let Some(BrokerEvent::Message(delivery)) = &event {
            self.flow.taken(delivery.payload.len());
        }
        event
    }
}

/// The connection that stands, by its epoch.
pub type Standing = watch::Receiver<Option<(u32, AsyncClient)>>;

impl Answers {
    /// Whether there is a connection.
    pub fn standing(&self) -> Standing {
        self.client.clone()
    }

    /// Acknowledges a message. A receipt of an earlier connection is void: the broker hands its
    /// message over again.
    pub fn acknowledge(&self, receipt: &Receipt) {
        if let Some((epoch, client)) = &*self.client.borrow()
            && *epoch == receipt.epoch
        {
            // An error says that the connection has just ended, and the receipt is void with it.
            let _ = client.try_ack(&receipt.publish);
        }
    }

    /// Publishes at QoS 0, never retained; dropped while there is no connection.
    pub fn publish_unreliable(&self, topic: &str, payload: Vec<u8>) {
        if let Some((_, client)) = &*self.client.borrow()
            && let Err(error) = client.try_publish(topic, QoS::AtMostOnce, false, payload)
        {
            tracing::warn!(topic, %error, "a read request was not sent");
        }
    }
}

/// How a connection is made; with `clean_start` the broker keeps nothing of it.
pub(super) fn options(
    connection: &MqttConnection,
    client_id: &str,
    clean_start: bool,
) -> anyhow::Result<MqttOptions> {
    let mut options = MqttOptions::new(client_id, &connection.host, connection.port);
    options.set_keep_alive(KEEP_ALIVE);
    options.set_connection_timeout(CONNECT_TIMEOUT_S);
    options.set_clean_start(clean_start);
    options.set_manual_acks(true);
    options.set_outgoing_inflight_upper_limit(OUTGOING_IN_FLIGHT);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval =
        Some(if clean_start { 0 } else { connection.session_expiry_s });
    properties.receive_maximum = u16::try_from(CREDIT).ok();
    properties.max_packet_size = Some(MAX_PACKET_BYTES);
    options.set_connect_properties(properties);
    if let Some(files) = &connection.tls {
        let config = tls::client_config(files)?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config)));
    }
    Ok(options)
}

/// What the transport's task holds.
struct Line {
    filters: Vec<Subscription>,
    told: mpsc::UnboundedSender<BrokerEvent>,
    current: watch::Sender<Option<(u32, AsyncClient)>>,
    flow: Arc<Flow>,
}

impl Line {
    /// One connection after the other, with full-jitter backoff between them.
    async fn keep_up(self, options: MqttOptions) {
        let mut epoch = 0;
        let mut backoff = BACKOFF_FIRST;
        loop {
            epoch += 1;
            let (client, mut connection) = AsyncClient::new(options.clone(), REQUESTS);
            let begun = tokio::time::Instant::now();
            let trouble = self.connection(epoch, &client, &mut connection).await;
            self.current.send_replace(None);
            let detail = doorward_events::bounded_text(&trouble, MAX_TROUBLE);
            if self.told.send(BrokerEvent::Disconnected { epoch, detail }).is_err() {
                return;
            }
            if begun.elapsed() >= STABLE {
                backoff = BACKOFF_FIRST;
            }
            tokio::time::sleep(backoff.mul_f64(fastrand::f64())).await;
            backoff = (backoff * 2).min(BACKOFF_MOST);
        }
    }

    /// Polls one connection until it ends; says why.
    async fn connection(
        &self,
        epoch: u32,
        client: &AsyncClient,
        connection: &mut EventLoop,
    ) -> String {
        loop {
            self.flow.may_poll().await;
            let event = match connection.poll().await {
                Ok(event) => event,
                Err(error) => return describe(&error),
            };
            let told = match event {
                Event::Incoming(Packet::ConnAck(answer)) => {
                    self.subscribe(client);
                    self.current.send_replace(Some((epoch, client.clone())));
                    BrokerEvent::Connected { epoch, session: answer.session_present }
                }
                Event::Incoming(Packet::Publish(publish)) => {
                    self.flow.arrived(publish.payload.len());
                    BrokerEvent::Message(delivery(epoch, publish))
                }
                Event::Incoming(Packet::SubAck(answer)) => {
                    for code in &answer.return_codes {
                        if !matches!(code, SubscribeReasonCode::Success(_)) {
                            tracing::error!(
                                ?code,
                                "the broker refused a subscription; see its ACL"
                            );
                        }
                    }
                    continue;
                }
                _ => continue,
            };
            if self.told.send(told).is_err() {
                return "nobody listens any more".to_owned();
            }
        }
    }

    /// Also where the broker has our session: the filters may be others than at its beginning.
    /// What the broker keeps comes only for a subscription that is new to it; commands that it keeps
    /// come each time, and are told apart when they are published.
    fn subscribe(&self, client: &AsyncClient) {
        for Subscription { filter, commands } in &self.filters {
            let mut filter = Filter::new(filter.as_str(), QoS::AtLeastOnce);
            filter.preserve_retain = *commands;
            filter.retain_forward_rule = if *commands {
                RetainForwardRule::OnEverySubscribe
            } else {
                RetainForwardRule::OnNewSubscribe
            };
            if let Err(error) = client.try_subscribe_many([filter]) {
                tracing::error!(%error, "a subscription could not be queued");
            }
        }
    }
}

fn delivery(epoch: u32, mut publish: Publish) -> Delivery {
    let topic = String::from_utf8_lossy(&publish.topic).into_owned();
    let payload = std::mem::take(&mut publish.payload);
    let retained = publish.retain;
    let receipt = (publish.qos != QoS::AtMostOnce).then(|| {
        publish.topic = Bytes::new();
        Receipt { epoch, publish }
    });
    Delivery { topic, payload, retained, receipt, epoch }
}

/// What went wrong, with the usual cause where the library's words do not say it.
pub(super) fn describe(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => {
            format!("the broker refused the connection: {code:?}")
        }
        ConnectionError::Io(error) => format!("{error}"),
        ConnectionError::Tls(error) => format!("TLS: {error}"),
        // In TLS 1.3 the broker looks at our certificate only after our side is done with the
        // handshake: its refusal arrives where an answer to CONNECT is expected.
        ConnectionError::MqttState(StateError::Deserialization(MqttError::Io(error))) => {
            match tls_alert(error) {
                Some(alert) => format!("TLS: the broker refused us: {alert:?}"),
                None => format!("{error}"),
            }
        }
        other => other.to_string(),
    }
}

fn tls_alert(error: &std::io::Error) -> Option<rustls::AlertDescription> {
    match error.get_ref()?.downcast_ref()? {
        rustls::Error::AlertReceived(alert) => Some(*alert),
        _ => None,
    }
}
