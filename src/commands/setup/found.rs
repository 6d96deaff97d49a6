//! What this machine has: a broker, serial adapters, a name.

use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::check::serial::adapters;

/// Ports at which brokers listen, in clear and with TLS.
const PORTS: [u16; 2] = [1883, 8883];
/// How long one is waited for.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Where the program and the unit of Mosquitto may be.
const PROGRAMS: [&str; 2] = ["usr/sbin/mosquitto", "usr/local/sbin/mosquitto"];
const UNITS: [&str; 2] =
    ["lib/systemd/system/mosquitto.service", "usr/lib/systemd/system/mosquitto.service"];

/// What was found.
pub(super) struct Found {
    /// Names under /dev/serial/by-id.
    pub(super) adapters: Vec<String>,
    /// Ports of this machine at which something like a broker answers.
    pub(super) brokers: Vec<u16>,
    /// Mosquitto's program.
    pub(super) mosquitto: Option<PathBuf>,
    /// Its unit.
    pub(super) unit: Option<PathBuf>,
    pub(super) host_name: Option<String>,
}

/// Looks at the machine whose files begin at `root`.
pub(super) fn look(root: &Path) -> Found {
    let first = |places: &[&str]| places.iter().map(|at| root.join(at)).find(|at| at.exists());
    let answers = |port: &u16| {
        let address = SocketAddr::from(([127, 0, 0, 1], *port));
        TcpStream::connect_timeout(&address, TIMEOUT).is_ok()
    };
    let host_name = std::fs::read_to_string(root.join("etc/hostname")).ok();
    Found {
        adapters: adapters(&root.join("dev/serial/by-id")),
        brokers: PORTS.into_iter().filter(answers).collect(),
        mosquitto: first(&PROGRAMS),
        unit: first(&UNITS),
        host_name: host_name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()),
    }
}

impl Found {
    /// In lines, for a person.
    pub(super) fn words(&self) -> Vec<String> {
        let ports: Vec<String> = self.brokers.iter().map(u16::to_string).collect();
        let broker = match (&self.mosquitto, ports.is_empty()) {
            (Some(program), false) => {
                format!(
                    "{}, and a broker answers at port {}",
                    program.display(),
                    ports.join(" and ")
                )
            }
            (Some(program), true) => format!("{}, which does not run yet", program.display()),
            (None, false) => {
                format!("none here, but a broker answers at port {}", ports.join(" and "))
            }
            (None, true) => "none (sudo apt-get install mosquitto)".to_owned(),
        };
        let unit =
            self.unit.as_ref().map_or_else(String::new, |unit| format!(", {}", unit.display()));
        let adapters =
            if self.adapters.is_empty() { "none".to_owned() } else { self.adapters.join(", ") };
        vec![format!("Mosquitto  {broker}{unit}"), format!("adapters   {adapters}")]
    }
}
