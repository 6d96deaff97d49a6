//! Locks behind zigbee2mqtt that answer at once, and the moment at which each heard its command.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rumqttc::{Client, Event, MqttOptions, NetworkOptions, Packet, QoS};

/// How many locks there are: what is told of one is over before its turn comes again.
pub const LOCKS: usize = 8;
/// The topic on which a message goes through the broker and back, and nothing else.
const ECHO: &str = "bench/echo";
/// Longer than anything takes here.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something came.
struct Heard {
    topic: String,
    at: Instant,
}

/// The locks and their connection.
pub struct Locks {
    client: Client,
    heard: Receiver<Heard>,
}

/// The topic of a lock.
fn topic(lock: usize) -> String {
    format!("zigbee2mqtt/lock-{lock}")
}

impl Locks {
    /// Connects, and answers commands from now on.
    pub fn start(broker: u16) -> Result<Self> {
        let mut options = MqttOptions::new("bench-locks", "127.0.0.1", broker);
        options.set_keep_alive(Duration::from_secs(30));
        let (client, mut connection) = Client::new(options, 64);
        let mut network = NetworkOptions::new();
        network.set_tcp_nodelay(true);
        connection.eventloop.set_network_options(network);
        for filter in ["zigbee2mqtt/+/set", "zigbee2mqtt/+/get", ECHO] {
            client.subscribe(filter, QoS::AtMostOnce)?;
        }
        let (tell, heard): (SyncSender<Heard>, _) = sync_channel(1024);
        let answering = client.clone();
        std::thread::spawn(move || {
            for event in connection.iter() {
                let Ok(Event::Incoming(Packet::Publish(message))) = event else { continue };
                let at = Instant::now();
                let answered = match message.topic.strip_suffix("/set") {
                    Some(lock) => say(&answering, lock, true),
                    None => match message.topic.strip_suffix("/get") {
                        Some(lock) => say(&answering, lock, false),
                        None => Ok(()),
                    },
                };
                if answered.is_err() || tell.send(Heard { topic: message.topic, at }).is_err() {
                    return;
                }
            }
        });
        Ok(Self { client, heard })
    }

    /// A lock says that it is locked.
    pub fn lock(&self, lock: usize) -> Result<()> {
        say(&self.client, &topic(lock), false)
    }

    /// When the command stood at this lock. Whatever else was heard before is passed over.
    pub fn command(&self, lock: usize) -> Result<Instant> {
        self.heard_on(&format!("{}/set", topic(lock)))
    }

    /// How long a message takes through the broker.
    pub fn echo(&self) -> Result<Duration> {
        let begun = Instant::now();
        self.client.publish(ECHO, QoS::AtMostOnce, false, "echo")?;
        Ok(self.heard_on(ECHO)?.duration_since(begun))
    }

    fn heard_on(&self, topic: &str) -> Result<Instant> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            let heard = self.heard.recv_timeout(PATIENCE).context("nothing is heard any more")?;
            if heard.topic == topic {
                return Ok(heard.at);
            }
        }
        bail!("nothing was heard on {topic}")
    }
}

/// A lock says where its bolt is.
fn say(client: &Client, topic: &str, unlocked: bool) -> Result<()> {
    let (word, bolt) = if unlocked { ("UNLOCK", "unlocked") } else { ("LOCK", "locked") };
    let said = format!("{{\"state\":\"{word}\",\"lock_state\":\"{bolt}\"}}");
    Ok(client.publish(topic, QoS::AtMostOnce, false, said)?)
}
