//! An MQTT 5 client of a test: a device, a bridge, a witness. It connects again by itself, with
//! a clean session, and says of every publication what became of it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use rumqttc::{Outgoing, TlsConfiguration, Transport};

use super::wait_for;

/// Publications handed over and not yet answered; [`Client::publish`] waits beyond.
const OUTSTANDING: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(30);

/// What became of a publication.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// At QoS 0: it left this process.
    Sent,
    /// The broker's answer.
    Answered(PubAckReason),
    /// The connection went before an answer.
    Lost,
}

impl Fate {
    /// The broker has taken it over.
    pub fn is_taken(self) -> bool {
        matches!(self, Self::Answered(PubAckReason::Success | PubAckReason::NoMatchingSubscribers))
    }
}

/// What the client heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub topic: String,
    pub payload: Vec<u8>,
}

#[derive(Default)]
struct Shared {
    client: Option<AsyncClient>,
    /// Handed over and not yet sent, in order.
    queued: VecDeque<u64>,
    in_flight: HashMap<u16, u64>,
    fates: HashMap<u64, Fate>,
    next: u64,
    subscribed: usize,
    connections: u64,
    heard: Vec<Heard>,
    stop: bool,
}

impl Shared {
    fn outstanding(&self) -> usize {
        self.queued.len() + self.in_flight.len()
    }

    fn lose(&mut self) {
        self.client = None;
        self.subscribed = 0;
        let queued = std::mem::take(&mut self.queued);
        let in_flight = std::mem::take(&mut self.in_flight);
        for number in queued.into_iter().chain(in_flight.into_values()) {
            self.fates.insert(number, Fate::Lost);
        }
    }
}

/// A client in the background until dropped.
pub struct Client {
    shared: Arc<Mutex<Shared>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Client {
    /// In clear, subscribed to `filters` at QoS 1. Waits until it is.
    pub fn connect(port: u16, id: &str, filters: &[&str]) -> Self {
        Self::start(MqttOptions::new(id, "127.0.0.1", port), filters)
    }

    /// In clear, with a password.
    pub fn connect_as(port: u16, user: &str, password: &str, filters: &[&str]) -> Self {
        let mut options = MqttOptions::new(format!("test-{user}-clear"), "127.0.0.1", port);
        options.set_credentials(user, password);
        Self::start(options, filters)
    }

    /// With mutual TLS.
    pub fn connect_tls(
        port: u16,
        id: &str,
        tls: Arc<rustls::ClientConfig>,
        filters: &[&str],
    ) -> Self {
        let mut options = MqttOptions::new(id, "127.0.0.1", port);
        options.set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)));
        Self::start(options, filters)
    }

    fn start(mut options: MqttOptions, filters: &[&str]) -> Self {
        options.set_clean_start(true);
        options.set_keep_alive(PATIENCE);
        options.set_outgoing_inflight_upper_limit(100);
        options.set_max_packet_size(Some(4 << 20));
        let filters: Vec<String> = filters.iter().map(|&filter| filter.to_owned()).collect();
        let count = filters.len();
        let shared = Arc::new(Mutex::new(Shared::default()));
        let thread = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || {
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(stay_connected(&options, &filters, &shared));
            }
        });
        let client = Self { shared, thread: Some(thread) };
        client.connected(count);
        client
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }

    /// Waits until it has its broker, and all its subscriptions there.
    pub fn connected(&self, subscriptions: usize) {
        wait_for("a test's client is connected", PATIENCE, || {
            let shared = self.shared();
            (shared.client.is_some() && shared.subscribed >= subscriptions).then_some(())
        });
    }

    /// How many connections there have been.
    pub fn connections(&self) -> u64 {
        self.shared().connections
    }

    /// Hands a publication over, and gives the number under which its fate is found. Waits while
    /// too many are unanswered.
    pub fn publish(&self, topic: &str, payload: &[u8], qos: QoS, retain: bool) -> u64 {
        wait_for("the broker answers what was published", PATIENCE, || {
            (self.shared().outstanding() < OUTSTANDING).then_some(())
        });
        let mut shared = self.shared();
        shared.next += 1;
        let number = shared.next;
        let Some(client) = shared.client.clone() else {
            shared.fates.insert(number, Fate::Lost);
            return number;
        };
        client.try_publish(topic, qos, retain, payload.to_vec()).unwrap();
        shared.queued.push_back(number);
        number
    }

    /// What became of a publication, as soon as it is known.
    pub fn fate(&self, number: u64) -> Fate {
        wait_for("the fate of a publication", PATIENCE, || {
            self.shared().fates.get(&number).copied()
        })
    }

    /// Publishes at QoS 1 and waits for the broker's answer.
    pub fn tell(&self, topic: &str, payload: &[u8]) -> Fate {
        self.fate(self.publish(topic, payload, QoS::AtLeastOnce, false))
    }

    /// Publishes at QoS 1, for the broker to keep.
    pub fn leave(&self, topic: &str, payload: &[u8]) -> Fate {
        self.fate(self.publish(topic, payload, QoS::AtLeastOnce, true))
    }

    /// Waits until the broker has answered everything.
    pub fn settled(&self) {
        wait_for("the broker answers everything", PATIENCE, || {
            (self.shared().outstanding() == 0).then_some(())
        });
    }

    /// Everything heard so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.shared().heard.clone()
    }

    /// Waits for a message on `topic` beyond the first `after` that were heard.
    pub fn hears(&self, topic: &str, after: usize) -> Heard {
        wait_for(&format!("a message on {topic}"), PATIENCE, || {
            self.shared().heard.iter().skip(after).find(|heard| heard.topic == topic).cloned()
        })
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        {
            let mut shared = self.shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            shared.stop = true;
            if let Some(client) = &shared.client {
                let _ = client.try_disconnect();
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn stay_connected(options: &MqttOptions, filters: &[String], shared: &Mutex<Shared>) {
    loop {
        let (client, mut events) = AsyncClient::new(options.clone(), 2 * OUTSTANDING);
        while let Ok(event) = events.poll().await {
            let mut shared = shared.lock().unwrap();
            match event {
                Event::Incoming(Packet::ConnAck(_)) => {
                    for filter in filters {
                        client.try_subscribe(filter.as_str(), QoS::AtLeastOnce).unwrap();
                    }
                    shared.client = Some(client.clone());
                    shared.connections += 1;
                    if shared.stop {
                        client.try_disconnect().unwrap();
                    }
                }
                Event::Incoming(Packet::SubAck(_)) => shared.subscribed += 1,
                Event::Incoming(Packet::Publish(message)) => shared.heard.push(Heard {
                    topic: String::from_utf8(message.topic.to_vec()).unwrap(),
                    payload: message.payload.to_vec(),
                }),
                Event::Outgoing(Outgoing::Publish(id)) => {
                    let number = shared.queued.pop_front().unwrap();
                    if id == 0 {
                        shared.fates.insert(number, Fate::Sent);
                    } else {
                        shared.in_flight.insert(id, number);
                    }
                }
                Event::Incoming(Packet::PubAck(answer)) => {
                    let number = shared.in_flight.remove(&answer.pkid).unwrap();
                    shared.fates.insert(number, Fate::Answered(answer.reason));
                }
                _ => {}
            }
        }
        let stopped = {
            let mut shared = shared.lock().unwrap();
            shared.lose();
            shared.stop
        };
        if stopped {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
