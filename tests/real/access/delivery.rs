//! The whole way: the example delivery service, over a bus that others wrote, to the gateway, to a
//! lock that takes its time, and back until the delivery is completed.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use clap::Parser as _;
use doorward_emulator::Queue;
use serde_json::{Value, json};

use super::cloud::Cloud;
use super::courier::KID;
use super::detail_of;
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);
/// Its arguments, one a line, where this program is to be the delivery service.
const ARGUMENTS: &str = "DOORWARD_DELIVERY_SERVICE";

/// Not a test by itself: the delivery service's process of the tests here.
#[test]
fn the_delivery_service() {
    let Ok(arguments) = std::env::var(ARGUMENTS) else { return };
    let arguments = delivery_service::Command::parse_from(arguments.lines());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(delivery_service::carry_out(arguments)).unwrap();
}

/// The example service in a process of its own, and its desk.
pub struct DeliveryService {
    child: Child,
    desk: ChildStdin,
    said: Receiver<Value>,
}

/// A door behind a bus, and the delivery service on its other side.
pub struct Street {
    pub cloud: Cloud,
    pub service: DeliveryService,
    /// Messages that the service put aside.
    pub dead: Queue,
    /// What the service says on the bus.
    told: Queue,
}

impl DeliveryService {
    fn start(folder: &Path, cloud: &Cloud, inbox: &Queue, dead: &Queue) -> Self {
        let path = |name: &str| -> PathBuf { folder.join(name) };
        let (store, key) = (path("service.db"), path("issuer.pem"));
        let endpoint = cloud.moto.endpoint();
        let arguments = [
            ["delivery-service", "run"],
            ["--endpoint-url", &endpoint],
            ["--queue-url", inbox.url()],
            ["--dead-letter-queue-url", dead.url()],
            ["--store", store.to_str().unwrap()],
            ["--key", key.to_str().unwrap()],
            ["--kid", KID],
        ];
        let log = std::fs::File::create(path("service.log")).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "access::delivery::the_delivery_service", "--nocapture"])
            .env(ARGUMENTS, arguments.concat().join("\n"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let (tell, said) = sync_channel(100);
        let output = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            // The test program says a word of its own, too.
            let lines = output.lines().map_while(Result::ok);
            for line in lines.filter_map(|line| serde_json::from_str(&line).ok()) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let desk = child.stdin.take().unwrap();
        Self { child, desk, said }
    }

    pub fn order(&mut self, order: &Value) {
        writeln!(self.desk, "{order}").unwrap();
    }

    /// Waits until it says that a delivery, or a gateway, is at this stage.
    pub fn reaches(&self, stage: &str) -> Value {
        loop {
            let said = self.said.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("never {stage}"));
            assert!(said["refused"].is_null(), "waiting for {stage}: {said}");
            if said["stage"]["at"] == stage {
                return said;
            }
        }
    }
}

impl Drop for DeliveryService {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Street {
    pub fn start(folder: &Path) -> Self {
        let told = json!({"source": [{"prefix": "acme.delivery/"}]});
        let others = [("delivery", delivery_service::rule()), ("delivery-told", told)];
        let (cloud, mut queues) = Cloud::start(folder, &others);
        let (told, inbox) = (queues.pop().unwrap(), queues.pop().unwrap());
        let dead = cloud.moto.plain_queue("delivery-dead", &json!({}));
        let service = DeliveryService::start(folder, &cloud, &inbox, &dead);
        service.reaches("known");
        Self { cloud, service, dead, told }
    }

    /// A delivery whose courier has his grant.
    pub fn granted(&mut self) {
        self.service.order(&json!({
            "do": "schedule", "delivery_id": "d-1", "tenant_id": "acme", "gateway": "gw-test",
            "entry_id": "front", "subject_ref": "courier-7f3a",
        }));
        self.service.reaches("scheduled");
        self.service.reaches("granted");
    }

    /// The courier stands at the door, it opens, he goes in and out, and it locks behind him.
    pub fn visited(&mut self) -> Value {
        self.service.order(&json!({"do": "open", "delivery_id": "d-1"}));
        self.service.reaches("asked");
        self.service.reaches("visiting");
        let confirmed = |event: &Value| event["data"]["state"] == "confirmed";
        self.cloud.says("command.state_changed", confirmed);
        self.cloud.leaf(false);
        self.cloud.says("visit.opened", |_| true);
        self.cloud.leaf(true);
        self.cloud.lock.by_hand(false);
        self.service.reaches("ended")
    }

    /// What the service told until its delivery was completed, each event once.
    pub fn completed(&self) -> Vec<Value> {
        let mut told: Vec<Value> = Vec::new();
        wait_for("the delivery is completed", PATIENCE, || {
            for event in self.cloud.moto.take(&self.told).iter().map(detail_of) {
                if told.iter().all(|other| other["id"] != event["id"]) {
                    told.push(event);
                }
            }
            told.iter().any(|event| event["type"] == "delivery.completed").then_some(())
        });
        told
    }
}

#[test]
fn a_delivery_is_completed_from_the_order_to_the_locked_door() {
    let folder = tempfile::tempdir().unwrap();
    let mut street = Street::start(folder.path());
    street.granted();
    assert!(street.cloud.lock.acts().is_empty());
    let ended = street.visited();
    assert_eq!(ended["stage"]["outcome"], "delivered", "{ended}");
    assert_eq!(street.cloud.lock.acts(), ["UNLOCK"]);
    street.cloud.settled();

    let told = street.completed();
    let of = |kind: &str| {
        told.iter().find(|event| event["type"] == kind).unwrap_or_else(|| panic!("{kind}"))
    };
    let grant = &of("grant.issued")["data"]["grant_id"];
    assert_eq!(of("delivery.completed")["data"]["outcome"], "delivered");
    let secured = street.cloud.says("visit.secured", |_| true);
    assert_eq!(of("delivery.completed")["data"]["visit_id"], secured["data"]["visit_id"]);

    // All that the service and the gateway said of it is one act and one trace.
    let trace = |event: &Value| {
        let parent = event["trace_context"]["traceparent"].as_str().unwrap_or_default();
        parent.split('-').nth(1).unwrap_or_default().to_owned()
    };
    let one = trace(of("delivery.scheduled"));
    assert_eq!(one.len(), 32);
    let mut story: Vec<Value> = Vec::new();
    for kind in [
        "grant.installed",
        "access.requested",
        "access.granted",
        "grant.consumed",
        "command.state_changed",
        "visit.opened",
        "visit.secured",
    ] {
        let events = street.cloud.told(kind);
        assert!(!events.is_empty(), "{kind}");
        story.extend(events);
    }
    let service = ["delivery.scheduled", "grant.issued", "entry.unlock_requested"];
    for kind in service.into_iter().chain(["delivery.completed"]) {
        story.push(of(kind).clone());
    }
    for event in &story {
        assert_eq!((&event["correlation_id"], trace(event)), (grant, one.clone()), "{event}");
    }
    // Each step follows from the one before it on the other side.
    let asked = &of("entry.unlock_requested")["id"];
    let following = ["access.requested", "access.granted", "visit.opened", "visit.secured"];
    for event in story.iter().filter(|event| following.iter().any(|kind| event["type"] == **kind)) {
        assert_eq!(event["causation_id"], *asked, "{event}");
    }
    assert!(street.cloud.moto.take_messages(&street.dead).is_empty(), "nothing was put aside");
}
