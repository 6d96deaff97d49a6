//! `doorward drill --quick` with the real binary and a real Mosquitto: every fault is brought about,
//! and what stops it is what is said here.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::process::Command;

use serde_json::Value;

/// What is expected of a fault.
enum Expected {
    /// It is contained in time, and the gateway tells a cause that begins so.
    By(&'static str),
    /// Everything that it tries is refused, at least so many things.
    Refused(usize),
    /// It is borne: no forbidden thing, nothing to contain.
    Borne,
    /// It is contained in time, by the core's watch or by the limit on its memory, whichever is
    /// first.
    Ends,
}

use Expected::{Borne, By, Ends, Refused};

/// The faults' expected ends, in the table's order.
const EXPECTED: &[(&str, Expected)] = &[
    ("undisturbed", Borne),
    ("exit", By("exited (exit code 66)")),
    ("abort", By("signalled (signal 6)")),
    ("segfault", By("signalled")),
    ("crash-loop", By("vendor.isolated")),
    ("hang", By("missed_heartbeat")),
    ("spin", By("cpu_share")),
    ("leak", Ends),
    ("fork-bomb", Refused(1)),
    ("thread-bomb", Ends),
    ("device-flood", By("endpoint.flooding")),
    ("unheard-flood", Borne),
    ("frame-flood", By("protocol_violation")),
    ("malformed-frame", By("protocol_violation")),
    ("oversized-frame", By("protocol_violation")),
    ("fill-disk", Refused(6)),
    ("flood-log", Borne),
    ("forbidden-files", Refused(10)),
    ("forbidden-sockets", Refused(6)),
    ("foreign-door", Refused(3)),
    ("foreign-tale", By("protocol_violation")),
];

/// Milliseconds in which a fault is contained.
const CONTAINED_MS: f64 = 5_000.0;

fn drill(arguments: &[&str]) -> (Option<i32>, String, String) {
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .env("PATH", format!("{path}:/usr/sbin"))
        .arg("drill")
        .args(arguments)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn one_vendors_fault_stays_that_vendors() {
    let (code, out, errors) = drill(&["--quick", "--json"]);
    assert_eq!(code, Some(0), "{out}\n{errors}");
    let report: Value = serde_json::from_str(&out).unwrap();
    let lines = report["lines"].as_array().unwrap();
    let names: Vec<&str> = lines.iter().map(|line| line["fault"].as_str().unwrap()).collect();
    let expected: Vec<&str> = EXPECTED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, expected);
    for (line, (name, expected)) in lines.iter().zip(EXPECTED) {
        let number = |name: &str| line[name].as_u64().unwrap();
        let denied = line["denied"].as_array().unwrap().len();
        let allowed = line["allowed"].as_array().unwrap().len();
        assert!(number("taken") > 50 && number("requests") > 5, "{line}");
        match expected {
            Borne => {}
            Refused(least) => assert!(denied >= *least && allowed == 0, "{line}"),
            By(cause) => {
                let by = line["by"][0].as_str().unwrap();
                assert!(by.starts_with(cause), "{name}: {by}");
            }
            Ends => assert_eq!(line["stopped"], 1, "{line}"),
        }
        if matches!(expected, By(_) | Ends) {
            let after = line["contained_ms"][1].as_f64().unwrap();
            assert!(after <= CONTAINED_MS || *name == "crash-loop", "{name}: {after} ms");
        }
        assert!(line["failures"].as_array().unwrap().is_empty(), "{line}");
        assert_eq!((number("lost"), number("requests_lost")), (0, 0), "{line}");
    }
    // While a vendor is isolated, what is asked of its doors is refused at once.
    let looping = &lines[names.iter().position(|name| *name == "crash-loop").unwrap()];
    let met = &looping["unavailable"];
    assert!(met[0].as_u64().unwrap() > 0 && met[0] == met[1], "{looping}");
    assert_eq!(report["holds"], true, "{report}");
}

#[test]
fn without_mosquitto_it_says_what_to_install() {
    let (code, _, errors) = drill(&["--quick", "--mosquitto", "/nowhere/mosquitto"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("remedy: "), "{errors}");
}

#[test]
fn no_gateway_in_earnest_is_run_as_a_drill() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let main = format!(
        "[gateway]\ninstance = \"gw\"\ntenant = \"acme\"\nstate_dir = \"{place}/state\"\n\
         socket = \"{place}/socket\"\n"
    );
    std::fs::write(folder.path().join("doorward.toml"), main).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["--config", &place.to_string(), "run", "--drill"])
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("this gateway is no test's"), "{errors}");
    assert!(!folder.path().join("state/journal.db").exists());
}

#[test]
fn it_leaves_nothing_when_it_is_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
        .env("PATH", format!("{path}:/usr/sbin"))
        .env("TMPDIR", folder.path())
        .args(["drill", "--quick", "--fault", "undisturbed"])
        .spawn()
        .unwrap();
    let ours = |name: &str| {
        let processes = std::fs::read_dir("/proc").unwrap();
        let lines = processes
            .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("cmdline")).ok());
        let place = folder.path().display().to_string();
        lines.filter(|line| line.contains(&place) && line.contains(name)).count()
    };
    let wait = std::time::Duration::from_secs(60);
    doorward_emulator::wait_for("broker and gateway run", wait, || {
        (ours("mosquitto") == 1 && ours("--drill") == 1).then_some(())
    });
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    doorward_emulator::wait_for("broker and gateway are gone", wait, || {
        (ours("") == 0).then_some(())
    });
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
