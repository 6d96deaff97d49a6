//! Rubbish, floods and strangers on the devices' side: nothing restarts, grows or leaks, and no
//! act of an honest device is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use serde_json::Value;

use crate::support::broker::{Broker, SHIPPED};
use crate::support::client::Client;
use crate::support::device::{Act, Devices, act_of, identity, payload, topic};
use crate::support::gateway::{Gateway, Setup, eventbridge, memory_kib, signal};
use crate::support::sink::{Entry, Sink};
use crate::support::wait_for;

/// Doors with honest sensors; the one after them is flooded.
const HONEST: usize = 4;
const PATIENCE: Duration = Duration::from_secs(120);
const JOURNAL_MIB: u64 = 16;
/// Bounds on a process's share of memory, for the dev build. The core took at most 24 MiB in some
/// twenty runs, twenty thousand acts at once being the worst.
const CORE_KIB: u64 = 40 << 10;
/// The vendor process took 6 to 23 MiB: above 10 it is acknowledgements that rumqttc has yet to
/// send, at 250 bytes each. Mosquitto lets them grow beyond our receive maximum, up to the 65,535
/// packet ids that there are.
const VENDOR_KIB: u64 = 40 << 10;
/// A code that somebody sends in every place; it must be found nowhere.
const CODE: &str = "86420975";

/// The most that a process took, sampled.
#[derive(Default)]
struct Peak {
    core: AtomicU64,
    vendor: AtomicU64,
    samples: AtomicU64,
}

impl Peak {
    fn sample(&self, core: u32, vendor: u32) {
        for (peak, pid) in [(&self.core, core), (&self.vendor, vendor)] {
            peak.fetch_max(memory_kib(pid).unwrap_or_default(), Ordering::Relaxed);
        }
        self.samples.fetch_add(1, Ordering::Relaxed);
    }

    fn kib(&self) -> (u64, u64) {
        (self.core.load(Ordering::Relaxed), self.vendor.load(Ordering::Relaxed))
    }
}

/// Ends the sampling when dropped.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Stand {
    broker: Broker,
    sink: Sink,
    gateway: Gateway,
    processes: (u32, u32),
}

/// A gateway with honest doors, one to flood, and an entry behind a device that lies. The devices
/// may send as much as they like.
fn stand(folder: &Path) -> Stand {
    stand_with(folder, "")
}

/// The same with the limits as they are by default.
fn limited(folder: &Path) -> Stand {
    stand_with(folder, "[limits]\n")
}

fn stand_with(folder: &Path, limits: &str) -> Stand {
    let broker = Broker::start(&folder.join("broker"), SHIPPED, false);
    let attacker = Client::connect(broker.port, "attacker-before", &[]);
    // The broker tells that a message was kept only to who subscribes later.
    for command in ["rogue/set", "rogue/set/state", "bridge/request/permit_join"] {
        let unlock = format!("{{\"state\":\"UNLOCK\",\"pin\":\"{CODE}\"}}");
        assert!(attacker.leave(&format!("zigbee2mqtt/{command}"), unlock.as_bytes()).is_taken());
    }
    let sink = Sink::start();
    let gateway = Gateway::start(&Setup {
        folder: &folder.join("gateway"),
        broker_port: broker.port,
        doors: HONEST + 1,
        bus: format!(
            "{}[journal]\nmax_mib = {JOURNAL_MIB}\nhistory_mib = 1\n[[entry]]\nid = \
             \"rogue\"\nroles = {{ position = \"zigbee2mqtt:0xbad\", lock = \"zigbee2mqtt:0xbad\" \
             }}\n",
            eventbridge("test", sink.port)
        ),
        mqtt: format!("{limits}[[endpoint]]\nid = \"0xbad\"\naddress = \"rogue\"\n"),
    });
    sink.gets("security.retained_command_found", |_| true);
    let processes = (gateway.pid(), gateway.vendor_pid().unwrap());
    Stand { broker, sink, gateway, processes }
}

/// Runs `attack` beside honest acts and a look at the processes' memory, then waits until every
/// act has arrived, and checks what holds after any attack. Gives the peaks in KiB.
fn beside_honest_devices(
    stand: &Stand,
    attack: impl FnOnce(&Client, &Peak) -> BTreeSet<Act>,
) -> (u64, u64) {
    let (core, vendor) = stand.processes;
    let attacker = Client::connect(stand.broker.port, "attacker", &[]);
    let (peak, stop) = (Peak::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        // Also when something below panics.
        let stops = Stops(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                peak.sample(core, vendor);
                std::thread::sleep(Duration::from_millis(25));
            }
        });
        let devices =
            Devices::start(stand.broker.port, HONEST, Duration::from_millis(4), QoS::AtLeastOnce);
        let mut expected = attack(&attacker, &peak);
        attacker.settled();
        expected.append(&mut devices.finish().acknowledged);
        let mut missing = expected.clone();
        let (mut seen, mut times) = (0, BTreeMap::new());
        wait_for("every honest act arrives", PATIENCE, || {
            let entries = stand.sink.beyond(seen);
            seen += entries.len();
            for (act, id) in entries.iter().filter_map(honest) {
                missing.remove(&act);
                times.entry(act).or_insert_with(BTreeSet::new).insert(id);
            }
            missing.is_empty().then_some(())
        });
        stand.gateway.drained();
        drop(stops);
        assert!(times.values().all(|ids| ids.len() == 1), "an act is one event");
    });
    // The same processes, one connection: nothing fell over and came back.
    assert_eq!((stand.gateway.pid(), stand.gateway.vendor_pid()), (core, Some(vendor)));
    assert_eq!(stand.gateway.sessions().len(), 1);
    let log = stand.gateway.log();
    for sign in ["ERROR", "panicked", "process ended", "no connection to the broker"] {
        assert!(!log.contains(sign), "{sign} in the log");
    }
    bounded(stand);
    peak.kib()
}

/// A position change of a door, with its event's id.
fn honest(entry: &Entry) -> Option<(Act, String)> {
    let door = entry.detail["entry_id"].as_str()?.strip_prefix("door-")?.parse().unwrap();
    let act = act_of(entry.detail["time"].as_str().unwrap());
    let id = entry.detail["id"].as_str().unwrap().to_owned();
    (entry.detail_type == "entry.position_changed").then_some(((door, act), id))
}

/// The journal keeps its bound and the quarantine its own, and no code is anywhere.
fn bounded(stand: &Stand) {
    let queue = stand.gateway.json(&["queue"]).unwrap();
    let used = queue["journal"]["bytes_used"].as_u64().unwrap();
    assert!(used <= JOURNAL_MIB << 20, "{used} bytes used");
    assert!(queue["status"]["storage_failure"].is_null(), "{queue}");
    assert!(queue["journal"]["quarantined"].as_u64().unwrap() <= 2000, "{queue}");
    let mut size = 0;
    for file in std::fs::read_dir(stand.gateway.folder.join("state")).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap_or_default();
        size += bytes.len() as u64;
        let leaks = bytes.windows(CODE.len()).any(|window| window == CODE.as_bytes());
        assert!(!leaks, "the code is in the journal");
    }
    // The write-ahead log keeps at most 8 MiB between two checkpoints.
    assert!(size <= (JOURNAL_MIB + 8) << 20, "{size} bytes on disk");
    assert!(!stand.gateway.log().contains(CODE), "the code is in the log");
    let leaked = stand.sink.accepted().iter().any(|entry| entry.detail.to_string().contains(CODE));
    assert!(!leaked, "the code is in an event");
}

/// What no honest bridge sends, on any topic.
const RUBBISH: &str = r#"{"pin_code":"86420975"
[{"pin":86420975,
{"contact":
not json
[]
12
null
"contact"
{}
{"contact":"yes"}
{"contact":{"contact":true}}
{"contact":2,"tamper":[]}
{"lock_state":42}
{"lock_state":"ajar"}
{"action":[1]}
{"action":"86420975"}
{"battery":1e400}
{"battery":-1e308}
{"battery":"86420975"}
{"last_seen":1e308}
{"last_seen":{}}
{"last_seen":99999999999999999999,"contact":true}
{"last_seen":"9999-99-99T99:99:99Z","contact":false}
{"last_seen":"2999-01-01T00:00:00Z","contact":true}
{"last_seen":-9007199254740993,"contact":false}
{"action":"unlock","action_user":18446744073709551616}
{"action":"unlock","action_user":"86420975"}
{"pin_code":86420975,"users":{"1":{"pin_code":"86420975"}},"contact":7}
{"contact":true,"contact":false}
{"contact":NaN}
{"state":86420975}
{"state":"86420975"}
{"level":"error","message":86420975}
{"level":"error","message":"z2m: Publish 'set' to 'rogue' failed: 86420975"}"#;

/// Messages of such, and of what does not stand well in a list.
fn rubbish() -> Vec<(String, Vec<u8>)> {
    let long = |bytes: usize| vec![b'x'; bytes];
    let number = format!("{{\"battery\":{}}}", "9".repeat(10_000));
    let wide: String = (0..5000).map(|n| format!("\"m{n}\":\"{CODE}\",")).collect();
    let payloads: Vec<Vec<u8>> = RUBBISH
        .lines()
        .chain(["", "\u{0}"])
        .map(|text| text.as_bytes().to_vec())
        .chain([
            b"\xff\xfe{\"pin\":86420975}".to_vec(),
            b"{\"contact\":\"\xed\xa0\x80\"}".to_vec(),
            "[".repeat(60_000).into_bytes(),
            "{\"a\":".repeat(5_000).into_bytes(),
            number.into_bytes(),
            format!("{{{wide}\"contact\":true}}").into_bytes(),
            long(64 << 10),
            long(65 << 10),
            long((1 << 20) + 1),
        ])
        .collect();
    let topics = [
        "rogue",
        "rogue/availability",
        "rogue/action",
        "bridge/state",
        "bridge/devices",
        "bridge/logging",
        "bridge/info",
        "bridge/response/device/remove",
    ];
    let mut messages: Vec<_> = topics
        .iter()
        .flat_map(|topic| {
            payloads.iter().map(move |bytes| (format!("zigbee2mqtt/{topic}"), bytes.clone()))
        })
        .collect();
    let odd = [
        "zigbee2mqtt/",
        "zigbee2mqtt//",
        "zigbee2mqtt/a//b",
        "zigbee2mqtt/\u{7f}\u{202e}",
        "zigbee2mqtt/bridge",
        "zigbee2mqtt/bridge/",
        "zigbee2mqtt/rogue/set/availability",
    ];
    messages.extend(odd.map(|topic| (topic.to_owned(), b"{\"contact\":true}".to_vec())));
    messages.push((format!("zigbee2mqtt/{}", "n".repeat(60_000)), b"{}".to_vec()));
    // Longer than we announce to take: the broker drops it, and nothing goes round in circles.
    messages.push(("zigbee2mqtt/rogue".to_owned(), long(1_500_000)));
    // As many large ones at once as the broker sends ahead.
    let large = |_| ("zigbee2mqtt/bridge/info".to_owned(), long(1 << 20));
    messages.extend((0..100).map(large));
    messages
}

#[test]
fn rubbish_is_set_aside_with_its_reason_and_without_codes() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path());
    let messages = rubbish();
    let (core, vendor) = beside_honest_devices(&stand, |attacker, _| {
        for _ in 0..3 {
            for (topic, payload) in &messages {
                attacker.publish(topic, payload, QoS::AtLeastOnce, false);
            }
        }
        BTreeSet::new()
    });
    println!("{} messages: core {core} KiB, vendor {vendor} KiB", 3 * messages.len());
    assert!(core < CORE_KIB && vendor < VENDOR_KIB, "core {core} KiB, vendor {vendor} KiB");

    let rows = stand.gateway.quarantine();
    let reasons: BTreeSet<&str> = rows.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    for reason in [
        "invalid_utf8",
        "malformed_json",
        "retained_command",
        "too_large",
        "unexpected_shape",
        "unknown_endpoint",
        "unknown_topic",
        "unmapped_value",
    ] {
        assert!(reasons.contains(reason), "{reason} is not among {reasons:?}");
    }
    let find = |topic: &str, reason: &str| -> &Value {
        let row = rows.iter().find(|row| row["source"] == topic && row["reason"] == reason);
        row.unwrap_or_else(|| panic!("{topic} {reason} is not in quarantine: {rows:#?}"))
    };
    // The first malformed one may hold a code: of it, length and keyed digest only.
    let secret = find("zigbee2mqtt/rogue", "malformed_json");
    assert_eq!((&secret["raw"], &secret["bytes"]), (&Value::Null, &22.into()));
    assert_eq!(secret["keyed_digest"].as_str().unwrap().len(), 32);
    let command = find("zigbee2mqtt/rogue/set", "retained_command");
    assert!(command["raw"].is_null() && command["bytes"] == 35, "{command}");
    let same: BTreeSet<&str> = ["rogue/set", "rogue/set/state", "bridge/request/permit_join"]
        .map(|topic| find(&format!("zigbee2mqtt/{topic}"), "retained_command"))
        .map(|row| row["keyed_digest"].as_str().unwrap())
        .into();
    assert_eq!(same.len(), 1, "equal payloads have equal digests");
    // Elsewhere the bytes themselves, as far as they are no code.
    let of_inventory: Vec<&str> = rows
        .iter()
        .filter(|row| row["source"] == "zigbee2mqtt/bridge/devices")
        .filter(|row| row["reason"] == "malformed_json")
        .map(|row| row["raw"].as_str().unwrap())
        .collect();
    for shown in ["[{\\\"pin\\\":########,", "{\\\"contact\\\":"] {
        assert!(of_inventory.contains(&shown), "{shown} is not among {of_inventory:?}");
    }
    let long = find("zigbee2mqtt/bridge/devices", "too_large");
    assert_eq!((&long["bytes"], long["raw"].as_str().unwrap().len()), (&1_048_577.into(), 2048));
}

#[test]
fn what_gathers_while_the_core_stands_still_is_bounded_and_gets_through() {
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path());
    let large = vec![b'x'; 1 << 20];
    let (core, vendor) = beside_honest_devices(&stand, |attacker, peak| {
        let (core, _) = stand.processes;
        for _ in 0..2 {
            assert!(signal(core, "STOP"));
            // First what fills the link, then what would fill the memory.
            for number in 0..3000 {
                let topic = format!("zigbee2mqtt/stranger-{number}");
                attacker.publish(&topic, b"{\"contact\":true}", QoS::AtLeastOnce, false);
                if number >= 1500 && number % 20 == 0 {
                    let topic = "zigbee2mqtt/bridge/info";
                    attacker.publish(topic, &large, QoS::AtLeastOnce, false);
                }
            }
            attacker.settled();
            // Whatever the vendor process takes, it has taken a while later.
            let so_far = peak.samples.load(Ordering::Relaxed);
            wait_for("more looks at the memory", PATIENCE, || {
                (peak.samples.load(Ordering::Relaxed) >= so_far + 20).then_some(())
            });
            assert!(signal(core, "CONT"));
        }
        BTreeSet::new()
    });
    println!("a core that stands still: core {core} KiB, vendor {vendor} KiB");
    assert!(core < CORE_KIB && vendor < VENDOR_KIB, "core {core} KiB, vendor {vendor} KiB");
}

/// With the limits as they are by default: the honest doors of this test keep to 10 a second each.
/// Whether its policy is `SCHED_IDLE`, 5 (`proc_pid_stat(5)`, field 41).
fn computes_last(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let (_, behind_its_name) = stat.rsplit_once(')').unwrap_or_default();
    behind_its_name.split_whitespace().nth(38) == Some("5")
}

#[test]
fn a_flood_from_one_device_hurts_nobody_and_its_newest_state_is_told() {
    const FLOOD: u64 = 20_000;
    /// Messages until the flood has begun and honest acts are looked for in its midst.
    const FIRST: u64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let stand = limited(folder.path());
    let (core, vendor) = stand.processes;
    let attacker = Client::connect(stand.broker.port, "attacker", &[]);
    let peak = Peak::default();
    let flood = |numbers: std::ops::RangeInclusive<u64>| {
        for number in numbers {
            let payload = payload(number);
            attacker.publish(&topic(HONEST), payload.as_bytes(), QoS::AtLeastOnce, false);
        }
        peak.sample(core, vendor);
    };
    flood(1..=FIRST);
    let begins = stand.sink.gets("endpoint.flooding", |_| true);
    wait_for("its process computes last", PATIENCE, || computes_last(vendor).then_some(()));
    assert_eq!(begins.detail["endpoint_id"], format!("zigbee2mqtt:{}", identity(HONEST)));
    // 4 doors, an act each 100 ms of each.
    let devices =
        Devices::start(stand.broker.port, HONEST, Duration::from_millis(25), QoS::AtLeastOnce);
    for part in 1..10 {
        flood(FIRST + (part - 1) * (FLOOD - FIRST) / 9 + 1..=FIRST + part * (FLOOD - FIRST) / 9);
    }
    // An odd one opens: the newest is none that was told in between by chance.
    flood(FLOOD + 1..=FLOOD + 1);
    attacker.settled();
    let mut missing = devices.finish().acknowledged;
    assert!(!missing.is_empty());
    let mut seen = 0;
    wait_for("every honest act arrives", PATIENCE, || {
        let entries = stand.sink.beyond(seen);
        seen += entries.len();
        for (act, _) in entries.iter().filter_map(honest) {
            missing.remove(&act);
        }
        missing.is_empty().then_some(())
    });
    let ended = |event: &Entry| event.detail["data"]["ended"] == true;
    stand.sink.gets("endpoint.flooding", ended);
    // Only who may raise a nice level can put it back.
    if rustix::process::geteuid().is_root() {
        wait_for("it computes as any", PATIENCE, || (!computes_last(vendor)).then_some(()));
    }
    let told: Vec<u64> = stand
        .sink
        .accepted()
        .iter()
        .filter_map(honest)
        .filter_map(|((door, number), _)| (door == HONEST).then_some(number))
        .collect();
    // What says what was said before is no event: the last one told opened the door, as the newest.
    assert!(told.last().is_some_and(|number| number % 2 == 1), "{:?}", told.last());
    stand.gateway.fact(&format!("door-{HONEST}"), "position", "open", "observed");
    stand.gateway.drained();
    // The broker holds nothing back: all is acknowledged, though most of it was told by none.
    let floods = stand.sink.of_type("endpoint.flooding");
    let one_by_one = told.len();
    println!("{one_by_one} of {FLOOD} told one by one, {} events of the flood", floods.len());
    assert!(one_by_one < 5_000, "{one_by_one}");
    assert!(floods.len() <= 4, "{} events of the flood", floods.len());
    let figure = |name: &str| -> u64 {
        floods.iter().map(|event| event.detail["data"][name].as_u64().unwrap()).sum()
    };
    assert!(figure("coalesced") > FLOOD / 2 && figure("dropped_acts") == 0);
    assert_eq!((stand.gateway.pid(), stand.gateway.vendor_pid()), (core, Some(vendor)));
    assert_eq!(stand.gateway.sessions().len(), 1);
    assert!(!stand.gateway.log().contains("ERROR"), "an error in the log");
    bounded(&stand);
    let (core, vendor) = peak.kib();
    assert!(core < CORE_KIB && vendor < VENDOR_KIB, "core {core} KiB, vendor {vendor} KiB");
}

#[test]
fn a_hundred_thousand_strangers_leave_a_bounded_trace() {
    const STRANGERS: u64 = 100_000;
    let folder = tempfile::tempdir().unwrap();
    let stand = stand(folder.path());
    let (core, vendor) = beside_honest_devices(&stand, |attacker, _| {
        for number in 0..STRANGERS {
            let topic = format!("zigbee2mqtt/stranger-{number}");
            attacker.publish(&topic, b"{\"contact\":true}", QoS::AtLeastOnce, false);
        }
        BTreeSet::new()
    });
    let queue = stand.gateway.json(&["queue"]).unwrap();
    let kept = queue["journal"]["quarantined"].as_u64().unwrap();
    let told = stand.sink.of_type("event.quarantined").len();
    println!(
        "{STRANGERS} strangers: {kept} rows, {told} events, core {core} KiB, vendor {vendor} KiB"
    );
    assert!(core < CORE_KIB && vendor < VENDOR_KIB, "core {core} KiB, vendor {vendor} KiB");
    // 128 are told apart within a minute, some of them kept commands, and this takes less than two.
    assert!((110..300).contains(&told), "{told} events");
    let rows = stand.gateway.quarantine();
    let of_strangers = rows.iter().filter(|row| row["reason"] == "unknown_endpoint");
    let raw = of_strangers.clone().next().unwrap()["raw"].as_str().unwrap();
    assert!(raw.contains("stranger-"), "{raw}");
    assert!(of_strangers.count() >= 110);
}
