//! A door that opens for whom it should, once: the gateway's own binary between a lock that counts
//! and a bus.

pub mod cloud;
pub mod courier;
pub mod delivery;
mod downlink;
mod killed;
mod leaving;
mod operator;
mod trusted;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::lock::Lock;
use crate::support::sink::{Entry, Sink};
use crate::support::wait_for;

pub const LOCK: &str = "0x000d6f0011223344";
pub const CONTACT: &str = "0x00158d0001a2b3c4";

/// What a door has around it beside the usual.
#[derive(Default)]
pub struct Around<'a> {
    /// What else is in doorward.toml, before its entries.
    pub more: &'a str,
    /// Further vendors: name and file.
    pub vendors: &'a [(&'a str, &'a str)],
    /// What the core's environment has beside the usual.
    pub environment: Vec<(&'static str, PathBuf)>,
    /// The broker keeps what it holds over its restarts.
    pub persistent: bool,
    /// The devices may send no more than usual.
    pub limited: bool,
}

/// How often who was connected to the broker.
pub struct Connections {
    contact: u64,
    sessions: usize,
    readies: usize,
}

/// One door with a lock and a contact.
pub struct Stand {
    pub broker: Broker,
    pub sink: Sink,
    pub lock: Lock,
    pub contact: Client,
    pub gateway: Gateway,
}

impl Stand {
    /// Everything up, the door known to be locked and closed. `more`: what else is in
    /// doorward.toml, before its entries.
    pub fn start(folder: &Path, more: &str) -> Self {
        Self::amid(folder, Around { more, ..Around::default() })
    }

    /// The same with more around it.
    pub fn amid(folder: &Path, around: Around<'_>) -> Self {
        let Around { more, vendors, environment, persistent, limited } = around;
        let broker = Broker::start(&folder.join("broker"), "", persistent);
        let sink = Sink::start();
        let lock = Lock::start(broker.port, "front_lock");
        let contact = Client::connect(broker.port, "front_contact", &[]);
        let entry = format!(
            "{more}[[entry]]\nid = \"front\"\ntimers = {{ confirm_s = 5 }}\n\
             roles = {{ lock = \"zigbee2mqtt:{LOCK}\", position = \"zigbee2mqtt:{CONTACT}\" }}\n"
        );
        let setup = Setup {
            folder: &folder.join("gateway"),
            broker_port: broker.port,
            doors: 0,
            bus: eventbridge("test", sink.port) + &entry,
            mqtt: if limited { "[limits]\n" } else { "" }.to_owned() + &pinned(),
        };
        let gateway = Gateway::start_amid(&setup, vendors, environment);
        gateway.connected();
        let stand = Self { broker, sink, lock, contact, gateway };
        stand.known();
        stand
    }

    /// Waits until both devices of the door have spoken since the last gap, and can be spoken to.
    pub fn known(&self) {
        // What is said before the subscription stands is not heard.
        wait_for("the door is known", Duration::from_secs(60), || {
            self.leaf(true);
            let door = self.gateway.door("front")?;
            let known = door["lock"]["quality"] == "observed";
            let known = known && door["position"]["quality"] == "observed";
            (known && self.gateway.is_ready()).then_some(())
        });
    }

    /// The broker is gone.
    pub fn broker_away(&mut self) -> Connections {
        let so_far = Connections {
            contact: self.contact.connections(),
            sessions: self.gateway.sessions().len(),
            readies: self.gateway.readies(),
        };
        self.broker.kill();
        so_far
    }

    /// It is back, and contact and gateway have it again.
    pub fn broker_back(&mut self, so_far: &Connections) {
        self.broker.up();
        wait_for("the contact is connected again", Duration::from_secs(60), || {
            (self.contact.connections() > so_far.contact).then_some(())
        });
        self.contact.connected(0);
        self.gateway.connected_again(so_far.sessions);
        self.gateway.ready_again(so_far.readies);
    }

    /// Somebody locks the door again, which the gateway sees.
    pub fn relock(&self) {
        self.lock.by_hand(false);
        self.gateway.fact("front", "lock", "locked", "observed");
    }

    /// The leaf is shut, or stands open.
    pub fn leaf(&self, shut: bool) {
        let payload = format!("{{\"contact\":{shut}}}");
        assert!(self.contact.tell("zigbee2mqtt/front_contact", payload.as_bytes()).is_taken());
    }

    /// The lines of JSON that a command line answers.
    pub fn lines(&self, arguments: &[&str]) -> (Vec<Value>, Option<i32>) {
        let output = self.gateway.command().args(arguments).arg("--json").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let values = serde_json::Deserializer::from_str(&text).into_iter();
        (values.map(Result::unwrap).collect(), output.status.code())
    }

    /// Waits until the bus has a command's end, and gives it.
    pub fn ends(&self, state: &str) -> Entry {
        self.sink.gets("command.state_changed", |entry| detail(entry)["data"]["state"] == state)
    }
}

/// The addresses of the door's devices, to stand behind `[mqtt]`.
pub fn pinned() -> String {
    format!(
        "[[endpoint]]\nid = \"{LOCK}\"\naddress = \"front_lock\"\n\
         [[endpoint]]\nid = \"{CONTACT}\"\naddress = \"front_contact\"\n"
    )
}

/// What a subscriber's message carries.
pub fn detail_of(message: &Value) -> Value {
    message["detail"].clone()
}

pub fn detail(entry: &Entry) -> Value {
    entry.detail.clone()
}
