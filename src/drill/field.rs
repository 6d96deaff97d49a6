//! The devices: sensors that speak at a steady rate, locks that do what they are told, and one that
//! goes mad. And the drill's own voice to misbehaving processes.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use jiff::Timestamp;
use rumqttc::Outgoing;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Filter, Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use tokio::sync::{Notify, oneshot};
use tokio_util::task::AbortOnDropHandle;

use super::names::{LOCKS, VENDORS, WATCHED, lock, sensor, vendor_of};
use super::tape::{Reading, Tape, Told};
use crate::domain::ids::VendorId;
use crate::vendor::faults::{MARK, Order, Said, ears, said_on};

/// Messages of a mad device a second, and at most.
const MAD_RATE: f64 = 10_000.0;
/// So often it speaks: ten messages at a time.
const MAD_PACE: Duration = Duration::from_millis(1);
const MAD_MOST: f64 = 100_000.0;
/// Messages between the drill and its broker that wait.
const WAITING: usize = 20_000;
/// How long a subscription may take.
const SUBSCRIBED: Duration = Duration::from_secs(20);
/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(100);

fn connect(id: &str, port: u16) -> (AsyncClient, rumqttc::v5::EventLoop) {
    let mut options = MqttOptions::new(id, "127.0.0.1", port);
    options.set_clean_start(true);
    let mut network = rumqttc::NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    AsyncClient::new(options, WAITING)
}

/// What a contact says: it opens and closes in turn, and says when.
fn payload(closed: bool, time: &str) -> String {
    format!(
        "{{\"battery\":null,\"contact\":{closed},\"last_seen\":\"{time}\",\"linkquality\":113}}"
    )
}

/// Sensors under a steady load; they fall silent when this is dropped.
pub struct Sensors(#[expect(dead_code, reason = "held for its end")] AbortOnDropHandle<()>);

impl Sensors {
    /// All sensors of all vendors in turn, `rate` messages a second together.
    pub fn start(port: u16, sensors: usize, rate: f64, tape: Arc<Tape>) -> Self {
        let doors: Vec<(String, String)> = (0..sensors)
            .flat_map(|number| VENDORS.iter().map(move |vendor| (*vendor, number)))
            .map(|(vendor, number)| {
                let name = sensor(vendor, number);
                (format!("{vendor}/{name}"), name)
            })
            .collect();
        let task = tokio::spawn(speak(port, doors, rate, tape));
        Self(AbortOnDropHandle::new(task))
    }
}

async fn speak(port: u16, doors: Vec<(String, String)>, rate: f64, tape: Arc<Tape>) {
    let (client, mut events) = connect("drill-sensors", port);
    let mut queued: VecDeque<Reading> = VecDeque::new();
    let mut in_flight: HashMap<u16, Reading> = HashMap::new();
    let mut tick = tokio::time::interval(Duration::from_secs_f64(1.0 / rate));
    let mut turn = 0_usize;
    loop {
        let event = tokio::select! {
            _ = tick.tick() => {
                let round = turn / doors.len();
                let Some((topic, door)) = doors.get(turn % doors.len()) else { return };
                turn += 1;
                let now = Timestamp::now();
                let reading = (door.clone(), now.as_millisecond());
                let told = Told { sent: Instant::now(), taken: false, arrived: None };
                let text = payload(round % 2 == 1, &format!("{now:.3}"));
                if client.try_publish(topic.as_str(), QoS::AtLeastOnce, false, text).is_ok() {
                    tape.marks().readings.insert(reading.clone(), told);
                    queued.push_back(reading);
                }
                continue;
            }
            event = events.poll() => event,
        };
        match event {
            Ok(Event::Outgoing(Outgoing::Publish(id))) => {
                if let Some(reading) = queued.pop_front() {
                    in_flight.insert(id, reading);
                }
            }
            Ok(Event::Incoming(Packet::PubAck(ack))) => {
                if let Some(reading) = in_flight.remove(&ack.pkid)
                    && let Some(told) = tape.marks().readings.get_mut(&reading)
                {
                    told.taken = true;
                }
            }
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the drill's sensors lost their broker");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// A device gone mad; it ends when this is dropped, or at its bound. In the field it is another
/// machine's: here it has a thread of its own, and what the others leave of the processor.
pub struct Mad(#[expect(dead_code, reason = "held for its end")] oneshot::Sender<()>);

impl Mad {
    /// The first sensor of this vendor, each message another state.
    pub fn sensor(port: u16, vendor: &str) -> anyhow::Result<Self> {
        Self::start(port, format!("{vendor}/{}", sensor(vendor, 0)))
    }

    /// The same where nobody listens.
    pub fn unheard(port: u16) -> anyhow::Result<Self> {
        Self::start(port, "nobody/sensor".to_owned())
    }

    fn start(port: u16, topic: String) -> anyhow::Result<Self> {
        let (held, dropped) = oneshot::channel();
        let speaking = std::thread::Builder::new().name("mad device".to_owned());
        speaking.spawn(move || {
            doorward_sandbox::this_thread_computes_last()?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                tokio::select! {
                    () = rave(port, topic) => {}
                    _ = dropped => {}
                }
            });
            anyhow::Ok(())
        })?;
        Ok(Self(held))
    }
}

/// Without acknowledgements.
async fn rave(port: u16, topic: String) {
    let (client, mut events) = connect("drill-mad", port);
    let begun = Instant::now();
    let mut tick = tokio::time::interval(MAD_PACE);
    let mut sent = 0.0;
    while sent < MAD_MOST {
        tokio::select! {
            _ = tick.tick() => {
                while sent < begun.elapsed().as_secs_f64() * MAD_RATE {
                    let text = payload(sent % 2.0 < 1.0, &format!("{:.6}", Timestamp::now()));
                    if client.try_publish(topic.as_str(), QoS::AtMostOnce, false, text).is_err() {
                        break;
                    }
                    sent += 1.0;
                }
            }
            event = events.poll() => if event.is_err() { return },
        }
    }
}

/// The locks, and what is said between the drill and misbehaving processes.
pub struct Locks {
    client: AsyncClient,
    _task: AbortOnDropHandle<()>,
}

impl Locks {
    /// Connects; commands are answered at once from now on, and nothing that a process says is
    /// missed.
    pub async fn start(port: u16, tape: Arc<Tape>) -> anyhow::Result<Self> {
        let (client, events) = connect("drill-locks", port);
        let subscribed = Arc::new(Notify::new());
        let task = tokio::spawn(hear(client.clone(), events, tape, Arc::clone(&subscribed)));
        let locks = Self { client, _task: AbortOnDropHandle::new(task) };
        let waiting = tokio::time::timeout(SUBSCRIBED, subscribed.notified()).await;
        waiting.context("the drill's broker takes no subscription")?;
        Ok(locks)
    }

    /// A lock says that it is locked.
    pub fn lock(&self, door: &str) {
        say(&self.client, &format!("{}/{door}", vendor_of(door)), false);
    }

    /// All of them do.
    pub fn lock_all(&self) {
        for vendor in VENDORS {
            (0..LOCKS).for_each(|number| self.lock(&lock(vendor, number)));
        }
    }

    /// Tells a vendor's process to misbehave.
    pub fn order(&self, vendor: &str, order: &Order) -> anyhow::Result<()> {
        let text = serde_json::to_vec(order)?;
        let topic = ears(&VendorId::new(vendor));
        Ok(self.client.try_publish(topic, QoS::AtLeastOnce, false, text)?)
    }
}

fn say(client: &AsyncClient, topic: &str, unlocked: bool) {
    let (word, bolt) = if unlocked { ("UNLOCK", "unlocked") } else { ("LOCK", "locked") };
    let text = format!("{{\"state\":\"{word}\",\"lock_state\":\"{bolt}\"}}");
    let _ = client.try_publish(topic, QoS::AtLeastOnce, false, text);
}

async fn hear(
    client: AsyncClient,
    mut events: rumqttc::v5::EventLoop,
    tape: Arc<Tape>,
    subscribed: Arc<Notify>,
) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                // A sensor's own topic shows who else speaks there.
                let filters = VENDORS.iter().flat_map(|vendor| {
                    let watched = format!("{vendor}/{}", sensor(vendor, WATCHED));
                    let said = said_on(&VendorId::new(*vendor));
                    [format!("{vendor}/+/set"), format!("{vendor}/+/get"), said, watched]
                });
                let filters = filters.map(|filter| Filter::new(filter, QoS::AtMostOnce));
                let _ = client.try_subscribe_many(filters.collect::<Vec<_>>());
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => subscribed.notify_one(),
            Ok(Event::Incoming(Packet::Publish(message))) => heard(&client, &message, &tape),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(%error, "the drill's locks lost their broker");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn heard(client: &AsyncClient, message: &Publish, tape: &Tape) {
    let at = Instant::now();
    let Ok(topic) = std::str::from_utf8(&message.topic) else { return };
    if let Some(vendor) = topic.strip_prefix("doorward-drill/") {
        let vendor = vendor.trim_end_matches("/said").to_owned();
        if let Ok(said) = serde_json::from_slice::<Said>(&message.payload) {
            tape.marks().said.push((vendor, at, said));
        }
        return;
    }
    if message.payload.windows(MARK.len()).any(|part| part == MARK.as_bytes()) {
        tape.marks().trespasses += 1;
        return;
    }
    if let Some(base) = topic.strip_suffix("/set") {
        say(client, base, true);
        let door = base.rsplit('/').next().unwrap_or_default();
        if let Some(asked) = tape.marks().open(door) {
            asked.wire = Some(at);
        }
    } else if let Some(base) = topic.strip_suffix("/get")
        && base.contains("-lock-")
    {
        say(client, base, false);
    }
}
