//! The bus away, throttling, partly failing, refusing for good, or not letting us.

use std::path::Path;
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;

use crate::kill::{check, wait_for_all};
use crate::support::broker::{Broker, SHIPPED};
use crate::support::device::Devices;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::{Mood, Sink};
use crate::support::wait_for;

const DOORS: usize = 10;

struct Stand {
    broker: Broker,
    sink: Sink,
    gateway: Gateway,
}

fn stand(folder: &Path, extra: &str) -> Stand {
    let broker = Broker::start(&folder.join("broker"), SHIPPED, false);
    let sink = Sink::start();
    let gateway = Gateway::start(&Setup {
        folder: &folder.join("gateway"),
        broker_port: broker.port,
        doors: DOORS,
        bus: format!("{}{extra}", eventbridge("test", sink.port)),
        mqtt: String::new(),
    });
    gateway.connected();
    Stand { broker, sink, gateway }
}

fn act_for(stand: &Stand, acts: u64) -> Devices {
    let devices =
        Devices::start(stand.broker.port, DOORS, Duration::from_millis(2), QoS::AtLeastOnce);
    wait_for("the devices act", Duration::from_secs(60), || (devices.done() >= acts).then_some(()));
    devices
}

#[test]
fn an_outage_of_the_bus_delays_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = stand(folder.path(), "");
    let devices = act_for(&stand, 100);
    stand.sink.down();
    let before = devices.done();
    wait_for("acts during the outage", Duration::from_secs(60), || {
        (devices.done() >= before + 1000).then_some(())
    });
    let trouble = wait_for("the queue says so", Duration::from_secs(30), || {
        stand.gateway.json(&["queue"])?["status"]["uplink"]["trouble"].as_str().map(str::to_owned)
    });
    assert!(!trouble.is_empty());
    stand.sink.up();
    let record = devices.finish();
    wait_for_all(&record, &stand.sink);
    check(&record, &stand.sink.accepted());
    wait_for("nothing waits any more", Duration::from_secs(30), || {
        let queue = stand.gateway.json(&["queue"])?;
        (queue["journal"]["waiting"] == 0 && queue["status"]["uplink"]["trouble"].is_null())
            .then_some(())
    });
}

#[test]
fn throttling_and_partial_failures_are_tried_again_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path(), "");
    stand.sink.moods(
        std::iter::repeat_n(
            [
                Mood::Fail(400, "ThrottlingException"),
                Mood::Accept,
                Mood::Partial("InternalFailure"),
                Mood::Partial("ThrottlingException"),
                Mood::Fail(500, "InternalException"),
            ],
            4,
        )
        .flatten()
        .chain([Mood::Accept]),
    );
    let record = act_for(&stand, 500).finish();
    wait_for_all(&record, &stand.sink);
    let figures = check(&record, &stand.sink.accepted());
    assert_eq!(figures.resent, 0, "what was accepted is not sent again");
    let queue = stand.gateway.json(&["queue"]).unwrap();
    assert!(queue["status"]["uplink"]["retried"].as_u64().unwrap() > 0);
    // Also over the wire a door's events come in order.
    let mut last = std::collections::HashMap::new();
    for entry in stand.sink.accepted() {
        let Some(door) = entry.detail["entry_id"].as_str() else { continue };
        let sequence = entry.detail["gateway"]["sequence"].as_u64().unwrap();
        let before = last.insert(door.to_owned(), sequence).unwrap_or(0);
        assert!(before < sequence, "{door}: {sequence} after {before}");
    }
}

#[test]
fn access_denied_keeps_everything_and_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path(), "");
    wait_for("the events of the start have left", Duration::from_secs(30), || {
        let queue = stand.gateway.json(&["queue"])?;
        (queue["journal"]["waiting"] == 0).then_some(())
    });
    let before = stand.sink.count();
    stand.sink.moods([Mood::Fail(400, "AccessDeniedException")]);
    let devices = act_for(&stand, 300);
    wait_for("the queue says that access is denied", Duration::from_secs(30), || {
        let queue = stand.gateway.json(&["queue"])?;
        (queue["status"]["uplink"]["denied"] == true).then_some(())
    });
    let record = devices.finish();
    wait_for("everything waits", Duration::from_secs(30), || {
        let queue = stand.gateway.json(&["queue"])?;
        (queue["journal"]["waiting"].as_u64()? >= record.acknowledged.len() as u64).then_some(())
    });
    assert_eq!(stand.sink.count(), before);
    stand.gateway.says(&["ERROR"]);
    stand.sink.moods([Mood::Accept]);
    wait_for_all(&record, &stand.sink);
    check(&record, &stand.sink.accepted());
}

#[test]
fn what_the_bus_refuses_for_good_goes_to_quarantine_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path(), "");
    stand.sink.moods([Mood::Only("\"door-3\"", "MalformedDetail")]);
    let record = act_for(&stand, 100).finish();
    wait_for("all other doors' acts", Duration::from_secs(60), || {
        let others = record.acknowledged.iter().filter(|(door, _)| *door != 3).count();
        let arrived = stand
            .sink
            .accepted()
            .iter()
            .filter(|entry| entry.detail_type == "entry.position_changed")
            .count();
        (arrived == others).then_some(())
    });
    let told = wait_for("the quarantine is told", Duration::from_secs(30), || {
        stand.sink.accepted().into_iter().find(|entry| entry.detail_type == "event.quarantined")
    });
    assert_eq!(told.detail["data"]["reason"], "refused_by_bus");
    let refused = record.acknowledged.iter().filter(|(door, _)| *door == 3).count();
    wait_for("each refused event is kept whole", Duration::from_secs(30), || {
        let output = stand.gateway.command().args(["quarantine", "--json"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let rows: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let acts = rows
            .iter()
            .filter(|row| row["source"] == "entry.position_changed")
            .filter(|row| {
                let raw = row["raw"].as_str().unwrap();
                doorward_events::validate(raw.as_bytes(), doorward_events::Form::Writer).is_ok()
            })
            .count();
        (acts == refused).then_some(())
    });
    wait_for("nothing waits any more", Duration::from_secs(30), || {
        let queue = stand.gateway.json(&["queue"])?;
        (queue["journal"]["waiting"] == 0).then_some(())
    });
}

#[test]
fn a_stop_in_order_is_clean_and_the_next_start_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let mut stand = stand(folder.path(), "");
    let devices = act_for(&stand, 50);
    assert!(stand.gateway.stop().success());
    stand.gateway.up();
    let record = devices.finish();
    wait_for_all(&record, &stand.sink);
    check(&record, &stand.sink.accepted());
    let starts: Vec<String> = stand
        .sink
        .accepted()
        .iter()
        .filter(|entry| entry.detail_type == "gateway.started")
        .map(|entry| entry.detail["data"]["previous_stop"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(starts, ["first_start", "clean"]);
}

#[test]
fn entries_carry_source_and_trace() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path(), "");
    let record = act_for(&stand, 20).finish();
    wait_for_all(&record, &stand.sink);
    for entry in stand.sink.accepted() {
        assert_eq!(entry.source, "doorward.gateway/gw-test");
        assert_eq!(entry.detail["publisher"]["instance"], "gw-test");
        let id = entry.detail["id"].as_str().unwrap().replace('-', "");
        let trace = format!("Root=1-{}-{};Sampled=0", &id[..8], &id[8..]);
        assert_eq!(entry.trace_header.as_deref(), Some(trace.as_str()));
    }
    let types: Vec<String> =
        stand.sink.accepted().into_iter().map(|entry| entry.detail_type).collect();
    for first in ["gateway.started", "publisher.handshake_sent", "entry.registered"] {
        assert!(types.iter().any(|kind| kind == first), "{first}");
    }
}
