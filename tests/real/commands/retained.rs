//! Commands of others that a broker is to keep: found when they are published, and again with each
//! connection; nothing of ours acts on them, and nothing of ours is one.

use doorward_translators::RefusalReason;
use serde_json::json;

use super::process::{Vendor, setup, zigbee2mqtt};
use crate::support::broker::{Broker, SHIPPED};
use crate::support::client::Client;

/// Of both sorts of filters: below a bridge, and exact.
fn ecosystems() -> [(&'static str, doorward_translators::Setup, &'static str, &'static str); 3] {
    let ratgdo = setup("ratgdo", &json!({}), &[("g1", "home/left", json!({}))]);
    [
        ("z", zigbee2mqtt(), "zigbee2mqtt/front/set", "{\"state\":\"UNLOCK\"}"),
        ("deep", zigbee2mqtt(), "zigbee2mqtt/house/hall/front/set", "{\"state\":\"UNLOCK\"}"),
        ("garage", ratgdo, "home/left/command/door", "open"),
    ]
}

#[test]
fn one_that_is_published_for_keeping_is_told_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let rogue = Client::connect(broker.port, "rogue", &[]);
    for (name, setup, topic, payload) in ecosystems() {
        let vendor = Vendor::mqtt(folder.path(), name, broker.port, setup);
        vendor.ready(1);
        // One that is not for keeping is no finding.
        rogue.tell(topic, payload.as_bytes());
        let so_far = vendor.frames().len();
        rogue.leave(topic, payload.as_bytes());
        assert_eq!(vendor.refused(RefusalReason::RetainedCommand, so_far), topic, "{name}");
        rogue.leave(topic, b"");
    }
}

/// The session stays, so the broker says nothing by itself; the device's side, with a session anew,
/// gets the command: it is told with every connection.
#[test]
fn one_that_the_broker_kept_over_its_restart_is_told_and_nothing_of_ours_acts() {
    for (name, setup, topic, payload) in ecosystems() {
        let folder = tempfile::tempdir().unwrap();
        let mut broker = Broker::start(&folder.path().join("broker"), SHIPPED, true);
        let vendor = Vendor::mqtt(folder.path(), name, broker.port, setup);
        vendor.ready(1);
        let rogue = Client::connect(broker.port, "rogue", &[]);
        rogue.leave(topic, payload.as_bytes());
        vendor.refused(RefusalReason::RetainedCommand, 0);
        let saved = folder.path().join("broker/mosquitto.db");
        crate::support::wait_for("the broker has saved it", super::states::LONG, || {
            let bytes = std::fs::read(&saved).ok()?;
            bytes.windows(topic.len()).any(|part| part == topic.as_bytes()).then_some(())
        });
        let so_far = vendor.frames().len();
        broker.kill();
        broker.up();
        // A witness that is there before whatever would act.
        let witness = Client::connect(broker.port, "witness", &[topic]);
        assert_eq!(vendor.refused(RefusalReason::RetainedCommand, so_far), topic, "{name}");
        vendor.ready(2);
        witness.tell(topic, b"mark");
        crate::support::wait_for("the mark", super::states::LONG, || {
            witness.heard().iter().any(|heard| heard.payload == b"mark").then_some(())
        });
        let heard: Vec<_> =
            witness.heard().into_iter().filter(|heard| heard.payload != b"mark").collect();
        assert_eq!(heard.len(), 1, "the one that the broker kept, and no other: {heard:?}");
    }
}
