//! The figures, read by a real Prometheus that holds our alerts against them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;

use crate::support::broker::{Broker, SHIPPED};
use crate::support::device::Devices;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::Sink;
use crate::support::{free_port, wait_for};

/// Ended when the test is over.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What an HTTP server on the loopback answers to a GET: the status and the body.
fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    reader.read_line(&mut head).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let mut rest = String::new();
    reader.read_to_string(&mut rest).ok()?;
    Some((status, rest.split_once("\r\n\r\n")?.1.to_owned()))
}

/// What Prometheus says of an expression: the values, as text.
fn asked(port: u16, expression: &str) -> Vec<String> {
    let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let path = format!("/api/v1/query?query={encoded}");
    let Some((200, body)) = get(port, &path) else { return Vec::new() };
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    let rows = answer["data"]["result"].as_array().unwrap();
    rows.iter().map(|row| row["value"][1].as_str().unwrap().to_owned()).collect()
}

/// The dashboard's expressions, with what Grafana puts in for one gateway in place of its variables.
fn dashboard(instance: &str) -> Vec<String> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/monitoring/grafana-dashboard.json");
    let text = std::fs::read_to_string(file).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut waiting = vec![&dashboard["panels"]];
    let mut found = Vec::new();
    while let Some(panels) = waiting.pop() {
        for panel in panels.as_array().unwrap() {
            waiting.extend(panel.get("panels"));
            let targets = panel.get("targets").and_then(|targets| targets.as_array());
            for target in targets.into_iter().flatten() {
                found.push(target["expr"].as_str().unwrap().to_owned());
            }
        }
    }
    for expression in &mut found {
        for (variable, value) in
            [("$instance", instance), ("$__rate_interval", "1m"), ("$__interval", "1m")]
        {
            *expression = expression.replace(variable, value);
        }
        assert!(!expression.contains('$'), "{expression}");
    }
    found
}

fn listener(gateway: &Gateway, port: u16) -> Running {
    let mut command = gateway.command();
    command.args(["metrics", "--listen", &format!("127.0.0.1:{port}")]);
    Running(command.stdout(Stdio::null()).spawn().unwrap())
}

fn prometheus(folder: &std::path::Path, scraped: u16) -> (Running, u16) {
    let port = free_port();
    let alerts = concat!(env!("CARGO_MANIFEST_DIR"), "/monitoring/alerts.yml");
    let config = format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{alerts}]\n\
         scrape_configs:\n  - job_name: doorward\n    static_configs:\n      - targets: ['127.0.0.1:{scraped}']\n"
    );
    let file = folder.join("prometheus.yml");
    std::fs::write(&file, config).unwrap();
    let log = std::fs::File::create(folder.join("prometheus.log")).unwrap();
    let running = Command::new("prometheus")
        .arg(format!("--config.file={}", file.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("series").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .expect("make tools brings Prometheus");
    (Running(running), port)
}

#[test]
fn prometheus_reads_the_figures_and_its_alerts_know_them() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let sink = Sink::start();
    let mut gateway = Gateway::start(&Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: 2,
        bus: eventbridge("test", sink.port),
        mqtt: String::new(),
    });
    gateway.connected();
    let devices = Devices::start(broker.port, 2, Duration::from_millis(2), QoS::AtLeastOnce);
    wait_for("acts", Duration::from_secs(60), || (devices.done() >= 50).then_some(()));
    drop(devices.finish());

    let scraped = free_port();
    let _listener = listener(&gateway, scraped);
    let (_prometheus, port) = prometheus(folder.path(), scraped);
    let minute = Duration::from_secs(60);
    let is = |expression: &str, wanted: &str| {
        wait_for(expression, minute, || (asked(port, expression) == [wanted]).then_some(()));
    };
    is("doorward_up", "1");
    is("count(doorward_events_total{type=\"entry.position_changed\"} >= 50)", "1");
    is("count(doorward_bus_events_total{outcome=\"accepted\"} >= 50)", "1");
    is("count(doorward_commit_duration_seconds_count >= 1)", "1");
    is("count(histogram_quantile(0.99, doorward_bus_call_duration_seconds_bucket) > 0)", "1");
    is("doorward_vendor_state{vendor=\"zigbee2mqtt\",state=\"running\"}", "1");
    is(
        "doorward_clock_trust{trust=\"bounded\"} + ignoring(trust) doorward_clock_trust{trust=\"full\"}",
        "1",
    );
    is("doorward_build_info * 0 + 1", "1");

    // Each expression of the dashboard is one to Prometheus; those of what there is have a value.
    // These tell of what there is not here: alarms, people who were denied, devices that are away
    // or flood.
    let empty = ["doorward_door_alarm", "doorward_access_denied", "doorward_endpoint"];
    let expressions = dashboard(&format!("127.0.0.1:{scraped}"));
    assert!(expressions.len() >= 20, "{expressions:?}");
    for expression in expressions {
        let encoded: String = expression.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let (status, body) = get(port, &format!("/api/v1/query?query={encoded}")).unwrap();
        assert_eq!(status, 200, "{expression}: {body}");
        if !empty.iter().any(|name| expression.contains(name)) {
            wait_for(&expression, minute, || (!asked(port, &expression).is_empty()).then_some(()));
        }
    }

    // Every figure that an alert or the dashboard names is one of these.
    let (_, text) = get(scraped, "/metrics").unwrap();
    assert!(text.ends_with("# EOF\n"), "it is cut off");
    let known: Vec<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for file in ["alerts.yml", "grafana-dashboard.json"] {
        let path = format!("{}/monitoring/{file}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        let mut named = 0;
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            let Some(name) = word.strip_prefix("doorward_") else { continue };
            let ends = ["_total", "_bucket", "_sum", "_count", "_info", ""];
            let is_known = ends
                .iter()
                .any(|end| word.strip_suffix(end).is_some_and(|word| known.contains(&word)));
            assert!(is_known, "{file} names doorward_{name}, which there is not");
            named += 1;
        }
        assert!(named >= 15, "{file} names only {named} figures");
    }

    // A gateway that is gone is seen, too.
    assert!(gateway.stop().success());
    is("doorward_up", "0");
    wait_for("the alert", minute, || {
        (asked(port, "ALERTS{alertname=\"DoorwardDown\",alertstate=\"pending\"}") == ["1"])
            .then_some(())
    });
}

#[test]
fn an_alert_fires_when_its_fault_is_there_and_not_otherwise() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/monitoring");
    let run = |args: &[&str]| {
        let output =
            Command::new("promtool").args(args).current_dir(folder).output().expect("make tools");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{text}");
        text
    };
    assert!(run(&["check", "rules", "alerts.yml"]).contains("20 rules found"));
    run(&["test", "rules", "alerts-test.yml"]);
    let tried = std::fs::read_to_string(format!("{folder}/alerts-test.yml")).unwrap();
    let alerts = std::fs::read_to_string(format!("{folder}/alerts.yml")).unwrap();
    for name in alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let cases = tried.matches(&format!("alertname: {name}\n")).count();
        assert_eq!(cases, 2, "{name} is to be tried with its fault and without");
    }
}

#[test]
fn the_figures_are_served_to_nobody_outside() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let gateway = Gateway::start(&Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: 1,
        bus: String::new(),
        mqtt: String::new(),
    });
    gateway.connected();
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:9464"] {
        let output = gateway.command().args(["metrics", "--listen", address]).output().unwrap();
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && words.contains("remedy"), "{address}: {words}");
    }
    let once = gateway.command().arg("metrics").output().unwrap();
    let text = String::from_utf8(once.stdout).unwrap();
    assert!(text.contains("\ndoorward_up 1\n") && text.contains("# EOF"), "{text}");
}
