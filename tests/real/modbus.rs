//! Modbus boards on a serial line: the gateway's own binary against pymodbus on a pseudo-terminal.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::boards::Boards;
use crate::support::broker::{Broker, SHIPPED};
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::Sink;
use crate::support::wait_for;

/// Two gates on one line, each a board of its own.
pub struct Line {
    pub boards: Boards,
    pub gateway: Gateway,
    pub sink: Sink,
    pub broker: Broker,
    _folder: tempfile::TempDir,
}

fn entry(unit: u8) -> String {
    format!(
        "[[entry]]\nid = \"gate-{unit}\"\nkind = \"gate\"\nroles = {{ position = \"line:gate-{unit}\" }}\n"
    )
}

fn endpoint(unit: u8) -> String {
    format!(
        "[[endpoint]]\nid = \"gate-{unit}\"\nunit = {unit}\n\
         closed = {{ input = 0, contact = \"normally_open\" }}\n\
         open = {{ input = 1, contact = \"normally_open\" }}\n\
         relay.open = {{ coil = 0, max_hold_ms = 300 }}\n"
    )
}

/// A gateway with the line, and so many doors on zigbee2mqtt.
pub fn start_beside(doors: usize) -> Line {
    let folder = tempfile::tempdir().unwrap();
    let boards = Boards::start(folder.path(), &[1, 2]);
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let sink = Sink::start();
    let vendor = format!(
        "ecosystem = \"modbus\"\n[serial]\nport = \"{}\"\n[settings]\npoll_ms = 50\n\
         timeout_ms = 400\ndebounce_ms = 60\n{}{}",
        boards.port.display(),
        endpoint(1),
        endpoint(2),
    );
    let gateway = Gateway::start_with(
        &Setup {
            folder: &folder.path().join("gateway"),
            broker_port: broker.port,
            doors,
            bus: eventbridge("test", sink.port) + &entry(1) + &entry(2),
            mqtt: String::new(),
        },
        &[("line", &vendor)],
    );
    Line { boards, gateway, sink, broker, _folder: folder }
}

fn start() -> Line {
    start_beside(1)
}

impl Line {
    /// The positions that a gate was told to have, in order.
    pub fn told(&self, unit: u8) -> Vec<String> {
        let gate = format!("gate-{unit}");
        self.sink
            .of_type("entry.position_changed")
            .into_iter()
            .filter(|event| event.detail["entry_id"] == gate.as_str())
            .map(|event| event.detail["data"]["position"].as_str().unwrap().to_owned())
            .collect()
    }

    fn is_told(&self, unit: u8, positions: &[&str]) {
        wait_for(&format!("gate {unit} is told {positions:?}"), Duration::from_secs(30), || {
            (self.told(unit) == positions).then_some(())
        });
    }

    pub fn is(&self, unit: u8, position: &str, quality: &str) {
        self.gateway.fact(&format!("gate-{unit}"), "position", position, quality);
    }

    pub fn is_online(&self, unit: u8, online: bool) {
        let gate = format!("gate-{unit}");
        wait_for(&format!("{gate} online: {online}"), Duration::from_secs(30), || {
            let door = self.gateway.door(&gate)?;
            (door["endpoints"][0]["online"] == online).then_some(())
        });
    }

    fn quarantined(&self, reason: &str) -> Value {
        wait_for(reason, Duration::from_secs(30), || {
            self.gateway.quarantine().into_iter().find(|row| row["reason"] == reason)
        })
    }
}

#[test]
fn a_moving_door_is_told_step_by_step() {
    let mut line = start();
    line.is(1, "closed", "observed");
    line.is(2, "closed", "observed");
    line.boards.moves(1, "open", 1.5);
    line.is_told(1, &["closed", "opening", "open"]);
    line.boards.moves(1, "closed", 1.5);
    line.is_told(1, &["closed", "opening", "open", "closing", "closed"]);
    line.boards.order(&json!({"do": "inputs", "unit": 1, "set": {"0": true, "1": true}}));
    line.is(1, "fault", "observed");
    assert_eq!(line.told(2), ["closed"], "the other gate did not move");
    line.is_online(1, true);
    let discovered = line.sink.of_type("endpoint.discovered");
    assert!(discovered.iter().any(|event| event.detail["endpoint_id"] == "line:gate-2"));
}

#[test]
fn every_start_writes_off_first_until_the_relay_is_off() {
    let mut line = start();
    line.is(1, "closed", "observed");
    let first = line.boards.says("coil", 0, |said| said["unit"] == 1);
    assert_eq!((&first["coil"], &first["on"]), (&json!(0), &json!(false)));
    // Switched on by who knows whom, with two of our writes lost: off all the same.
    line.boards.order(&json!({"do": "lose_off", "unit": 1, "n": 2}));
    line.boards.order(&json!({"do": "stuck", "unit": 1, "coil": 0}));
    wait_for("the relay is off", Duration::from_secs(20), || {
        (line.boards.report(1)["coils"][0] == false).then_some(())
    });
    let lost = line.boards.said().into_iter().filter(|said| said["carried_out"] == false).count();
    assert_eq!(lost, 2);
    assert!(line.boards.said().iter().all(|said| said["event"] != "coil" || said["on"] == false));
    line.quarantined("unmapped_value");
    // A vendor process that died with a relay on: the next one switches it off before all else.
    let pid = line.gateway.vendor_named("line").unwrap();
    assert!(crate::support::gateway::signal(pid, "STOP"));
    let so_far = line.boards.said().len();
    line.boards.order(&json!({"do": "stuck", "unit": 2, "coil": 0}));
    assert!(crate::support::gateway::signal(pid, "KILL"));
    let off = line.boards.says("coil", so_far, |said| said["unit"] == 2);
    assert_eq!(off["on"], false);
    wait_for("the relay is off", Duration::from_secs(20), || {
        (line.boards.report(2)["coils"][0] == false).then_some(())
    });
}

#[test]
fn a_dead_unit_is_polled_apart_and_its_sibling_does_not_notice() {
    let mut line = start();
    line.is(1, "closed", "observed");
    line.is(2, "closed", "observed");
    line.boards.order(&json!({"do": "dead", "unit": 2}));
    line.is_online(2, false);
    line.is(2, "closed", "stale");
    // Over five seconds: the live unit is asked as often as its cycle says, but for the probes.
    let before = line.boards.report(1)["requests"].as_u64().unwrap();
    let dead_before = line.boards.report(2)["requests"].as_u64().unwrap();
    let begun = Instant::now();
    line.boards.moves(1, "open", 5.0);
    line.is(1, "open", "observed");
    let cycles = u64::try_from(begun.elapsed().as_millis() / 50).unwrap();
    let requests = line.boards.report(1)["requests"].as_u64().unwrap() - before;
    let probes = line.boards.report(2)["requests"].as_u64().unwrap() - dead_before;
    assert!(requests >= cycles, "{requests} requests in {cycles} cycles of two each");
    assert!((1..=6).contains(&probes), "{probes} probes of the dead unit");
    line.boards.order(&json!({"do": "alive", "unit": 2}));
    line.is_online(2, true);
    line.is(2, "closed", "observed");
}

#[test]
fn exceptions_silence_and_garbage_are_said_and_outlived() {
    let mut line = start();
    line.is(1, "closed", "observed");
    line.boards.order(&json!({"do": "garbage", "hex": "00ff1337deadbeef", "when": "both"}));
    wait_for("the garbage is set aside", Duration::from_secs(30), || {
        let is_it = |row: &Value| {
            row["reason"] == "malformed_frame"
                && row["raw"].as_str().is_some_and(|raw| raw.contains("\\xff\\x137\\xde\\xad"))
        };
        line.gateway.quarantine().into_iter().find(is_it)
    });
    line.boards.order(&json!({"do": "corrupt", "n": 2}));
    line.boards.order(&json!({"do": "exception", "unit": 1, "code": 4}));
    let row = line.quarantined("device_exception");
    assert!(row["source"].as_str().unwrap().contains('1'), "{row}");
    line.is_online(1, false);
    line.is(2, "closed", "observed");
    line.boards.order(&json!({"do": "exception", "unit": 1}));
    line.is_online(1, true);
    line.boards.order(&json!({"do": "silence"}));
    line.is_online(1, false);
    line.is_online(2, false);
    line.boards.order(&json!({"do": "silence", "on": false}));
    line.is_online(1, true);
    line.is_online(2, true);
    line.boards.moves(1, "open", 0.5);
    line.is(1, "open", "observed");
}

#[test]
fn an_adapter_may_be_pulled_out_and_put_back() {
    let mut line = start();
    line.is(1, "closed", "observed");
    let pid = line.gateway.vendor_named("line").unwrap();
    for round in 0..3 {
        line.boards.order(&json!({"do": "unplug"}));
        line.is(1, if round == 1 { "open" } else { "closed" }, "stale");
        // It moves while nobody looks.
        let to = if round == 0 { "open" } else { "closed" };
        line.boards.moves(1, to, 0.1);
        line.boards.order(&json!({"do": "replug"}));
        line.is(1, to, "observed");
        line.is_online(1, true);
    }
    assert_eq!(line.gateway.vendor_named("line"), Some(pid), "no process was the worse for it");
    let (report, _) = line.gateway.check();
    let port = line.boards.port.display().to_string();
    let looked = report["looked"].as_array().unwrap();
    assert!(
        looked
            .iter()
            .any(|item| item["ok"] == true && item["what"].as_str().unwrap().contains(&port)),
        "{looked:?}"
    );
    line.boards.order(&json!({"do": "unplug"}));
    let (report, status) = line.gateway.check();
    assert_eq!(status, Some(2));
    let findings = report["findings"].as_array().unwrap();
    let gone = |finding: &Value| finding["key"] == "serial" && finding["severity"] == "error";
    assert!(findings.iter().any(gone), "{report}");
}
