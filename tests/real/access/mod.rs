//! A door that opens for whom it should, once: the gateway's own binary between a lock that counts
//! and a bus.

mod courier;
mod downlink;
mod killed;
mod operator;
mod trusted;

use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::lock::Lock;
use crate::support::sink::{Entry, Sink};
use crate::support::wait_for;

const LOCK: &str = "0x000d6f0011223344";
const CONTACT: &str = "0x00158d0001a2b3c4";

/// One door with a lock and a contact.
pub struct Stand {
    _broker: Broker,
    pub sink: Sink,
    pub lock: Lock,
    pub contact: Client,
    pub gateway: Gateway,
}

impl Stand {
    /// Everything up, the door known to be locked and closed. `more`: what else is in
    /// doorward.toml, before its entries.
    pub fn start(folder: &Path, more: &str) -> Self {
        let broker = Broker::start(&folder.join("broker"), "", false);
        let sink = Sink::start();
        let lock = Lock::start(broker.port, "front_lock");
        let contact = Client::connect(broker.port, "front_contact", &[]);
        let entry = format!(
            "{more}[[entry]]\nid = \"front\"\ntimers = {{ confirm_s = 5 }}\n\
             roles = {{ lock = \"zigbee2mqtt:{LOCK}\", position = \"zigbee2mqtt:{CONTACT}\" }}\n"
        );
        let gateway = Gateway::start(&Setup {
            folder: &folder.join("gateway"),
            broker_port: broker.port,
            doors: 0,
            bus: eventbridge("test", sink.port) + &entry,
            mqtt: format!(
                "[[endpoint]]\nid = \"{LOCK}\"\naddress = \"front_lock\"\n\
                 [[endpoint]]\nid = \"{CONTACT}\"\naddress = \"front_contact\"\n"
            ),
        });
        gateway.connected();
        let stand = Self { _broker: broker, sink, lock, contact, gateway };
        // What is said before the subscription stands is not heard.
        wait_for("the door is known", Duration::from_secs(60), || {
            stand.leaf(true);
            let door = stand.gateway.door("front")?;
            let known = door["lock"]["quality"] == "observed";
            (known && door["position"]["quality"] == "observed").then_some(())
        });
        stand
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

/// What a subscriber's message carries.
pub fn detail_of(message: &Value) -> Value {
    message["detail"].clone()
}

pub fn detail(entry: &Entry) -> Value {
    entry.detail.clone()
}
