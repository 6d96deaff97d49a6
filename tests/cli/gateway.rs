//! A gateway in a folder of its own, and the command line beside it.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_doorward");
/// Long enough for a machine that compiles beside us.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Waits for a condition; panics with `what` if it does not come.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A bus that nobody answers on: events wait.
pub const NO_BUS: &str = "[bus]\nkind = \"eventbridge\"\nname = \"doors\"\nregion = \"eu-central-1\"\n\
     endpoint_url = \"http://127.0.0.1:9\"\n";

/// A configuration in a temporary folder.
pub struct Place {
    folder: TempDir,
}

impl Place {
    /// Two doors; one vendor whose broker does not answer, one whose file is bad.
    pub fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let path = place.path().display();
        place.write(
            "doorward.toml",
            &format!(
                "[gateway]\ninstance = \"gw\"\ntenant = \"acme\"\nstate_dir = \"{path}/state\"\n\
                 socket = \"{path}/sock\"\n\
                 [[entry]]\nid = \"yard\"\n\
                 [[entry]]\nid = \"front\"\nroles.lock = \"zigbee2mqtt:0x00124b0024c9d2a1\"\n"
            ),
        );
        std::fs::create_dir(place.path().join("vendors.d")).unwrap();
        // The discard port: nothing listens there.
        place.write(
            "vendors.d/zigbee2mqtt.toml",
            "ecosystem = \"zigbee2mqtt\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = 9\n",
        );
        place.write("vendors.d/bad.toml", "ecosystem = \"none\"\n");
        place
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    /// `[bus]` from now on, in place of the one before.
    pub fn bus(&self, table: &str) {
        let main = std::fs::read_to_string(self.path().join("doorward.toml")).unwrap();
        let gateway = &main[..main.find("socket").unwrap()];
        let socket = main.lines().find(|line| line.starts_with("socket")).unwrap();
        let entries = &main[main.find("[[entry]]").unwrap()..];
        self.write("doorward.toml", &format!("{gateway}{socket}\n{table}{entries}"));
    }

    /// `[bus]` for a sink.
    pub fn sink(port: u16) -> String {
        NO_BUS.replace("127.0.0.1:9", &format!("127.0.0.1:{port}"))
    }

    pub fn journal(&self) -> PathBuf {
        self.path().join("state/journal.db")
    }

    pub fn socket(&self) -> PathBuf {
        self.path().join("sock")
    }

    /// `doorward --config <here> <arguments>`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(BINARY);
        command.arg("--config").arg(self.path()).args(arguments).stdin(Stdio::null());
        command.env_remove("RUST_LOG").env_remove("DOORWARD_CONFIG");
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Said {
        Said::of(self.command(arguments).output().unwrap())
    }

    /// The one JSON value that a command says.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(0), "{said:?}");
        serde_json::from_str(&said.out).unwrap()
    }

    /// The JSON lines that a command says.
    pub fn json_lines(&self, arguments: &[&str]) -> Vec<Value> {
        let said = self.run(arguments);
        assert_eq!(said.code, Some(0), "{said:?}");
        said.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A gateway that answers.
    pub fn start(&self) -> Gateway {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        let child = self.command(&["run"]).stderr(log).stdout(Stdio::null()).spawn().unwrap();
        let mut gateway = Gateway { child };
        wait_for("the gateway's answer", || {
            if let Some(status) = gateway.child.try_wait().unwrap() {
                panic!("ended ({status}): {}", self.log());
            }
            (self.run(&["queue", "--json"]).code == Some(0)).then_some(())
        });
        gateway
    }

    /// Waits until a line of the log says so: a thread of its own writes it, later than what it
    /// tells of is seen elsewhere.
    pub fn says(&self, words: &[&str]) {
        wait_for(&format!("a line of the log with {words:?}"), || {
            let log = self.log();
            let says = |line: &str| words.iter().all(|word| line.contains(word));
            log.lines().any(says).then_some(())
        });
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// `data` of the newest `gateway.started`, once there are `count` of them.
    pub fn started(&self, count: usize) -> Value {
        wait_for("gateway.started", || {
            let events = self.json_lines(&["events", "--type", "gateway.started", "--json"]);
            (events.len() == count).then(|| events.last().unwrap()["event"]["data"].clone())
        })
    }
}

/// What a command said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// A running gateway; killed when dropped.
pub struct Gateway {
    child: Child,
}

impl Gateway {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn terminate(mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        signal(self.pid(), "TERM");
        let status = wait_for("its end", || self.child.try_wait().unwrap());
        (status, begun.elapsed())
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Its children, by /proc.
    pub fn vendors(&self) -> Vec<u32> {
        processes()
            .into_iter()
            .filter(|(_, parent)| *parent == self.pid())
            .map(|(pid, _)| pid)
            .collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signal(pid: u32, name: &str) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status().unwrap();
    assert!(status.success());
}

/// Every process that is no zombie, with its parent.
fn processes() -> Vec<(u32, u32)> {
    let mut found = Vec::new();
    for item in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = item.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(item.path().join("stat")) else { continue };
        // The name before it may hold anything, spaces and brackets too.
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        let mut fields = after.split(' ');
        if let (Some(state), Some(Ok(parent))) = (fields.next(), fields.next().map(str::parse))
            && state != "Z"
        {
            found.push((pid, parent));
        }
    }
    found
}

/// Whether a process is there and no zombie.
pub fn is_alive(pid: u32) -> bool {
    processes().iter().any(|(other, _)| *other == pid)
}

/// Sends raw bytes to the socket; what comes back until it is closed.
pub fn raw(socket: &Path, bytes: &[u8]) -> String {
    use std::io::Read;
    let mut stream = std::os::unix::net::UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    // It may be refused before all of it is sent.
    let _ = stream.write_all(bytes);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}
