//! The way over the bus: a service's events through an EventBridge and an SQS that others wrote,
//! to the door.

use std::time::Duration;

use doorward_emulator::Moto;
use serde_json::json;

use super::courier::{Service, trust};
use super::{LOCK, detail_of};
use crate::support::broker::Broker;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::lock::Lock;
use crate::support::wait_for;

#[test]
fn a_request_over_the_bus_opens_the_door_and_its_message_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(&folder.path().join("moto"));
    moto.create_bus("doors");
    let asked = json!({"detail-type": ["grant.issued", "grant.revoked", "entry.unlock_requested"]});
    let requests = moto.create_queue("doors", "gw-test-requests", &asked);
    let told = json!({"source": [{"prefix": "doorward.gateway/"}]});
    let events = moto.create_queue("doors", "service", &told);
    let broker = Broker::start(&folder.path().join("broker"), "", false);
    let lock = Lock::start(broker.port, "front_lock");
    let (signer, table) = trust(folder.path());
    let downlink = format!("[downlink]\nqueue_url = \"{}\"\n", requests.url());
    let entry = format!("[[entry]]\nid = \"front\"\nroles = {{ lock = \"zigbee2mqtt:{LOCK}\" }}\n");
    let gateway = Gateway::start(&Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: 0,
        bus: eventbridge("doors", moto.port) + &table + &downlink + &entry,
        mqtt: format!("[[endpoint]]\nid = \"{LOCK}\"\naddress = \"front_lock\"\n"),
    });
    gateway.fact("front", "lock", "locked", "observed");

    let mut heard = Vec::new();
    let mut next = |kind: &str| {
        wait_for(&format!("{kind} comes back"), Duration::from_secs(60), || {
            heard.extend(moto.take(&events).iter().map(detail_of));
            heard.iter().find(|event| event["type"] == kind).cloned()
        })
    };
    let service = Service::told(signer, &next("gateway.started"));
    let publish = |draft: &doorward_events::Draft| {
        let entry = json!({
            "Source": "acme.delivery/eu-1", "DetailType": draft.event_type().as_str(),
            "Detail": draft.finish(), "EventBusName": "doors",
        });
        moto.call("events", "AWSEvents.PutEvents", &json!({"Entries": [entry]}));
    };
    let grant = service.grant();
    publish(&grant.draft);
    assert_eq!(next("grant.installed")["data"]["grant_id"], grant.data.grant_id);
    let request = service.request(grant.to_use().unwrap());
    publish(&request.draft);
    let granted = next("access.granted");
    assert_eq!(granted["data"]["request_id"], request.data.request_id);
    assert_eq!(granted["data"]["channel"], "request");
    assert_eq!(granted["correlation_id"], request.draft.id().to_string());
    wait_for("the lock acts", Duration::from_secs(20), || {
        (lock.acts() == ["UNLOCK"]).then_some(())
    });
    // What is settled is gone from the queue, refused or not.
    publish(&service.request(grant.to_use().unwrap()).draft);
    assert_eq!(next("access.denied")["data"]["reason"], "uses_exhausted");
    wait_for("the queue is empty", Duration::from_secs(60), || {
        (moto.depth(&requests) == (0, 0)).then_some(())
    });
    assert_eq!(lock.acts(), ["UNLOCK"]);
}
