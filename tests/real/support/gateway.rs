//! The gateway's own binary, configured for a test.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::{append_log, device, wait_for};

/// A gateway in a folder of its own.
pub struct Gateway {
    pub folder: PathBuf,
    child: Option<Child>,
    /// What the core's environment has beside the usual.
    environment: Vec<(&'static str, PathBuf)>,
}

/// What a test chooses.
pub struct Setup<'a> {
    pub folder: &'a Path,
    pub broker_port: u16,
    /// Doors with one contact sensor each.
    pub doors: usize,
    /// `[bus]` and whatever else goes into doorward.toml.
    pub bus: String,
    /// What goes under `[mqtt]` beside host and port. Where it has no `[limits]`, the devices may
    /// send as much as they like: a test's doors are busier than any real one.
    pub mqtt: String,
}

/// Devices that may send as much as they like.
pub const UNLIMITED: &str = "[limits]\ndevice_per_s = 100000\ndevice_burst = 1000000\n\
    per_s = 100000\nburst = 1000000\n";

/// The `[bus]` section for an emulator or a sink.
pub fn eventbridge(name: &str, port: u16) -> String {
    format!(
        "[bus]\nkind = \"eventbridge\"\nname = \"{name}\"\nregion = \"eu-central-1\"\n\
         endpoint_url = \"http://127.0.0.1:{port}\"\n"
    )
}

/// An entry with a lock, to stand behind `[bus]`, and its endpoint, to stand behind `[mqtt]`.
pub fn lock(entry: &str, identity: &str, address: &str) -> (String, String) {
    (
        format!("[[entry]]\nid = \"{entry}\"\nroles = {{ lock = \"zigbee2mqtt:{identity}\" }}\n"),
        format!("[[endpoint]]\nid = \"{identity}\"\naddress = \"{address}\"\n"),
    )
}

impl Gateway {
    /// Writes the configuration and starts it.
    pub fn start(setup: &Setup<'_>) -> Self {
        Self::start_with(setup, &[])
    }

    /// The same with further vendors: name and file.
    pub fn start_with(setup: &Setup<'_>, vendors: &[(&str, &str)]) -> Self {
        let mut gateway = Self::configured(setup, vendors);
        gateway.up();
        gateway
    }

    /// The same with more in its core's environment, at each start.
    pub fn start_under(setup: &Setup<'_>, environment: Vec<(&'static str, PathBuf)>) -> Self {
        Self::start_amid(setup, &[], environment)
    }

    /// The same in earnest: what it says is no test's, and subscribers that refuse those take it.
    pub fn start_in_earnest(setup: &Setup<'_>) -> Self {
        let mut gateway = Self::configured(setup, &[]);
        let file = setup.folder.join("doorward.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(file, text.replacen("test = true\n", "", 1)).unwrap();
        gateway.up();
        gateway
    }

    /// With further vendors, and with more in its core's environment.
    pub fn start_amid(
        setup: &Setup<'_>,
        vendors: &[(&str, &str)],
        environment: Vec<(&'static str, PathBuf)>,
    ) -> Self {
        let mut gateway = Self::configured(setup, vendors);
        gateway.environment = environment;
        gateway.up();
        gateway
    }

    /// Writes the configuration, and starts nothing.
    pub fn configured_only(setup: &Setup<'_>) -> Self {
        Self::configured(setup, &[])
    }

    /// Of a configuration that is there.
    pub fn of_folder(folder: PathBuf) -> Self {
        Self { folder, child: None, environment: Vec::new() }
    }

    fn configured(setup: &Setup<'_>, vendors: &[(&str, &str)]) -> Self {
        let Setup { folder, broker_port, doors, bus, mqtt } = setup;
        std::fs::create_dir_all(folder.join("vendors.d")).unwrap();
        let place = folder.display();
        // No time service keeps a test machine's clock; whoever tests the clock says so.
        let vouched = "[trust]\nclock_error_ms = 500\n";
        let bus = match bus {
            bus if bus.contains("clock_error_ms") => bus.clone(),
            bus if bus.contains("[trust]\n") => bus.replace("[trust]\n", vouched),
            bus => format!("{vouched}{bus}"),
        };
        let mut main = format!(
            "[gateway]\ninstance = \"gw-test\"\ntenant = \"acme\"\ntest = true\n\
             state_dir = \"{place}/state\"\nsocket = \"{place}/socket\"\n{bus}"
        );
        let mut vendor = format!(
            "ecosystem = \"zigbee2mqtt\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = {broker_port}\n{mqtt}"
        );
        if !mqtt.contains("[limits]") {
            vendor.push_str(UNLIMITED);
        }
        for door in 0..*doors {
            let (identity, address) = (device::identity(door), device::address(door));
            write!(
                main,
                "[[entry]]\nid = \"door-{door}\"\nroles = {{ position = \"zigbee2mqtt:{identity}\" }}\n"
            )
            .unwrap();
            write!(vendor, "[[endpoint]]\nid = \"{identity}\"\naddress = \"{address}\"\n").unwrap();
        }
        std::fs::write(folder.join("doorward.toml"), main).unwrap();
        std::fs::write(folder.join("vendors.d/zigbee2mqtt.toml"), vendor).unwrap();
        for (name, text) in vendors {
            std::fs::write(folder.join(format!("vendors.d/{name}.toml")), text).unwrap();
        }
        Self { folder: folder.to_path_buf(), child: None, environment: Vec::new() }
    }

    /// Starts it again, without waiting for anything.
    pub fn up(&mut self) {
        let log = append_log(&self.folder);
        let child = self
            .command()
            .arg("run")
            .env("RUST_LOG", "info,doorward::gateway=debug")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }

    /// A command line of this gateway.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
        command.arg("--config").arg(&self.folder);
        command
    }

    /// What a command with `--json` answers; `None` while it does not.
    pub fn json(&self, args: &[&str]) -> Option<serde_json::Value> {
        let output = self.command().args(args).arg("--json").output().unwrap();
        output.status.success().then(|| serde_json::from_slice(&output.stdout).unwrap())
    }

    /// kill -9 of the core. Its vendor processes end by themselves.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// How its core has ended, if it has by itself.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.as_mut()?.try_wait().unwrap()
    }

    /// Asks it to stop, and waits until it has.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        let mut child = self.child.take().unwrap();
        signal(child.id(), "TERM");
        wait_for("the gateway stops", Duration::from_secs(20), || child.try_wait().unwrap())
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// The vendor process, if there is one just now.
    pub fn vendor_pid(&self) -> Option<u32> {
        let core = self.pid();
        let children =
            std::fs::read_to_string(format!("/proc/{core}/task/{core}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    }

    /// The process of the vendor of this name, if there is one just now.
    pub fn vendor_named(&self, name: &str) -> Option<u32> {
        let core = self.pid();
        let children =
            std::fs::read_to_string(format!("/proc/{core}/task/{core}/children")).ok()?;
        let mut pids = children.split_whitespace().filter_map(|pid| pid.parse().ok());
        pids.find(|pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.split('\0').any(|word| word == name))
        })
    }

    /// kill -9 of the vendor process; false if there is none just now.
    pub fn kill_vendor(&self) -> bool {
        self.vendor_pid().is_some_and(|pid| signal(pid, "KILL"))
    }

    /// Waits until the log says so. A thread of its own writes the log, and a vendor's lines come
    /// through the core: what they tell of is seen elsewhere before.
    pub fn says(&self, words: &[&str]) {
        wait_for(&format!("a line of the log with {words:?}"), Duration::from_secs(30), || {
            let log = self.log();
            let says = |line: &str| words.iter().all(|word| line.contains(word));
            log.lines().any(says).then_some(())
        });
    }

    /// Waits until the vendor has its broker.
    pub fn connected(&self) {
        self.says(&["connected to the broker"]);
    }

    /// For each connection to the broker so far, whether the broker still had our session.
    pub fn sessions(&self) -> Vec<bool> {
        let log = self.log();
        log.lines()
            .filter(|line| line.contains("connected to the broker"))
            .map(|line| line.contains("session=true"))
            .collect()
    }

    /// How often commands could be sent anew so far: they go over a connection of their own, which
    /// may stand a moment later than the other one.
    pub fn readies(&self) -> usize {
        self.log().matches("commands can be sent").count()
    }

    /// Waits until commands can be sent for another time after the first `so_far`.
    pub fn ready_again(&self, so_far: usize) {
        wait_for("commands can be sent again", Duration::from_secs(60), || {
            (self.readies() > so_far).then_some(())
        });
    }

    /// Whether commands could be sent since the core started last.
    pub fn is_ready(&self) -> bool {
        let log = self.log();
        log.rsplit("running bus=").next().is_some_and(|life| life.contains("commands can be sent"))
    }

    /// Waits for the connection after the first `so_far`; whether it found our session.
    pub fn connected_again(&self, so_far: usize) -> bool {
        wait_for("the gateway is connected again", Duration::from_secs(60), || {
            self.sessions().get(so_far).copied()
        })
    }

    /// What it knows of a door.
    pub fn door(&self, entry: &str) -> Option<serde_json::Value> {
        let doors = self.json(&["doors"])?;
        doors.as_array()?.iter().find(|door| door["entry"] == entry).cloned()
    }

    /// Waits until a fact of a door has this value and quality.
    pub fn fact(&self, entry: &str, fact: &str, value: &str, quality: &str) {
        let what = format!("{fact} of {entry} is {value}, {quality}");
        wait_for(&what, Duration::from_secs(60), || {
            let door = self.door(entry)?;
            (door[fact]["value"] == value && door[fact]["quality"] == quality).then_some(())
        });
    }

    /// Waits until nothing waits for the bus.
    pub fn drained(&self) {
        wait_for("nothing waits for the bus", Duration::from_secs(60), || {
            (self.json(&["queue"])?["journal"]["waiting"] == 0).then_some(())
        });
    }

    /// What `check` finds and looks at, and its exit status.
    pub fn check(&self) -> (serde_json::Value, Option<i32>) {
        let output = self.command().args(["check", "--json"]).output().unwrap();
        (serde_json::from_slice(&output.stdout).unwrap(), output.status.code())
    }

    /// What one check tells a person.
    pub fn check_only(&self, name: &str) -> String {
        let output = self.command().args(["check", "--only", name]).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `check` finds in files and broker and of the gateway: not in this machine, and not that a
    /// test's broker lets everybody do everything, or that its throw-away authority ends in ten days,
    /// or that its devices speak of times long past.
    pub fn found(report: &serde_json::Value) -> Vec<serde_json::Value> {
        let others = ["acl", "certificates", "clock", "devices", "disk", "memory", "sandbox"];
        let findings = report["findings"].as_array().unwrap().iter();
        let own = |finding: &&serde_json::Value| {
            !others.contains(&finding["check"].as_str().unwrap_or_default())
        };
        findings.filter(own).cloned().collect()
    }

    /// The newest thousand rows of quarantine.
    pub fn quarantine(&self) -> Vec<serde_json::Value> {
        let args = ["quarantine", "--limit", "1000", "--json"];
        let output = self.command().args(args).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

/// Sends a signal; false if there is no such process.
pub fn signal(pid: u32, name: &str) -> bool {
    Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .stderr(Stdio::null())
        .status()
        .unwrap()
        .success()
}

/// A process's share of memory, in KiB.
pub fn memory_kib(pid: u32) -> Option<u64> {
    let figures = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = figures.lines().find(|line| line.starts_with("Pss:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("the gateway's log, last lines first:\n{}", tail.join("\n"));
        }
        self.kill();
    }
}
