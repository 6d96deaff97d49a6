//! The simulated door: a lock and a contact on a zigbee2mqtt bridge. Told to unlock, its bolt moves,
//! somebody goes in, the leaf falls shut and the bolt goes home: a whole visit.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::{interval, sleep};

/// The lock's own identity.
pub const LOCK: &str = "0x00124b0024c9d2a1";
/// The contact's own identity.
pub const CONTACT: &str = "0x00158d0001a2b3c4";
/// The lock's friendly name on the bridge.
pub const LOCK_NAME: &str = "sandbox_lock";
/// The contact's.
pub const CONTACT_NAME: &str = "sandbox_contact";

/// How long the bolt moves.
const BOLT: Duration = Duration::from_millis(600);
/// After what time somebody opens the leaf, how long it stands open, and when the bolt goes home.
const VISIT: [Duration; 3] =
    [Duration::from_secs(1), Duration::from_secs(2), Duration::from_secs(1)];
/// How often both devices say how they are.
const SPEAK: Duration = Duration::from_secs(10);
/// After what time a lost connection is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// Messages between this door's tasks.
const ROOM: usize = 64;

/// What the door is.
#[derive(Debug, Clone, Copy)]
struct State {
    is_locked: bool,
    is_shut: bool,
}

/// What moves it.
#[derive(Debug, Clone, Copy)]
enum Act {
    Lock,
    Unlock,
    Open,
    Shut,
    Tell,
}

/// The door, until it is dropped.
pub struct Door {
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Drop for Door {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Door {
    /// Connects it to the broker at `port`; it is locked and shut.
    pub fn start(port: u16) -> Self {
        let mut options = MqttOptions::new("zigbee2mqtt-sandbox", "127.0.0.1", port);
        options.set_clean_start(true);
        options.set_keep_alive(Duration::from_secs(30));
        options.set_max_packet_size(Some(1 << 20));
        let (client, events) = AsyncClient::new(options, ROOM);
        let (act, acts) = mpsc::channel(ROOM);
        let listening = tokio::spawn(listen(client.clone(), events, act.clone()));
        let moving = tokio::spawn(serve(client, act, acts));
        Self { tasks: vec![listening, moving] }
    }
}

async fn listen(client: AsyncClient, mut events: EventLoop, acts: mpsc::Sender<Act>) {
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                for verb in ["set", "get"] {
                    let filter = format!("zigbee2mqtt/{LOCK_NAME}/{verb}");
                    let _ = client.try_subscribe(filter, QoS::AtLeastOnce);
                }
                let filter = format!("zigbee2mqtt/{CONTACT_NAME}/get");
                let _ = client.try_subscribe(filter, QoS::AtLeastOnce);
                let _ = acts.try_send(Act::Tell);
            }
            Ok(Event::Incoming(Packet::Publish(message))) => {
                let payload: Value = serde_json::from_slice(&message.payload).unwrap_or_default();
                let act = match payload.get("state").and_then(Value::as_str) {
                    Some("UNLOCK") if message.topic.ends_with(b"/set") => Act::Unlock,
                    Some("LOCK") if message.topic.ends_with(b"/set") => Act::Lock,
                    _ => Act::Tell,
                };
                let _ = acts.try_send(act);
            }
            Ok(_) => {}
            Err(_) => sleep(AGAIN).await,
        }
    }
}

async fn serve(client: AsyncClient, later: mpsc::Sender<Act>, mut acts: mpsc::Receiver<Act>) {
    let mut state = State { is_locked: true, is_shut: true };
    let mut speak = interval(SPEAK);
    loop {
        let act = tokio::select! {
            act = acts.recv() => act.unwrap_or(Act::Tell),
            _ = speak.tick() => Act::Tell,
        };
        match act {
            Act::Unlock => {
                sleep(BOLT).await;
                state.is_locked = false;
                let later = later.clone();
                tokio::spawn(async move {
                    for (wait, act) in VISIT.into_iter().zip([Act::Open, Act::Shut, Act::Lock]) {
                        sleep(wait).await;
                        let _ = later.try_send(act);
                    }
                });
            }
            Act::Lock => {
                sleep(BOLT).await;
                // A bolt does not go home beside its hole.
                state.is_locked |= state.is_shut;
            }
            Act::Open => state.is_shut &= state.is_locked,
            Act::Shut => state.is_shut = true,
            Act::Tell => {}
        }
        tell(&client, state);
    }
}

fn tell(client: &AsyncClient, state: State) {
    let (word, lock) = if state.is_locked { ("LOCK", "locked") } else { ("UNLOCK", "unlocked") };
    let lock = json!({ "state": word, "lock_state": lock });
    let contact = json!({ "contact": state.is_shut });
    for (name, payload) in [(LOCK_NAME, lock), (CONTACT_NAME, contact)] {
        let topic = format!("zigbee2mqtt/{name}");
        let _ = client.try_publish(topic, QoS::AtLeastOnce, false, payload.to_string());
    }
}
