//! The door with its bus: an `EventBridge` and SQS queues that others wrote, rules between them, and
//! the gateway that takes its requests out of one.

use std::path::Path;
use std::time::Duration;

use doorward_emulator::{Moto, Queue};
use doorward_events::Draft;
use serde_json::{Value, json};

use super::courier::{Service, trust};
use super::{CONTACT, LOCK, detail_of, pinned};
use crate::support::broker::Broker;
use crate::support::client::Client;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::lock::Lock;
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);
/// Where the delivery service's events come from.
pub const SERVICE: &str = "acme.delivery/eu-1";

/// One door with a lock and a contact, behind a bus.
pub struct Cloud {
    pub moto: Moto,
    /// The gateway's own.
    pub requests: Queue,
    /// Everything that the gateway says.
    told: Queue,
    heard: Vec<Value>,
    _broker: Broker,
    pub lock: Lock,
    pub contact: Client,
    pub gateway: Gateway,
    pub service: Service,
}

impl Cloud {
    /// Everything up, the door known, the service told what the gateway reads. `pattern`: of what
    /// else is on the bus a queue is filled before anything is said, by its name.
    pub fn start(folder: &Path, others: &[(&str, Value)]) -> (Self, Vec<Queue>) {
        let moto = Moto::start(&folder.join("moto"));
        moto.create_bus("doors");
        let asked =
            json!({"detail-type": ["grant.issued", "grant.revoked", "entry.unlock_requested"]});
        let requests = moto.create_queue("doors", "gw-test-requests", &asked);
        let of_gateways = json!({"source": [{"prefix": "doorward.gateway/"}]});
        let told = moto.create_queue("doors", "told", &of_gateways);
        let queue = |(name, pattern): &(&str, Value)| moto.create_queue("doors", name, pattern);
        let others = others.iter().map(queue).collect();
        let broker = Broker::start(&folder.join("broker"), "", false);
        let lock = Lock::start(broker.port, "front_lock");
        let contact = Client::connect(broker.port, "front_contact", &[]);
        let (signer, table) = trust(folder);
        let downlink = format!("[downlink]\nqueue_url = \"{}\"\n", requests.url());
        let entry = format!(
            "[[entry]]\nid = \"front\"\nroles = {{ lock = \"zigbee2mqtt:{LOCK}\", \
             position = \"zigbee2mqtt:{CONTACT}\" }}\n"
        );
        let gateway = Gateway::start_in_earnest(&Setup {
            folder: &folder.join("gateway"),
            broker_port: broker.port,
            doors: 0,
            bus: eventbridge("doors", moto.port) + &table + &downlink + &entry,
            mqtt: pinned(),
        });
        gateway.connected();
        let mut heard: Vec<Value> = Vec::new();
        let started = wait_for("the gateway says that it has started", PATIENCE, || {
            heard.extend(moto.take(&told).iter().map(detail_of));
            heard.iter().find(|event| event["type"] == "gateway.started").cloned()
        });
        let service = Service::told(signer, &started);
        let cloud =
            Self { moto, requests, told, heard, _broker: broker, lock, contact, gateway, service };
        cloud.known();
        (cloud, others)
    }

    /// Waits until both devices of the door have spoken since the last gap, and can be spoken to.
    pub fn known(&self) {
        wait_for("the door is known", PATIENCE, || {
            self.leaf(true);
            let door = self.gateway.door("front")?;
            let known = door["lock"]["quality"] == "observed";
            let known = known && door["position"]["quality"] == "observed";
            (known && self.gateway.is_ready()).then_some(())
        });
    }

    /// The leaf is shut, or stands open.
    pub fn leaf(&self, shut: bool) {
        let payload = format!("{{\"contact\":{shut}}}");
        assert!(self.contact.tell("zigbee2mqtt/front_contact", payload.as_bytes()).is_taken());
    }

    /// Somebody locks the door again, which the gateway sees.
    pub fn relock(&self) {
        self.lock.by_hand(false);
        self.gateway.fact("front", "lock", "locked", "observed");
    }

    /// Puts an event on the bus.
    pub fn put(&self, source: &str, kind: &str, event: &str) {
        let entry = json!({
            "Source": source, "DetailType": kind, "Detail": event, "EventBusName": "doors",
        });
        let put = self.moto.call("events", "AWSEvents.PutEvents", &json!({"Entries": [entry]}));
        assert_eq!(put["FailedEntryCount"], 0, "{put}");
    }

    /// The delivery service says something.
    pub fn publish(&self, draft: &Draft) {
        self.put(SERVICE, draft.event_type().as_str(), &draft.finish());
    }

    /// Everything of one type that the gateway said so far.
    pub fn told(&mut self, kind: &str) -> Vec<Value> {
        self.heard.extend(self.moto.take(&self.told).iter().map(detail_of));
        self.heard.iter().filter(|event| event["type"] == kind).cloned().collect()
    }

    /// Waits until the gateway has said something of this type of which `is` holds.
    pub fn says(&mut self, kind: &str, is: impl Fn(&Value) -> bool) -> Value {
        wait_for(&format!("{kind} comes back"), PATIENCE, || self.told(kind).into_iter().find(&is))
    }

    /// Waits until everything that was asked is settled.
    pub fn settled(&self) {
        wait_for("the queue is empty", PATIENCE, || {
            (self.moto.depth(&self.requests) == (0, 0)).then_some(())
        });
    }

    /// The right request opens the door, once, and by then whatever was to come of those before it
    /// has come.
    pub fn opens_for_the_right_one(&mut self) {
        self.relock();
        let so_far = self.lock.acts().len();
        let request = self.service.request(self.service.grant().to_use().unwrap());
        self.publish(&request.draft);
        let id = request.data.request_id;
        self.says("access.granted", |event| event["data"]["request_id"] == id);
        self.says("command.state_changed", |event| {
            event["data"]["request_id"] == id && event["data"]["state"] == "confirmed"
        });
        self.settled();
        assert_eq!(self.lock.acts().len(), so_far + 1);
    }
}
