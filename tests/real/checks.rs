//! `doorward check` at real parts: each is shown its fault, then its remedy. What lies in files
//! alone is shown in `tests/cli/planted.rs`, the broker's list in `setup.rs`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use doorward_emulator::python;
use rumqttc::v5::mqttbytes::QoS;
use serde_json::Value;

use crate::support::broker::{Broker, SHIPPED};
use crate::support::certificates::Certificates;
use crate::support::client::Client;
use crate::support::device;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::{Mood, Sink};
use crate::support::wait_for;

fn setup(folder: &Path, broker_port: u16, mqtt: String) -> Setup<'_> {
    Setup { folder, broker_port, doors: 1, bus: "[bus]\nkind = \"standalone\"\n".to_owned(), mqtt }
}

/// The outcome of one check, by `command` and what comes before it on the line.
fn outcome(mut command: Command, name: &str) -> Value {
    let output = command.args(["check", "--only", name, "--json"]).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let [outcome] = &report["checks"].as_array().unwrap()[..] else { panic!("{report}") };
    assert_eq!(outcome["name"], name);
    outcome.clone()
}

/// The check finds `words` at `state` and says `remedy`.
fn finds(outcome: &Value, state: &str, words: &str, remedy: &str) {
    assert_eq!(outcome["state"], state, "{outcome}");
    assert!(outcome["detail"].as_str().unwrap().contains(words), "{outcome}");
    assert!(outcome["remedy"].as_str().unwrap().contains(remedy), "{outcome}");
}

#[test]
fn a_stranger_is_told_until_the_vendors_file_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let place = folder.path().join("gateway");
    let gateway = Gateway::start(&setup(&place, broker.port, String::new()));
    gateway.connected();
    let check = || outcome(gateway.command(), "endpoints");
    assert_eq!(check()["state"], "ok", "{}", gateway.log());
    let bridge = Client::connect(broker.port, "bridge", &[]);
    let says = |topic: &str| {
        bridge.publish(topic, b"{\"contact\":true}", QoS::AtLeastOnce, false);
        bridge.settled();
    };
    says("zigbee2mqtt/cellar");
    wait_for("the stranger is in quarantine", Duration::from_secs(30), || {
        (!gateway.quarantine().is_empty()).then_some(())
    });
    finds(&check(), "warning", "zigbee2mqtt: cellar is nobody's device: 1 in", "[[endpoint]]");

    let file = place.join("vendors.d/zigbee2mqtt.toml");
    let named = "[[endpoint]]\nid = \"0x00000000000ce11a\"\naddress = \"cellar\"\n";
    fs::write(&file, fs::read_to_string(&file).unwrap() + named).unwrap();
    assert!(gateway.command().arg("reload").status().unwrap().success());
    let mended = check();
    assert_eq!(mended["state"], "ok", "{mended}");
    // Another stranger is told all the same.
    says("zigbee2mqtt/attic");
    wait_for("the second is in quarantine", Duration::from_secs(30), || {
        (gateway.quarantine().len() >= 2).then_some(())
    });
    finds(&check(), "warning", "attic is nobody's device", "[[endpoint]]");
}

#[test]
fn a_device_that_went_offline_is_told_until_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let place = folder.path().join("gateway");
    let gateway = Gateway::start(&setup(&place, broker.port, String::new()));
    gateway.connected();
    let bridge = Client::connect(broker.port, "bridge", &[]);
    let address = device::address(0);
    // As the bridge does: retained, so that whoever comes later knows it too.
    let is = |state: &str| {
        let topic = format!("zigbee2mqtt/{address}/availability");
        let said = format!("{{\"state\":\"{state}\"}}");
        bridge.publish(&topic, said.as_bytes(), QoS::AtLeastOnce, true);
        bridge.settled();
    };
    let check = |state: &str| {
        wait_for(state, Duration::from_secs(30), || {
            let found = outcome(gateway.command(), "devices");
            (found["state"] == state).then_some(found)
        })
    };
    is("offline");
    let words = format!("zigbee2mqtt:{} of door-0: it is offline", device::identity(0));
    finds(&check("warning"), "warning", &words, "look at its battery");
    is("online");
    assert_eq!(check("ok")["detail"], "1 heard; silent for 25h at most");
}

#[test]
fn a_device_may_be_silent_for_as_long_as_its_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), SHIPPED, false);
    let place = folder.path().join("gateway");
    let gateway = Gateway::start(&setup(&place, broker.port, String::new()));
    gateway.connected();
    let sensor = Client::connect(broker.port, "sensor", &[]);
    // Two hours ago, by the device's own word.
    let two_hours_ago = jiff::Timestamp::now().as_millisecond() - 7_200_000 - device::EPOCH_MS;
    let act = u64::try_from(two_hours_ago).unwrap() / 2 * 2;
    assert!(sensor.tell(&device::topic(0), device::payload(act).as_bytes()).is_taken());
    gateway.fact("door-0", "position", "closed", "observed");
    let check = || outcome(gateway.command(), "devices");
    assert_eq!(check()["detail"], "1 heard; silent for 25h at most");

    let file = place.join("vendors.d/zigbee2mqtt.toml");
    let usual = fs::read_to_string(&file).unwrap();
    let pid = gateway.vendor_pid();
    // Its vendor's word, then its own, which goes first. Neither touches the vendor's process.
    let reloads = |text: String| {
        fs::write(&file, text).unwrap();
        let told = gateway.json(&["reload"]).unwrap();
        assert_eq!((&told["applied"], &told["changed"]), (&true.into(), &serde_json::json!([])));
    };
    reloads(format!("silence = \"1h\"\n{usual}"));
    let words = format!("zigbee2mqtt:{} of door-0: it was last heard 2h", device::identity(0));
    let missed = check();
    finds(&missed, "warning", &words, "look at its battery");
    assert!(missed["detail"].as_str().unwrap().contains("is silent for 1h at most (silence)"));
    reloads(format!("silence = \"1h\"\n{usual}silence = \"3h\"\n"));
    let heard = check();
    assert_eq!(
        (&heard["state"], &heard["detail"]),
        (&"ok".into(), &"1 heard; silent for 3h at most".into())
    );
    assert_eq!(gateway.vendor_pid(), pid);

    // What is no length of time is an error, and the gateway goes on by what it had.
    fs::write(&file, format!("silence = \"soon\"\n{usual}")).unwrap();
    let found = outcome(gateway.command(), "configuration");
    finds(&found, "error", "\"soon\"", "leave it out for 25 hours");
    assert!(!gateway.command().arg("reload").status().unwrap().success());
    assert_eq!(gateway.vendor_pid(), pid);
}

#[test]
fn a_broker_that_grants_qos_0_alone_is_told_with_the_topics() {
    let folder = tempfile::tempdir().unwrap();
    let mut broker = Broker::start(&folder.path().join("broker"), "max_qos 0\n", false);
    let place = folder.path().join("gateway");
    let gateway = Gateway::configured_only(&setup(&place, broker.port, String::new()));
    let found = outcome(gateway.command(), "broker");
    finds(&found, "warning", "grants QoS 0 alone for zigbee2mqtt/", "max_qos");
    // The remedy: out of the broker's settings with it.
    let file = folder.path().join("broker/mosquitto.conf");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace("max_qos 0\n", "")).unwrap();
    broker.kill();
    broker.up();
    let mended = outcome(gateway.command(), "broker");
    assert_eq!(mended["state"], "ok", "{mended}");
}

#[test]
fn a_certificate_that_ended_or_that_has_another_key_is_told() {
    const OURS: &str = "doorward-zigbee2mqtt";
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(&folder.path().join("tls"), &[OURS]);
    let place = folder.path().join("gateway");
    let table = certificates.table(&certificates, OURS);
    let gateway = Gateway::configured_only(&setup(&place, 1, table));
    let check = || outcome(gateway.command(), "certificates");
    let own = folder.path().join("tls").join(format!("{OURS}.pem"));
    let good = fs::read(&own).unwrap();
    assert_ne!(check()["state"], "error", "{}", check());

    certificates.expire(OURS);
    finds(&check(), "error", "ended, 2020-01-03", "doorward setup");
    fs::write(&own, good).unwrap();
    assert_ne!(check()["state"], "error", "{}", check());

    let key = folder.path().join("tls").join(format!("{OURS}.key"));
    let ours = fs::read(&key).unwrap();
    fs::copy(folder.path().join("tls/server.key"), &key).unwrap();
    finds(&check(), "error", "cannot be used", "belong together");
    fs::write(&key, ours).unwrap();
    assert_ne!(check()["state"], "error", "{}", check());
}

#[test]
fn a_bus_that_denies_is_told_with_what_to_allow() {
    let folder = tempfile::tempdir().unwrap();
    let mut sink = Sink::start();
    sink.down();
    let place = folder.path().join("gateway");
    let bus = eventbridge("doors", sink.port);
    let mut gateway = Gateway::configured_only(&Setup { bus, ..setup(&place, 1, String::new()) });
    let check = |gateway: &Gateway| outcome(gateway.command(), "bus");
    let idle = check(&gateway);
    assert_eq!(idle["state"], "skipped", "{idle}");
    assert!(idle["detail"].as_str().unwrap().contains("connect --test"), "{idle}");
    gateway.up();
    let is = |gateway: &Gateway, state: &str| {
        wait_for(state, Duration::from_secs(60), || {
            let found = check(gateway);
            (found["state"] == state).then_some(found)
        })
    };
    finds(&is(&gateway, "warning"), "warning", "the bus doors does not take", "if it lasts");
    sink.moods([Mood::Fail(400, "AccessDeniedException")]);
    sink.up();
    let allow = "events:PutEvents on the bus doors";
    finds(&is(&gateway, "error"), "error", "publish: AccessDeniedException", allow);
    sink.moods([Mood::Accept]);
    let mended = is(&gateway, "ok");
    assert!(mended["detail"].as_str().unwrap().contains("has taken "), "{mended}");
}

/// As a user without root's powers would, in no further group but `group`.
fn powerless(gateway: &Gateway, group: Option<u32>) -> Command {
    let plain = gateway.command();
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-all", "--inh-caps=-all"]);
    match group {
        Some(group) => command.arg(format!("--groups={group}")),
        None => command.arg("--clear-groups"),
    };
    command.arg(plain.get_program()).args(plain.get_args());
    command
}

#[test]
fn a_key_that_is_the_gateways_alone_is_no_fault_to_an_operator() {
    const OURS: &str = "doorward-zigbee2mqtt";
    assert!(rustix::process::geteuid().is_root(), "powers are given up, and files given, by root");
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(&folder.path().join("tls"), &[OURS]);
    let broker = Broker::shipped(&folder.path().join("broker"), &certificates, "");
    let table = certificates.table(&certificates, OURS);
    let place = folder.path().join("gateway");
    let gateway = Gateway::configured_only(&setup(&place, broker.port, table));
    let key = folder.path().join("tls").join(format!("{OURS}.key"));
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::chown(&key, Some(65534), Some(65534)).unwrap();
    for check in ["certificates", "broker", "acl"] {
        let ours = outcome(gateway.command(), check);
        assert_ne!(ours["state"], "error", "{ours}");
        let mut command = powerless(&gateway, None);
        let output = command.args(["check", "--only", check, "--json"]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let skipped = |looked: &&Value| looked["skipped"] == true;
        let looked = report["looked"].as_array().unwrap().iter().find(skipped).expect(check);
        let detail = looked["detail"].as_str().unwrap();
        assert!(detail.contains("not ours to read; sudo doorward check"), "{looked}");
    }
}

#[test]
fn a_port_that_the_user_may_not_use_is_told_with_its_group() {
    const DIALOUT: u32 = 20;
    assert!(
        rustix::process::geteuid().is_root(),
        "a device is made, and powers are given up, by root alone"
    );
    let folder = tempfile::tempdir().unwrap();
    let (place, root) = (folder.path().join("gateway"), folder.path().join("root"));
    // A character device of somebody else and of the port's group, as udev makes them.
    let port = root.join("dev/ttyUSB0");
    fs::create_dir_all(root.join("dev")).unwrap();
    fs::create_dir_all(root.join("etc")).unwrap();
    fs::write(root.join("etc/group"), format!("root:x:0:\ndialout:x:{DIALOUT}:\n")).unwrap();
    let made = Command::new("mknod").arg(&port).args(["c", "4", "64"]).status().unwrap();
    assert!(made.success());
    fs::set_permissions(&port, fs::Permissions::from_mode(0o660)).unwrap();
    std::os::unix::fs::chown(&port, Some(65534), Some(DIALOUT)).unwrap();
    let gateway = Gateway::configured_only(&setup(&place, 1, String::new()));
    fs::write(
        place.join("vendors.d/line.toml"),
        "ecosystem = \"modbus\"\n[serial]\nport = \"/dev/ttyUSB0\"\n[[endpoint]]\nid = \"gate\"\n\
         unit = 1\nclosed = { input = 0, contact = \"normally_open\" }\n\
         open = { input = 1, contact = \"normally_open\" }\n",
    )
    .unwrap();
    let said = |mut command: Command| {
        let output = command
            .args(["check", "--only", "serial", "--json", "--root"])
            .arg(&root)
            .output()
            .unwrap();
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        report["checks"][0].clone()
    };
    let check = |group| said(powerless(&gateway, group));
    finds(&check(None), "error", "ermission denied", "usermod -aG dialout doorward");
    let mended = check(Some(DIALOUT));
    assert_eq!(mended["state"], "ok", "{mended}");

    // Root may use any port: as soon as there is the gateway's user, it is that one's rights.
    let as_root = || said(gateway.command());
    assert_eq!(as_root()["state"], "ok", "{}", as_root());
    fs::write(root.join("etc/passwd"), "doorward:x:990:980::/nonexistent:/bin/false\n").unwrap();
    finds(&as_root(), "error", "to the gateway's user", "usermod -aG dialout doorward");
    fs::write(root.join("etc/group"), format!("dialout:x:{DIALOUT}:doorward\n")).unwrap();
    assert_eq!(as_root()["state"], "ok", "{}", as_root());
    fs::write(root.join("etc/group"), "").unwrap();
    fs::create_dir(place.join("state")).unwrap();
    assert_eq!(as_root()["state"], "ok", "a gateway whose state is root's runs as root");
}

/// Starts what its arguments say under a filter for which the kernel has no Landlock.
const WITHOUT_LANDLOCK: &str = r#"
import ctypes, os, struct, sys
CREATE_RULESET, ENOSYS = 444, 38
def word(code, yes, no, value): return struct.pack("HBBI", code, yes, no, value)
program = b"".join([
    word(0x20, 0, 0, 0),
    word(0x15, 0, 1, CREATE_RULESET),
    word(0x06, 0, 0, 0x00050000 | ENOSYS),
    word(0x06, 0, 0, 0x7FFF0000),
])
kept = ctypes.create_string_buffer(program)
filter = struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(kept))
libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0, "no-new-privileges"
assert libc.prctl(22, 2, ctypes.create_string_buffer(filter), 0, 0) == 0, "seccomp"
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[test]
fn a_kernel_without_landlock_is_told_with_what_follows_from_it() {
    let folder = tempfile::tempdir().unwrap();
    let gateway =
        Gateway::configured_only(&setup(&folder.path().join("gateway"), 1, String::new()));
    let plain = gateway.command();
    let mut command = Command::new(python());
    command.args(["-c", WITHOUT_LANDLOCK]).arg(plain.get_program()).args(plain.get_args());
    let found = outcome(command, "sandbox");
    finds(&found, "warning", "can read what the gateway's user can", "landlock among lsm=");
    // With a kernel that has it, nothing is to be said of it; on others it is as above.
    let here = outcome(gateway.command(), "sandbox");
    let has_it = has_landlock();
    let tells = here["detail"].as_str().unwrap_or_default().contains("gateway's user can");
    assert_eq!(tells, !has_it, "{here}");
}

/// What the kernel itself says.
fn has_landlock() -> bool {
    let asked = "import ctypes; print(ctypes.CDLL(None).syscall(444, None, 0, 1))";
    let output = Command::new(python()).args(["-c", asked]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse::<i64>().unwrap() >= 1
}
