//! The second MQTT client, for commands alone: connected ahead of time, with nothing subscribed and
//! no session at the broker.
//!
//! rumqttc sends again what has no PUBACK, and what is queued, when an event loop is polled after an
//! error (`EventLoop::clean` moves both into `pending`). So an event loop is dropped with its first
//! error, together with its channel, and every connection has a new one: what was handed over is
//! written once, or never.

use std::time::Duration;

use doorward_translators::Publication;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectProperties, Packet, PubAckReason, PublishProperties};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use rumqttc::{NetworkOptions, TlsConfiguration, Transport};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Ended, Refused};
use crate::link::{CommandProgress, CommandRefusal, MqttConnection};
use crate::vendor::{mqtt, tls};

/// Less left of a deadline cannot be bounded: MQTT counts a message's expiry in whole seconds (MQTT
/// 5 §3.3.2.3.3), and they are rounded down.
pub const LEAST_LEFT: Duration = Duration::from_secs(1);
/// The least that rumqttc takes: a broker that has gone without a word is to be noticed before a
/// command is.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// A broker that was not heard for longer has not answered the last ping, and gets no command.
const SILENCE: Duration = Duration::from_secs(7);
const CONNECT_TIMEOUT_S: u64 = 10;
const BACKOFF_FIRST: Duration = Duration::from_millis(250);
const BACKOFF_MOST: Duration = Duration::from_secs(10);
/// A connection that stood this long makes the next backoff start anew; so does one that carried a
/// command.
const STABLE: Duration = Duration::from_secs(60);
/// Nothing comes here but answers to one publication.
const MAX_PACKET_BYTES: u32 = 64 << 10;
/// Ends of connections and answers on their way to the session; beyond, a new connection waits.
const TOLD: usize = 4;
/// Longest description of trouble, in characters.
const MAX_TROUBLE: usize = 200;

/// A connection that keeps itself up. Its task ends when this is dropped.
pub struct CommandLine {
    told: mpsc::Receiver<(u32, Answer)>,
    standing: watch::Receiver<Option<Standing>>,
    /// Through which connection none is to be used any more.
    given_up: watch::Sender<u32>,
    /// The connection that the one publication went to which has no answer yet.
    in_flight: Option<u32>,
    _task: tokio_util::task::AbortOnDropHandle<()>,
}

/// A connection that stands.
#[derive(Clone)]
struct Standing {
    epoch: u32,
    client: AsyncClient,
    /// When the broker was heard last.
    heard: Instant,
}

/// What a connection's publication came to.
enum Answer {
    Acknowledged(PubAckReason),
    /// The connection went.
    Gone(String),
}

impl CommandLine {
    /// Starts to connect, whenever `first` stands: a broker that refuses us hears one client knock.
    pub fn connect(connection: &MqttConnection, first: mqtt::Standing) -> anyhow::Result<Self> {
        let options = options(connection)?;
        let (tell, told) = mpsc::channel(TOLD);
        let (current, standing) = watch::channel(None);
        let (given_up, doomed) = watch::channel(0);
        let task = tokio::spawn(Line { tell, current, doomed, first }.keep_up(options));
        let task = tokio_util::task::AbortOnDropHandle::new(task);
        Ok(Self { told, standing, given_up, in_flight: None, _task: task })
    }

    fn standing(&self) -> Result<Standing, Refused> {
        let refused = |words: &str| (CommandRefusal::NotConnected, words.to_owned());
        let standing = self.standing.borrow().clone();
        let standing = standing
            .filter(|standing| standing.epoch > *self.given_up.borrow())
            .ok_or_else(|| refused("no connection to the broker"))?;
        if standing.heard.elapsed() > SILENCE {
            return Err(refused("the broker does not answer"));
        }
        Ok(standing)
    }

    /// Whether a command could be published now.
    pub fn ready(&self) -> Result<(), Refused> {
        if self.in_flight.is_some() {
            return Err((CommandRefusal::Busy, "another command has no answer yet".to_owned()));
        }
        self.standing().map(|_| ())
    }

    /// Publishes it once, not retained, at QoS 1, to be dropped by the broker after `left` in whole
    /// seconds. An error says that nothing was handed over.
    pub fn publish(&mut self, publication: Publication, left: Duration) -> Result<(), Refused> {
        self.ready()?;
        let Some(expiry) = expiry(left) else {
            return Err((CommandRefusal::TooLate, "less than a second is left".to_owned()));
        };
        let standing = self.standing()?;
        let properties = PublishProperties {
            message_expiry_interval: Some(expiry),
            ..PublishProperties::default()
        };
        let Publication { topic, payload } = publication;
        standing
            .client
            .try_publish_with_properties(topic, QoS::AtLeastOnce, false, payload, properties)
            .map_err(|error| (CommandRefusal::NotConnected, error.to_string()))?;
        self.in_flight = Some(standing.epoch);
        Ok(())
    }

    /// What became of the publication in flight. `None` only when the task has ended.
    pub async fn next(&mut self) -> Option<Ended> {
        loop {
            let (epoch, answer) = self.told.recv().await?;
            if self.in_flight == Some(epoch) {
                self.in_flight = None;
                return Some(ended(answer));
            }
        }
    }

    /// Nobody waits for an answer any longer: the connection is dropped, and with it whatever of the
    /// publication was not written.
    pub fn abandon(&mut self) {
        if let Some(epoch) = self.in_flight.take() {
            self.given_up.send_replace(epoch);
        }
    }
}

/// The whole seconds of `left`; `None` for less than one.
fn expiry(left: Duration) -> Option<u32> {
    if left < LEAST_LEFT {
        return None;
    }
    Some(u32::try_from(left.as_secs()).unwrap_or(u32::MAX))
}

/// What an answer says of the command.
fn ended(answer: Answer) -> Ended {
    let rejected = |reason, words: String| (CommandProgress::Rejected { reason }, words);
    match answer {
        Answer::Acknowledged(PubAckReason::Success) => {
            (CommandProgress::Acknowledged, String::new())
        }
        // Our own session is subscribed to the topics of commands, so this is rare; and where it
        // comes, the message went to nobody.
        Answer::Acknowledged(PubAckReason::NoMatchingSubscribers) => rejected(
            CommandRefusal::NotConnected,
            "nobody is subscribed to the command's topic".to_owned(),
        ),
        Answer::Acknowledged(reason) => {
            rejected(CommandRefusal::RefusedByBroker, format!("the broker answered {reason:?}"))
        }
        Answer::Gone(trouble) => (CommandProgress::Indeterminate, trouble),
    }
}

fn options(connection: &MqttConnection) -> anyhow::Result<MqttOptions> {
    let client_id = format!("{}-command", connection.client_id);
    let mut options = MqttOptions::new(client_id, &connection.host, connection.port);
    options.set_keep_alive(KEEP_ALIVE);
    options.set_connection_timeout(CONNECT_TIMEOUT_S);
    options.set_clean_start(true);
    options.set_outgoing_inflight_upper_limit(1);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    let mut properties = ConnectProperties::new();
    properties.session_expiry_interval = Some(0);
    properties.max_packet_size = Some(MAX_PACKET_BYTES);
    options.set_connect_properties(properties);
    if let Some(files) = &connection.tls {
        let config = tls::client_config(files)?;
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(config)));
    }
    Ok(options)
}

/// What the task holds.
struct Line {
    tell: mpsc::Sender<(u32, Answer)>,
    current: watch::Sender<Option<Standing>>,
    doomed: watch::Receiver<u32>,
    first: mqtt::Standing,
}

impl Line {
    /// One connection after the other, with full-jitter backoff between them.
    async fn keep_up(mut self, options: MqttOptions) {
        let mut backoff = BACKOFF_FIRST;
        for epoch in 1.. {
            if self.first.wait_for(Option::is_some).await.is_err() {
                return;
            }
            let (client, mut connection) = AsyncClient::new(options.clone(), 1);
            let begun = Instant::now();
            let mut carried = false;
            let trouble = tokio::select! {
                trouble = connected(&self.tell, &self.current, epoch, client, &mut connection, &mut carried) => trouble,
                _ = self.doomed.wait_for(|through| *through >= epoch) => "no answer in time".to_owned(),
            };
            self.current.send_replace(None);
            tracing::warn!(epoch, trouble, "no connection for commands");
            // An answer that came together with the end.
            let late = connection.state.events.drain(..).find_map(|event| match event {
                Event::Incoming(Packet::PubAck(ack)) => Some(Answer::Acknowledged(ack.reason)),
                _ => None,
            });
            drop(connection);
            let trouble = doorward_events::bounded_text(&trouble, MAX_TROUBLE);
            for answer in late.into_iter().chain([Answer::Gone(trouble)]) {
                if self.tell.send((epoch, answer)).await.is_err() {
                    return;
                }
            }
            if carried || begun.elapsed() >= STABLE {
                backoff = BACKOFF_FIRST;
            }
            tokio::time::sleep(backoff.mul_f64(fastrand::f64())).await;
            backoff = (backoff * 2).min(BACKOFF_MOST);
        }
    }
}

/// Polls one connection until its first error; says what that was.
async fn connected(
    tell: &mpsc::Sender<(u32, Answer)>,
    current: &watch::Sender<Option<Standing>>,
    epoch: u32,
    client: AsyncClient,
    connection: &mut EventLoop,
    carried: &mut bool,
) -> String {
    loop {
        let event = match connection.poll().await {
            Ok(event) => event,
            Err(error) => return mqtt::describe(&error),
        };
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                tracing::info!(epoch, "commands can be sent");
                let heard = Instant::now();
                current.send_replace(Some(Standing { epoch, client: client.clone(), heard }));
            }
            Event::Incoming(Packet::PubAck(ack)) => {
                let answer = Answer::Acknowledged(ack.reason);
                if tell.send((epoch, answer)).await.is_err() {
                    return "nobody listens any more".to_owned();
                }
                heard_now(current);
            }
            Event::Incoming(_) => heard_now(current),
            Event::Outgoing(rumqttc::Outgoing::Publish(_)) => *carried = true,
            Event::Outgoing(_) => {}
        }
    }
}

fn heard_now(current: &watch::Sender<Option<Standing>>) {
    current.send_modify(|standing| {
        if let Some(standing) = standing {
            standing.heard = Instant::now();
        }
    });
}

#[cfg(test)]
mod tests;
