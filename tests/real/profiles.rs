//! Ecosystems that a profile describes, over a real broker.

use std::time::Duration;

use serde_json::json;

use crate::support::broker::{Broker, SHIPPED};
use crate::support::client::Client;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::Sink;
use crate::support::wait_for;

/// A gateway whose vendor `v` is this file (`PORT` is the broker's), with one entry.
struct House {
    gateway: Gateway,
    device: Client,
    sink: Sink,
    broker: Broker,
    _folder: tempfile::TempDir,
}

fn start(roles: &str, vendor: &str, kept: &[(&str, &str)], profile: Option<(&str, &str)>) -> House {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let device = Client::connect(broker.port, "device", &[]);
    for (topic, payload) in kept {
        assert!(device.leave(topic, payload.as_bytes()).is_taken());
    }
    let sink = Sink::start();
    let place = folder.path().join("gateway");
    if let Some((name, text)) = profile {
        std::fs::create_dir_all(place.join("profiles.d")).unwrap();
        std::fs::write(place.join(format!("profiles.d/{name}.toml")), text).unwrap();
    }
    let vendor = vendor.replace("PORT", &broker.port.to_string());
    let entry = format!("[[entry]]\nid = \"door\"\nroles = {{ {roles} }}\n");
    let gateway = Gateway::start_with(
        &Setup {
            folder: &place,
            broker_port: broker.port,
            doors: 0,
            bus: eventbridge("test", sink.port) + &entry,
            mqtt: String::new(),
        },
        &[("v", &vendor)],
    );
    House { gateway, device, sink, broker, _folder: folder }
}

impl House {
    fn says(&self, topic: &str, payload: &str) {
        assert!(self.device.tell(topic, payload.as_bytes()).is_taken());
    }

    fn is(&self, fact: &str, value: &str, quality: &str) {
        self.gateway.fact("door", fact, value, quality);
    }

    fn endpoint(&self, member: &str, value: &serde_json::Value) {
        wait_for(&format!("{member} is {value}"), Duration::from_secs(30), || {
            (self.gateway.door("door")?["endpoints"][0][member] == *value).then_some(())
        });
    }

    fn quarantined(&self, reason: &str) -> serde_json::Value {
        wait_for(reason, Duration::from_secs(30), || {
            self.gateway.quarantine().into_iter().find(|row| row["reason"] == reason)
        })
    }
}

const RATGDO: &str = "ecosystem = \"ratgdo\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = PORT\n\
                      [[endpoint]]\nid = \"left\"\naddress = \"garage/left\"\n";

#[test]
fn an_opener_with_ratgdo() {
    let house = start(
        "position = \"v:left\", obstruction = \"v:left\", actuator = \"v:left\"",
        RATGDO,
        &[
            ("garage/left/status/availability", "online"),
            ("garage/left/status/door", "closed"),
            ("garage/left/status/lock", "locked"),
            ("garage/left/command/door", "open"),
        ],
        None,
    );
    house.is("position", "closed", "stale");
    house.endpoint("online", &json!(true));
    house.endpoint("remote_lockout", &json!(true));
    let kept = house.quarantined("retained_command");
    assert_eq!(kept["source"], "garage/left/command/door");
    assert!(kept.get("raw").is_none_or(serde_json::Value::is_null), "{kept}");
    for (word, position) in [
        ("opening", "opening"),
        ("stopped", "stopped_partial"),
        ("closing", "closing"),
        ("syncing", "unknown"),
        ("open", "open"),
    ] {
        house.says("garage/left/status/door", word);
        house.is("position", position, "observed");
    }
    house.says("garage/left/status/obstruction", "obstructed");
    house.sink.gets("alarm.raised", |event| event.detail["data"]["alarm"] == "obstruction");
    house.says("garage/left/status/obstruction", "unknown");
    house.says("garage/left/status/obstruction", "clear");
    house.sink.gets("alarm.cleared", |event| event.detail["data"]["alarm"] == "obstruction");
    house.says("garage/left/status/door", "ajar");
    house.is("position", "unknown", "observed");
    house.quarantined("unmapped_value");
    house.says("garage/left/status/door", "closed");
    house.is("position", "closed", "observed");
    assert!(house.device.leave("garage/left/status/availability", b"offline").is_taken());
    house.endpoint("online", &json!(false));
    house.is("position", "closed", "stale");
    // Back, and what it says of itself afterwards may be old: stale until the door moves.
    assert!(house.device.leave("garage/left/status/availability", b"online").is_taken());
    house.endpoint("online", &json!(true));
    // By when this is told, whatever was to come of its return has come.
    house.says("garage/left/status/obstruction", "obstructed");
    wait_for("the second alarm", Duration::from_secs(30), || {
        let raised = house.sink.of_type("alarm.raised");
        let obstructed = raised.iter().filter(|e| e.detail["data"]["alarm"] == "obstruction");
        (obstructed.count() == 2).then_some(())
    });
    house.is("position", "closed", "stale");
    assert!(house.sink.of_type("entry.lock_changed").is_empty(), "a lockout is no lock");
}

#[test]
fn an_opener_that_may_be_asked_is_asked_late() {
    let house = start(
        "position = \"v:left\"",
        &format!("{RATGDO}ask = true\n"),
        &[("garage/left/status/availability", "online"), ("garage/left/status/door", "closed")],
        None,
    );
    house.is("position", "closed", "stale");
    let opener = Client::connect(house.broker.port, "opener", &["garage/left/command/door"]);
    // It hears nothing in the first ten seconds after it connects.
    let begun = std::time::Instant::now();
    opener.hears("garage/left/command/door", 0);
    assert_eq!(opener.heard()[0].payload, b"query");
    assert!(begun.elapsed() > Duration::from_secs(8), "{:?}", begun.elapsed());
    house.says("garage/left/status/door", "closed");
    house.is("position", "closed", "observed");
}

#[test]
fn what_a_delta_does_not_name_stays_and_what_came_twice_counts_once() {
    let vendor = "ecosystem = \"shelly\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = PORT\n\
                  [[endpoint]]\nid = \"gate\"\naddress = \"shelly-x/cover:0\"\n";
    let house = start("position = \"v:gate\"", vendor, &[("shelly-x/online", "true")], None);
    house.endpoint("online", &json!(true));
    let second = jiff::Timestamp::now().as_second();
    let delta = |tenth: u8, member: &str| {
        format!(
            "{{\"src\":\"shelly-x\",\"method\":\"NotifyStatus\",\"params\":{{\"ts\":{second}.{tenth},\
             \"cover:0\":{{\"id\":0,{member}}}}}}}"
        )
    };
    let topic = "shelly-x/events/rpc";
    house.says(topic, &delta(1, "\"state\":\"open\""));
    house.is("position", "open", "observed");
    house.says(topic, &delta(2, "\"apower\":12.5"));
    house.says(topic, &delta(3, "\"state\":\"closed\""));
    house.is("position", "closed", "observed");
    // QoS 1 may hand over again: the first message is no news.
    house.says(topic, &delta(1, "\"state\":\"open\""));
    house.says(topic, &delta(4, "\"state\":\"opening\""));
    house.is("position", "opening", "observed");
    let told: Vec<String> = house
        .sink
        .of_type("entry.position_changed")
        .iter()
        .map(|event| event.detail["data"]["position"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(told, ["open", "closed", "opening"]);
}

const OWN: &str = r#"format = 1
name = "acme"
manufacturer = "Acme"

[[kind]]
name = "lock"
address = "{id}"

[[kind.state]]
fact = "lock"
topics = ["acme/{id}/bolt"]
payload = "json"
pointer = "/pos"
values = { in = "unlocked", out = "locked" }

[[kind.availability]]
topic = "acme/{id}/alive"
payload = "text"
online = ["1"]
offline = ["0"]

[[sample]]
kind = "lock"
address = "a1"
messages = [
    { topic = "acme/a1/bolt", payload = '{"pos":"in"}', expect = { lock = "unlocked" } },
    { topic = "acme/a1/bolt", payload = '{"pos":"out"}', expect = { lock = "locked" } },
    { topic = "acme/a1/alive", payload = "1", expect = { online = true } },
    { topic = "acme/a1/alive", payload = "0", expect = { online = false } },
]
"#;

#[test]
fn a_profile_of_the_operators_own() {
    let vendor = "ecosystem = \"acme\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = PORT\n\
                  [[endpoint]]\nid = \"a1\"\naddress = \"a1\"\n";
    let house = start("lock = \"v:a1\"", vendor, &[("acme/a1/alive", "1")], Some(("acme", OWN)));
    house.endpoint("online", &json!(true));
    house.says("acme/a1/bolt", "{\"pos\":\"out\"}");
    house.is("lock", "locked", "observed");
    house.says("acme/a1/bolt", "{\"pos\":\"in\"}");
    house.is("lock", "unlocked", "observed");
    house.says("acme/a1/bolt", "{\"pos\":\"halfway\"}");
    house.is("lock", "unknown", "observed");
    // One that turns the states around, and says so in no sample, does not load.
    let bad = OWN.replace("out = \"locked\"", "out = \"unlocked\"");
    let profile = house.gateway.folder.join("profiles.d/acme.toml");
    std::fs::write(profile, bad).unwrap();
    let (report, status) = house.gateway.check();
    assert_eq!(status, Some(2));
    assert!(report["findings"].to_string().contains("profiles.d/acme.toml"), "{report}");
}
