//! The sandbox as a service team uses it: the tool's binary, the real gateway, moto and Mosquitto.
//!
//! The gateway's binary is the one beside the tool's, which a build of the workspace makes, or
//! `DOORWARD_BIN`; without it the tests fail and say so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod site_support;

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use site_support::{Said, workspace};

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(90);

/// A repository with this workspace's schemas and one subscription, and a sandbox on it.
struct Sandbox {
    folder: tempfile::TempDir,
    child: Child,
    lines: mpsc::Receiver<Value>,
    told: Value,
    seen: Vec<Value>,
    /// How many of these were looked at.
    looked: usize,
}

fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let schemas = workspace().canonicalize().unwrap().join("schemas");
    std::os::unix::fs::symlink(schemas, folder.path().join("schemas")).unwrap();
    let team = folder.path().join("subscriptions/support");
    std::fs::create_dir_all(&team).unwrap();
    let subscription = json!({
        "account": "999988887777", "region": "eu-central-1", "owner": "support",
        "summary": "Whoever is asked why a door did not open.",
        "types": ["access.granted", "access.denied", "delivery.completed"],
        "filter": {"tenant_id": ["sandbox"]}, "fields": [],
    });
    std::fs::write(team.join("access.json"), subscription.to_string()).unwrap();
    folder
}

fn tool(root: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward-schema"));
    command.arg("--root").arg(root);
    let python = workspace().canonicalize().unwrap().join(".venv/bin/python");
    let python = std::env::var_os("DOORWARD_PYTHON").map_or(python, PathBuf::from);
    command.env("DOORWARD_PYTHON", python);
    command
}

impl Sandbox {
    fn start(more: &[&str]) -> Self {
        let folder = repository();
        let mut command = tool(folder.path());
        command.args(["sandbox", "--json", "--folder"]).arg(folder.path().join("run")).args(more);
        if let Some(binary) = std::env::var_os("DOORWARD_BIN") {
            command.arg("--doorward").arg(binary);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        let (tell, lines) = mpsc::sync_channel(100_000);
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                if tell.send(serde_json::from_str(&line).unwrap()).is_err() {
                    break;
                }
            }
        });
        let mut seen = Vec::new();
        let told = loop {
            let line: Value = lines.recv_timeout(PATIENCE).expect("it comes up; why not is above");
            if line.get("endpoint").is_some() {
                break line;
            }
            seen.push(line);
        };
        Self { folder, child, lines, told, seen, looked: 0 }
    }

    fn send(&self, arguments: &[&str]) -> Said {
        let mut command = tool(self.folder.path());
        let output = command
            .arg("send")
            .args(arguments)
            .arg("--folder")
            .arg(self.folder.path().join("run"))
            .output()
            .unwrap();
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn sent(&self, arguments: &[&str]) {
        let said = self.send(arguments);
        assert_eq!(said.code, 0, "{said:?}");
    }

    /// Waits for an event of this type that the bus took.
    fn sees(&mut self, name: &str) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            if self.looked == self.seen.len() {
                let left = end.saturating_duration_since(Instant::now());
                let Ok(line) = self.lines.recv_timeout(left) else {
                    panic!("no {name}; seen: {:#?}", self.seen);
                };
                self.seen.push(line);
            }
            let line = &self.seen[self.looked];
            self.looked += 1;
            if line["type"] == name && line["fate"].as_str().unwrap().starts_with("accepted") {
                return line["event"].clone();
            }
        }
    }

    /// The ids of what lies in the subscription's queue, until there are `count`.
    fn received(&self, count: usize) -> Vec<String> {
        let port: u16 = self.port();
        let url = self.told["queues"]["support-access"].as_str().unwrap();
        let end = Instant::now() + PATIENCE;
        let mut ids = Vec::new();
        while ids.len() < count {
            assert!(Instant::now() < end, "only {ids:?}");
            let asked = json!({"QueueUrl": url, "MaxNumberOfMessages": 10, "WaitTimeSeconds": 1});
            let answer = doorward_emulator::call(port, "sqs", "AmazonSQS.ReceiveMessage", &asked);
            for message in answer.unwrap()["Messages"].as_array().into_iter().flatten() {
                let body: Value = serde_json::from_str(message["Body"].as_str().unwrap()).unwrap();
                ids.push(body["detail"]["id"].as_str().unwrap().to_owned());
                let taken = json!({"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]});
                doorward_emulator::call(port, "sqs", "AmazonSQS.DeleteMessage", &taken).unwrap();
            }
        }
        ids
    }

    fn port(&self) -> u16 {
        self.told["endpoint"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap()
    }

    /// The processes that it has.
    fn processes(&self) -> Vec<u32> {
        let core = self.child.id();
        let children = format!("/proc/{core}/task/{core}/children");
        let children = std::fs::read_to_string(children).unwrap_or_default();
        children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Ends it so, and waits until nothing of it is left.
    fn ends(mut self, name: &str) -> Option<i32> {
        let processes = self.processes();
        assert_eq!(processes.len(), 3, "{processes:?}");
        self.signal(name);
        let status = self.child.wait().unwrap();
        doorward_emulator::wait_for("no process is left", PATIENCE, || {
            let is_gone = |pid: &u32| {
                let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
                status.is_ok_and(|s| s.contains("State:\tZ"))
                    || !Path::new(&format!("/proc/{pid}")).exists()
            };
            processes.iter().all(is_gone).then_some(())
        });
        assert!(std::net::TcpStream::connect(("127.0.0.1", self.port())).is_err());
        status.code()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_grant_and_a_request_open_the_simulated_door_and_nothing_remains() {
    let mut sandbox = Sandbox::start(&["--site", "bridge-street-5"]);
    assert_eq!(sandbox.told["bus"], "doors");
    assert_eq!(sandbox.told["gateway"], "sandbox-gateway");

    // Without a grant of its own a request is refused, and says why.
    sandbox.sent(&["entry.unlock_requested"]);
    assert_eq!(sandbox.sees("access.denied")["data"]["reason"], "credential_not_found");

    sandbox.sent(&["grant.issued", "--set", "/statement/max_uses=1"]);
    sandbox.sees("grant.installed");
    sandbox.sent(&["entry.unlock_requested"]);
    let granted = sandbox.sees("access.granted");
    assert_eq!(granted["data"]["issuer"], "acme.delivery");
    assert_eq!(granted["site_id"], "bridge-street-5");
    assert_eq!(sandbox.sees("entry.lock_changed")["data"]["lock"], "unlocked");
    sandbox.sees("visit.opened");
    sandbox.sees("visit.secured");

    // The one use is gone.
    sandbox.sent(&["entry.unlock_requested"]);
    assert_eq!(sandbox.sees("access.denied")["data"]["reason"], "uses_exhausted");
    assert_eq!(sandbox.received(3).len(), 3);

    let run = sandbox.folder.path().join("run");
    let second = tool(sandbox.folder.path())
        .args(["sandbox", "--doorward", "/bin/true", "--folder"])
        .arg(&run)
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8(second.stderr).unwrap().contains("already: end it"));
    assert!(run.exists());

    let folder = tempfile::tempdir().unwrap();
    let kept = std::mem::replace(&mut sandbox.folder, folder);
    assert_eq!(sandbox.ends("INT"), Some(0));
    assert!(!kept.path().join("run").exists());
}

#[test]
fn what_is_sent_is_checked_and_set_before_it_leaves() {
    let sandbox = Sandbox::start(&[]);
    let json = sandbox.send(&["delivery.completed", "--set", "/tenant_id=elsewhere", "--json"]);
    let event: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(event["tenant_id"], "elsewhere");
    for (arguments, says) in [
        (vec!["no.type"], "there is no type no.type"),
        (vec!["access.granted", "--from", "none"], "it has: courier-by-signed-request, resident"),
        (
            vec!["access.granted", "--set", "/data/action=jump"],
            "/data/action: \"jump\" is not one of",
        ),
        (vec!["access.granted", "--set", "/data/nobody/knows=1"], "there is no /event/data/nobody"),
        (vec!["grant.issued", "--set", "/statement/max_uses=0"], "/max_uses: 0 is less than"),
        (vec!["time.attested"], "acme.delivery may not publish time.attested"),
    ] {
        let said = sandbox.send(&arguments);
        assert_eq!(said.code, 1, "{said:?}");
        let says = says.replace("/event", "");
        assert!(said.err.replace("/event", "").contains(&says), "{says}: {said:?}");
    }
    assert_eq!(sandbox.send(&["access.granted", "--set", "pointer"]).code, 2);

    // Killed, it takes its processes along.
    assert_eq!(sandbox.ends("KILL"), None);
}

#[test]
fn faults_hit_everybody_s_events_and_each_arrives_in_the_end() {
    let mut sandbox = Sandbox::start(&["--fail", "duplicate", "--fail", "throttle"]);
    let mut sent = Vec::new();
    while sent.len() < 4 {
        let said = sandbox.send(&["delivery.completed", "--json"]);
        if said.code == 0 {
            let event: Value = serde_json::from_str(&said.out).unwrap();
            sent.push(event["id"].as_str().unwrap().to_owned());
        } else {
            assert!(said.err.contains("ThrottlingException"), "{said:?}");
        }
    }
    let received = sandbox.received(8);
    for id in &sent {
        assert_eq!(received.iter().filter(|other| *other == id).count(), 2, "{received:?}");
    }
    // The gateway's own events come through all the same.
    sandbox.sees("gateway.started");
    sandbox.seen.extend(sandbox.lines.try_iter());
    assert!(sandbox.seen.iter().any(|line| line["fate"] == "throttled"), "{:#?}", sandbox.seen);
}

#[test]
fn late_events_are_overtaken_and_single_entries_fail() {
    let mut sandbox = Sandbox::start(&["--fail", "reorder", "--fail", "partial"]);
    // Of one source every second entry fails, and of the others every third is held back.
    let mut accepted = Vec::new();
    for turn in 0..7 {
        let said = sandbox.send(&["delivery.completed", "--json"]);
        if turn % 2 == 1 {
            assert!(said.code == 1 && said.err.contains("InternalFailure"), "{turn}: {said:?}");
        } else {
            assert_eq!(said.code, 0, "{turn}: {said:?}");
            let event: Value = serde_json::from_str(&said.out).unwrap();
            accepted.push(event["id"].as_str().unwrap().to_owned());
        }
    }
    accepted.swap(2, 3);
    assert_eq!(sandbox.received(4), accepted);
    sandbox.sees("gateway.started");
}

#[test]
fn delayed_events_are_accepted_at_once_and_arrive_later() {
    let sandbox = Sandbox::start(&["--fail", "delay"]);
    let begun = Instant::now();
    sandbox.sent(&["delivery.completed"]);
    assert_eq!(sandbox.received(1).len(), 1);
    assert!(begun.elapsed() >= Duration::from_secs(3));
}

#[test]
fn what_is_missing_is_named_with_how_to_get_it() {
    let folder = repository();
    let run = folder.path().join("run");
    for (arguments, says) in [
        (vec!["--doorward", "/nonexistent"], "cargo build --workspace"),
        (vec!["--doorward", "/bin/true", "--python", "/nonexistent"], "moto[server]"),
        (vec!["--doorward", "/bin/true", "--issuer", "nobody"], "nobody is no publisher"),
    ] {
        let output = tool(folder.path())
            .env_remove("DOORWARD_PYTHON")
            .args(["sandbox", "--folder"])
            .arg(&run)
            .args(&arguments)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
        assert!(!run.exists());
    }
    let somebodys = folder.path().join("letters");
    std::fs::create_dir(&somebodys).unwrap();
    std::fs::write(somebodys.join("letter"), "mine").unwrap();
    let output = tool(folder.path())
        .args(["sandbox", "--doorward", "/bin/true", "--folder"])
        .arg(&somebodys)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(somebodys.join("letter").exists());
    let none =
        tool(folder.path()).args(["send", "grant.issued", "--folder"]).arg(&run).output().unwrap();
    let said = String::from_utf8(none.stderr).unwrap();
    assert!(none.status.code() == Some(1) && said.contains("no sandbox runs in"), "{said}");
}
