//! The broker dying and coming back, and what it keeps for a gateway that is away.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;

use crate::kill::{check, wait_for_all};
use crate::support::broker::{Broker, DEFAULTS, SHIPPED};
use crate::support::client::{Client, Fate};
use crate::support::device::{Act, Devices, Record, act, act_of, payload, topic};
use crate::support::gateway::{Gateway, Setup, eventbridge, lock, signal};
use crate::support::sink::Sink;
use crate::support::{free_port, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);
/// Where the one lock hears that it shall tell its state: sent after the subscriptions of the
/// same connection, so whoever hears it knows that they stand.
const ASKED: &str = "zigbee2mqtt/front_lock/get";

fn gateway(folder: &Path, port: u16, sink: &Sink, doors: usize) -> Gateway {
    let (entry, endpoint) = lock("front", "0x000000000000f00d", "front_lock");
    Gateway::start(&Setup {
        folder: &folder.join("gateway"),
        broker_port: port,
        doors,
        bus: eventbridge("test", sink.port) + &entry,
        mqtt: endpoint,
    })
}

/// The devices' bridge, which hears what they are asked.
fn bridge(broker: &Broker) -> Client {
    Client::connect(broker.port, "zigbee2mqtt", &[ASKED])
}

fn record(acknowledged: BTreeSet<Act>) -> Record {
    Record { done: acknowledged.len() as u64, acknowledged }
}

/// Says each act until the broker has it. What it took over last before it died may not be on
/// its disk yet, so that is said again, as well as what it did not answer. Everything before is:
/// each act waits for the answer to the one before it, and the broker saves between the two.
fn say_until_kept(device: &Client, act: Act, last: Option<Act>, connections: &mut u64) {
    let say = |(door, act): Act| device.tell(&topic(door), payload(act).as_bytes()).is_taken();
    loop {
        device.connected(0);
        let begun = device.connections();
        let repeated = match last {
            Some(last) if begun != *connections => say(last),
            _ => true,
        };
        if repeated && say(act) && device.connections() == begun {
            *connections = begun;
            return;
        }
        *connections = 0;
    }
}

#[test]
fn a_killed_broker_with_persistence_costs_nothing_that_it_had() {
    const DOORS: usize = 10;
    const KILLS: usize = 4;
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(&folder.path().join("broker"), SHIPPED, true);
    let sink = Sink::start();
    let device = bridge(&broker);
    let gateway = gateway(folder.path(), broker.port, &sink, DOORS);
    device.hears(ASKED, 0);
    let (acts, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let acknowledged = std::thread::scope(|scope| {
        let acting = scope.spawn(|| {
            let mut connections = device.connections();
            let (mut said, mut last) = (BTreeSet::new(), None);
            for number in 1.. {
                for door in 0..DOORS {
                    say_until_kept(&device, (door, number), last, &mut connections);
                    last = Some((door, number));
                    said.insert((door, number));
                    acts.fetch_add(1, Ordering::Relaxed);
                }
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
            said
        });
        for kill in 1..=KILLS {
            let so_far = acts.load(Ordering::Relaxed);
            let more = fastrand::u64(40..120);
            wait_for("acts before the broker dies", PATIENCE, || {
                (acts.load(Ordering::Relaxed) >= so_far + more).then_some(())
            });
            broker.kill();
            broker.up();
            assert!(gateway.connected_again(kill), "the broker has kept our session");
        }
        stop.store(true, Ordering::Relaxed);
        acting.join().unwrap()
    });
    let record = record(acknowledged);
    wait_for_all(&record, &sink);
    let figures = check(&record, &sink.accepted());
    let replays = gateway.log().matches("a message that was handled before").count();
    println!("{KILLS} kills of the broker, {} acts, {replays} heard twice", figures.acts);
    assert!(replays > 0, "the kills hit no interesting moment");
}

#[test]
fn a_killed_broker_without_persistence_is_subscribed_again_and_locks_are_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let sink = Sink::start();
    let device = bridge(&broker);
    let gateway = gateway(folder.path(), broker.port, &sink, 2);
    device.hears(ASKED, 0);
    assert!(!gateway.connected_again(0), "a new session");
    let locked = || {
        let now = jiff::Timestamp::now();
        format!("{{\"lock_state\":\"locked\",\"last_seen\":\"{now:.3}\",\"state\":\"LOCK\"}}")
    };
    assert!(device.tell("zigbee2mqtt/front_lock", locked().as_bytes()).is_taken());
    let mut acts = act(&device, 0..2, 1..=3);
    gateway.fact("front", "lock", "locked", "observed");
    gateway.fact("door-0", "position", "open", "observed");

    broker.kill();
    gateway.fact("door-0", "position", "open", "stale");
    gateway.fact("front", "lock", "locked", "stale");
    // The bridge is back before the gateway is, so that it hears what it is asked.
    let vendor = gateway.vendor_pid().unwrap();
    assert!(signal(vendor, "STOP"));
    broker.up();
    device.connected(1);
    let heard = device.heard().len();
    assert!(signal(vendor, "CONT"));
    assert!(!gateway.connected_again(1), "the broker has nothing of ours");
    device.hears(ASKED, heard);
    assert!(device.tell("zigbee2mqtt/front_lock", locked().as_bytes()).is_taken());
    gateway.fact("front", "lock", "locked", "observed");
    acts.append(&mut act(&device, 0..2, 4..=30));
    gateway.fact("door-0", "position", "closed", "observed");
    let record = record(acts);
    wait_for_all(&record, &sink);
    check(&record, &sink.accepted());
    assert_eq!(sink.of_type("entry.lock_changed").len(), 1, "an answer is no change");
    assert_eq!(gateway.vendor_pid(), Some(vendor), "one process all the time");
}

#[test]
fn a_broker_that_is_down_at_the_start_is_found_later() {
    let folder = tempfile::tempdir().unwrap();
    let port = free_port();
    let sink = Sink::start();
    let gateway = gateway(folder.path(), port, &sink, 2);
    sink.gets("gateway.started", |_| true);
    wait_for("the log says that there is no broker", PATIENCE, || {
        gateway.log().contains("no connection to the broker").then_some(())
    });
    gateway.fact("door-0", "position", "unknown", "unknown");
    let (report, status) = gateway.check();
    assert_eq!(status, Some(2));
    assert!(report["findings"].to_string().contains("Connection refused"), "{report}");
    let vendor = gateway.vendor_pid().unwrap();
    assert!(signal(vendor, "STOP"));
    let config = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{SHIPPED}");
    let broker = Broker::with_config(&folder.path().join("broker"), port, &config);
    let device = bridge(&broker);
    assert!(signal(vendor, "CONT"));
    device.hears(ASKED, 0);
    let record = record(act(&device, 0..2, 1..=30));
    wait_for_all(&record, &sink);
    check(&record, &sink.accepted());
    assert_eq!(gateway.vendor_pid(), Some(vendor));
}

#[test]
fn with_the_shipped_settings_nothing_of_qos_0_is_lost_while_the_gateway_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let sink = Sink::start();
    let asked = bridge(&broker);
    let mut gateway = gateway(folder.path(), broker.port, &sink, 10);
    asked.hears(ASKED, 0);
    drop(asked);
    let devices = Devices::start(broker.port, 10, Duration::from_millis(2), QoS::AtMostOnce);
    let acts = |more: u64| {
        let done = devices.done();
        wait_for("acts", PATIENCE, || (devices.done() >= done + more).then_some(()));
    };
    acts(100);
    for away in 1..=2 {
        gateway.kill();
        acts(600);
        gateway.up();
        assert!(gateway.connected_again(away), "the broker has kept our session");
        acts(100);
    }
    let record = devices.finish();
    wait_for_all(&record, &sink);
    let figures = check(&record, &sink.accepted());
    assert!(figures.acts >= 1400);
    let (report, _) = gateway.check();
    assert!(Gateway::found(&report).is_empty(), "no lossy source: {report}");
}

#[test]
fn with_mosquittos_defaults_qos_0_is_lost_meanwhile_and_the_gateway_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), DEFAULTS, false);
    let sink = Sink::start();
    let device = bridge(&broker);
    let mut gateway = gateway(folder.path(), broker.port, &sink, 1);
    device.hears(ASKED, 0);
    let say = |act: u64| {
        let number = device.publish(&topic(0), payload(act).as_bytes(), QoS::AtMostOnce, false);
        assert_eq!(device.fate(number), Fate::Sent);
    };
    say(1);
    gateway.fact("door-0", "position", "open", "observed");
    let lossy = gateway.door("door-0").unwrap()["endpoints"][0]["lossy_source"].clone();
    assert_eq!(lossy, true);
    let doors = gateway.command().arg("doors").output().unwrap();
    assert!(String::from_utf8(doors.stdout).unwrap().contains("lossy (QoS 0)"));
    let (report, status) = gateway.check();
    let found = Gateway::found(&report);
    let finding = &found[0];
    // What is an error is that this broker lets everybody do everything.
    assert_eq!((&finding["severity"], status), (&"warning".into(), Some(2)), "{report}");
    assert!(finding["message"].as_str().unwrap().contains("publishes at QoS 0"), "{report}");
    assert!(finding["remedy"].as_str().unwrap().contains("upgrade_outgoing_qos"), "{report}");

    gateway.kill();
    for act in 2..=4 {
        say(act);
    }
    // The broker answers in order: by now it has had, and dropped, what was said.
    assert!(device.tell("elsewhere", b"").is_taken());
    let heard = device.heard().len();
    gateway.up();
    assert!(gateway.connected_again(1), "the session alone does not help");
    device.hears(ASKED, heard);
    gateway.fact("door-0", "position", "open", "stale");
    say(6);
    gateway.fact("door-0", "position", "closed", "observed");
    gateway.drained();
    assert_eq!(arrived(&sink), [1, 6], "what was said meanwhile is lost at the broker");
}

#[test]
fn with_mosquittos_defaults_the_first_thousand_of_qos_1_are_kept() {
    const SAID: u64 = 1500;
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), DEFAULTS, false);
    let sink = Sink::start();
    let device = bridge(&broker);
    let mut gateway = gateway(folder.path(), broker.port, &sink, 1);
    device.hears(ASKED, 0);
    let vendor = gateway.vendor_pid().unwrap();
    gateway.kill();
    // Until its connection is closed the broker sends it what it may have in flight.
    wait_for("the vendor's process has ended", PATIENCE, || {
        let open = std::fs::read_dir(format!("/proc/{vendor}/fd"));
        open.map_or(true, |open| open.count() == 0).then_some(())
    });
    let say =
        |act: u64| device.publish(&topic(0), payload(act).as_bytes(), QoS::AtLeastOnce, false);
    let said: Vec<u64> = (1..=SAID).map(say).collect();
    assert!(said.into_iter().all(|number| device.fate(number).is_taken()), "and so acknowledged");
    let heard = device.heard().len();
    gateway.up();
    assert!(gateway.connected_again(1), "the broker has kept our session");
    device.hears(ASKED, heard);
    // Whichever act was kept last, the second of these two is a change.
    for act in [SAID + 2, SAID + 3] {
        assert!(device.fate(say(act)).is_taken());
    }
    wait_for("the last act", PATIENCE, || arrived(&sink).contains(&(SAID + 3)).then_some(()));
    let mut kept = arrived(&sink);
    kept.retain(|act| *act <= SAID);
    println!("{} of {SAID} were kept", kept.len());
    assert!((1000..1100).contains(&kept.len()), "{}", kept.len());
    assert_eq!(kept, (1..=kept.len() as u64).collect::<Vec<_>>(), "the first ones, each once");
}

/// The acts that arrived, in order. An event that was on its way when the gateway was killed
/// comes again under its id.
fn arrived(sink: &Sink) -> Vec<u64> {
    let mut ids = BTreeSet::new();
    sink.of_type("entry.position_changed")
        .iter()
        .filter(|entry| ids.insert(entry.detail["id"].to_string()))
        .map(|entry| act_of(entry.detail["time"].as_str().unwrap()))
        .collect()
}
