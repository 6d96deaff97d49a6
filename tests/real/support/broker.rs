//! A real Mosquitto.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::certificates::Certificates;
use super::gateway::signal;
use super::{append_log, free_port, wait_for};

/// Settings of the broker that we ship, as far as they concern delivery.
pub const SHIPPED: &str = "upgrade_outgoing_qos true
set_tcp_nodelay true
max_queued_messages 100000
max_inflight_messages 100
";
/// Mosquitto's own defaults.
pub const DEFAULTS: &str = "";

/// A broker in a folder of its own.
pub struct Broker {
    pub port: u16,
    folder: PathBuf,
    child: Option<Child>,
}

impl Broker {
    /// Starts one without TLS. With `persistence` it saves its state at a stop in order.
    pub fn start(folder: &Path, settings: &str, persistence: bool) -> Self {
        let port = free_port();
        let mut config =
            format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n{settings}");
        if persistence {
            writeln!(config, "persistence true\npersistence_location {}/", folder.display())
                .unwrap();
            config.push_str("autosave_on_changes true\nautosave_interval 1\n");
        }
        Self::with_config(folder, port, &config)
    }

    /// Starts one with the settings and the ACL that we ship, in TLS; `acl` is added to the ACL.
    pub fn shipped(folder: &Path, certificates: &Certificates, acl: &str) -> Self {
        let port = free_port();
        let shipped = |name: &str| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/mosquitto").join(name);
            std::fs::read_to_string(file).unwrap()
        };
        std::fs::create_dir_all(folder).unwrap();
        for name in ["ca.pem", "server.pem", "server.key"] {
            std::fs::copy(certificates.folder.join(name), folder.join(name)).unwrap();
        }
        let acl = format!("{}\n{acl}", shipped("doorward.acl"));
        std::fs::write(folder.join("doorward.acl"), acl).unwrap();
        let place = folder.display().to_string();
        let mut config = shipped("doorward.conf")
            .replace("/etc/mosquitto/doorward", &place)
            .replace("listener 8883", &format!("listener {port} 127.0.0.1"));
        assert!(config.contains(&format!("listener {port}")) && config.contains(&place));
        write!(config, "persistence_location {place}/\nuser root\n").unwrap();
        Self::with_config(folder, port, &config)
    }

    /// Starts one with a whole configuration that listens on `port`.
    pub fn with_config(folder: &Path, port: u16, config: &str) -> Self {
        std::fs::create_dir_all(folder).unwrap();
        std::fs::write(folder.join("mosquitto.conf"), config).unwrap();
        let mut broker = Self { port, folder: folder.to_owned(), child: None };
        broker.up();
        broker
    }

    /// Starts it again.
    pub fn up(&mut self) {
        let log = append_log(&self.folder);
        let path = std::env::var("PATH").unwrap_or_default();
        let child = Command::new("mosquitto")
            .env("PATH", format!("{path}:/usr/sbin"))
            .arg("-c")
            .arg(self.folder.join("mosquitto.conf"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("Mosquitto is needed: make tools installs it");
        self.child = Some(child);
        let port = self.port;
        wait_for("Mosquitto listens", Duration::from_secs(10), || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// What `systemctl reload mosquitto` sends.
    pub fn reload(&self) {
        signal(self.child.as_ref().unwrap().id(), "HUP");
    }

    /// kill -9.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}
