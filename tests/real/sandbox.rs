//! The sandbox of a vendor's process, from inside real ones: what is forbidden fails, what is needed
//! works, and nothing of the core's is in there.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::Value;

use crate::support::broker::Broker;
use crate::support::controller::Controller;
use crate::support::gateway::{Gateway, Setup, eventbridge};
use crate::support::sink::Sink;
use crate::support::wait_for;

const EPERM: i64 = 1;
const EACCES: i64 = 13;
/// A bad system call.
const SIGSYS: i32 = 31;
/// The layers that every machine has on which these tests run.
const EVERYWHERE: &[&str] = &[
    "limits",
    "descriptors",
    "environment",
    "no_new_privileges",
    "not_dumpable",
    "session",
    "capabilities",
    "seccomp",
];

/// A vendor's process that locks itself down and tries these.
fn tried(attempts: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward-vendor"));
    command.env_clear().args(["probe", "--probe", "--port", "8883"]);
    for attempt in attempts {
        command.args(["--attempt", attempt]);
    }
    command.output().unwrap()
}

fn report(output: &Output) -> Value {
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {words}", output.status);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn layers(report: &Value) -> BTreeMap<String, bool> {
    let layers = report["layers"].as_array().unwrap();
    let row = |layer: &Value| {
        (layer["name"].as_str().unwrap().to_owned(), layer["in_force"].as_bool().unwrap())
    };
    layers.iter().map(row).collect()
}

fn outcome<'a>(report: &'a Value, attempt: &str) -> &'a Value {
    let outcomes = report["outcomes"].as_array().unwrap();
    outcomes.iter().find(|outcome| outcome["attempt"] == attempt).unwrap()
}

/// Files fail by Landlock where the kernel has it, and by seccomp where they are to be written.
#[test]
fn forbidden_acts_fail_inside_a_vendors_process_and_needed_ones_work() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(place("journal.db"), "not to be read").unwrap();
    let core = std::os::unix::net::UnixListener::bind(place("socket")).unwrap();
    let other_broker = TcpListener::bind("127.0.0.1:0").unwrap();
    let other_port = other_broker.local_addr().unwrap().port();
    let us = std::process::id();
    let by_filter = [
        format!("write:{}", place("journal.db")),
        format!("write:{}", place("new")),
        "write:/dev/mem".to_owned(),
        "execute:/bin/true".to_owned(),
        format!("unix:{}", place("socket")),
        format!("kill:{us}"),
        "fork".to_owned(),
        "netlink".to_owned(),
        "raw".to_owned(),
        "raise-limit".to_owned(),
        "executable-memory".to_owned(),
        "shared-memory:65".to_owned(),
        "growing-memory".to_owned(),
    ];
    let by_landlock_files = [
        "read:/etc/shadow".to_owned(),
        "read:/etc/passwd".to_owned(),
        format!("read:{}", place("journal.db")),
        format!("read:/proc/{us}/environ"),
        format!("read:/proc/{us}/mem"),
        "read:/proc/self/maps".to_owned(),
        "read:/dev".to_owned(),
    ];
    let by_landlock_tcp = [format!("tcp:{other_port}"), "tcp:22".to_owned()];
    let allowed = ["read:/etc/hosts", "name:localhost", "thread", "clock", "memory:20"];
    let all: Vec<&str> = by_filter
        .iter()
        .chain(&by_landlock_files)
        .chain(&by_landlock_tcp)
        .map(String::as_str)
        .chain(allowed)
        .chain(["tcp:8883", "memory:65", "descriptors"])
        .collect();
    let report = report(&tried(&all));
    let layers = layers(&report);
    for layer in EVERYWHERE {
        assert_eq!(layers.get(*layer), Some(&true), "{layer} in {report}");
    }
    let refused = |attempt: &str, errno: i64| {
        let outcome = outcome(&report, attempt);
        assert_eq!(
            (&outcome["done"], &outcome["errno"]),
            (&false.into(), &errno.into()),
            "{outcome}"
        );
    };
    for attempt in &by_filter {
        refused(attempt, EPERM);
    }
    for (layer, attempts) in
        [("landlock_files", &by_landlock_files[..]), ("landlock_tcp", &by_landlock_tcp[..])]
    {
        if layers[layer] {
            for attempt in attempts {
                refused(attempt, EACCES);
            }
        } else {
            eprintln!("not run, since this kernel lacks it: {layer}");
        }
    }
    for attempt in allowed {
        assert_eq!(outcome(&report, attempt)["done"], true, "{attempt}: {report}");
    }
    // Nobody listens there, which is another answer than that it may not.
    assert_ne!(outcome(&report, "tcp:8883")["errno"], EACCES);
    assert_eq!(outcome(&report, "memory:65")["done"], false, "more than its limit");
    let had: usize = outcome(&report, "descriptors")["detail"].as_str().unwrap().parse().unwrap();
    assert!((1..64).contains(&had), "{had} descriptors");
    drop((core, other_broker));
}

#[test]
fn who_makes_a_plainly_hostile_call_is_ended() {
    for attempt in ["trace", "mount"] {
        let output = tried(&[attempt]);
        assert_eq!(output.status.signal(), Some(SIGSYS), "{attempt}: {}", output.status);
        assert!(output.stdout.is_empty(), "it told its end after it");
    }
}

/// What it began with stays readable in its memory, so it is not only taken away.
#[test]
fn a_process_with_more_than_it_should_have_does_not_run() {
    let output = Command::new(env!("CARGO_BIN_EXE_doorward-vendor"))
        .env_clear()
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .args(["probe", "--probe"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && words.contains("environment"), "{words}");
    assert!(!words.contains("AWS"), "names are nobody's business either: {words}");
}

fn read(pid: u32, what: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{what}")).unwrap()
}

fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find(|line| line.split(':').next() == Some(name)).unwrap();
    line.split_once(':').unwrap().1.trim()
}

/// What another process sees of a vendor's process of a running gateway.
#[test]
fn a_running_vendor_has_nothing_of_the_cores() {
    let folder = tempfile::tempdir().unwrap();
    let broker = Broker::start(&folder.path().join("broker"), "", false);
    let sink = Sink::start();
    let gateway = Gateway::start(&Setup {
        folder: &folder.path().join("gateway"),
        broker_port: broker.port,
        doors: 1,
        bus: eventbridge("test", sink.port),
        mqtt: String::new(),
    });
    gateway.connected();
    let core = gateway.pid();
    assert!(read(core, "environ").contains("AWS_SECRET_ACCESS_KEY"), "the core has credentials");
    let vendor = wait_for("a vendor", Duration::from_secs(10), || gateway.vendor_pid());
    let environment = read(vendor, "environ");
    let variables: Vec<&str> = environment.split('\0').filter(|one| !one.is_empty()).collect();
    assert_eq!(variables.len(), 1, "{variables:?}");
    assert!(variables[0].starts_with("RUST_LOG="));
    assert_eq!(read(vendor, "comm").trim(), "doorward-vendor", "for who looks at `top`");
    let status = read(vendor, "status");
    assert_eq!((field(&status, "NoNewPrivs"), field(&status, "Seccomp")), ("1", "2"));
    for set in ["CapEff", "CapPrm", "CapInh", "CapAmb"] {
        assert_eq!(field(&status, set), "0000000000000000", "{set}");
    }
    let limits = read(vendor, "limits");
    for (name, most) in
        [("Max data size", "67108864"), ("Max core file size", "0"), ("Max file size", "0")]
    {
        let line = limits.lines().find(|line| line.starts_with(name)).unwrap();
        let figures: Vec<&str> = line[name.len()..].split_whitespace().collect();
        assert_eq!((figures[0], figures[1]), (most, most), "{line}");
    }
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for entry in std::fs::read_dir(format!("/proc/{vendor}/fd")).unwrap() {
        // One that was closed meanwhile is no matter.
        let Ok(target) = std::fs::read_link(entry.unwrap().path()) else { continue };
        let target = target.display().to_string();
        assert!(!target.contains("journal") && !target.contains("state"), "{target}");
        let kind = target.split([':', '[']).next().unwrap().to_owned();
        *kinds.entry(kind).or_default() += 1;
    }
    let own = ["socket", "pipe", "anon_inode", "/dev/null"];
    assert!(kinds.keys().all(|kind| own.contains(&kind.as_str())), "{kinds:?}");
    // The core gives up less, and does so before it hears anybody.
    let status = read(core, "status");
    assert_eq!((field(&status, "NoNewPrivs"), field(&status, "Seccomp")), ("1", "2"));
    // What `check` tells of this machine is what a vendor's process told here.
    let (report, _) = gateway.check();
    let looked = report["looked"].as_array().unwrap();
    for layer in EVERYWHERE {
        let what = format!("sandbox: {layer}");
        let row = looked.iter().find(|row| row["what"] == what.as_str()).expect(layer);
        assert_eq!(row["ok"], true, "{row}");
    }
    gateway.says(&["zigbee2mqtt| "]);
}

#[test]
fn check_says_whether_a_locked_down_process_finds_the_brokers_name() {
    let controller = Controller::new();
    controller.run(&controller.first());
    let told = Gateway::of_folder(controller.at("etc")).check_only("sandbox");
    assert!(told.contains("ok   sandbox: broker's name localhost"), "{told}");
}
