//! A Mosquitto of the drill's own: one listener for the devices, and one for each vendor with the
//! lines of the ACL that we ship, in its place. In the field a certificate says which vendor it is;
//! here the port does, so that nothing but Mosquitto is needed.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use tokio::process::{Child, Command};

use super::names::VENDORS;
use crate::domain::ids::VendorId;
use crate::vendor::faults::{ears, said_on};

/// How long it may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);
/// So often it is started with other ports: between the choice of a port and the broker's taking it,
/// anybody may have taken it.
const STARTS: usize = 5;
/// Where packages put it, which not every user's `PATH` names.
const PLACES: [&str; 3] = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"];

/// A running broker; it ends when this is dropped.
pub struct Broker {
    /// Where devices speak, and hear everything.
    pub devices: u16,
    /// Each vendor's own, in the order of [`VENDORS`].
    pub vendors: [u16; 4],
    child: Child,
}

/// Finds the program.
pub fn find(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    if let Some(named) = named {
        if named.is_file() {
            return Ok(named.to_owned());
        }
        bail!(
            "there is no {}\n  remedy: name Mosquitto's program with --mosquitto",
            named.display()
        );
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).chain(PLACES.iter().map(PathBuf::from));
    let found = places.map(|place| place.join("mosquitto")).find(|program| program.is_file());
    found.context(
        "a drill needs Mosquitto, and there is none\n  remedy: apt install mosquitto (the service \
         may stay off), or name its program with --mosquitto",
    )
}

/// Ports that nobody has just now, each another.
fn free_ports<const N: usize>() -> std::io::Result<[u16; N]> {
    let mut ports = [0; N];
    let mut held = Vec::with_capacity(N);
    for port in &mut ports {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        *port = listener.local_addr()?.port();
        held.push(listener);
    }
    Ok(ports)
}

impl Broker {
    /// Starts it in a folder, and waits until it listens.
    pub async fn start(program: &Path, folder: &Path) -> anyhow::Result<Self> {
        for _ in 1..STARTS {
            if let Some(broker) = Self::try_start(program, folder).await? {
                return Ok(broker);
            }
        }
        let broker = Self::try_start(program, folder).await?;
        broker.with_context(|| {
            let log = std::fs::read_to_string(folder.join("mosquitto.log")).unwrap_or_default();
            format!("Mosquitto does not listen: {}", log.trim())
        })
    }

    /// None: it ended, or did not listen in time.
    async fn try_start(program: &Path, folder: &Path) -> anyhow::Result<Option<Self>> {
        let [devices, vendors @ ..] = free_ports::<5>()?;
        let mut config = String::from(
            "per_listener_settings true\nset_tcp_nodelay true\nupgrade_outgoing_qos true\n\
             max_queued_messages 100000\nmax_inflight_messages 200\nlog_type error\n",
        );
        if rustix::process::geteuid().is_root() {
            // It reads this folder, which nobody else may.
            config.push_str("user root\n");
        }
        writeln!(config, "listener {devices} 127.0.0.1\nallow_anonymous true")?;
        for (vendor, port) in VENDORS.iter().zip(vendors) {
            let acl = folder.join(format!("{vendor}.acl"));
            std::fs::write(&acl, acl_of(vendor))?;
            let acl = acl.display();
            writeln!(config, "listener {port} 127.0.0.1\nallow_anonymous true\nacl_file {acl}")?;
        }
        let file = folder.join("mosquitto.conf");
        std::fs::write(&file, config)?;
        let log = std::fs::File::create(folder.join("mosquitto.log"))?;
        let child = Command::new(program)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", program.display()))?;
        let mut broker = Self { devices, vendors, child };
        Ok(broker.listens().await?.then_some(broker))
    }

    async fn listens(&mut self) -> anyhow::Result<bool> {
        let begun = Instant::now();
        for port in self.vendors.into_iter().chain([self.devices]) {
            while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                let ended = self.child.try_wait()?.is_some();
                if ended || begun.elapsed() > PATIENCE {
                    return Ok(false);
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        Ok(true)
    }

    /// Ends it.
    pub async fn stop(mut self) {
        let _ = self.child.kill().await;
    }
}

/// As in `config/mosquitto/doorward.acl`, and the drill's own two topics.
fn acl_of(vendor: &str) -> String {
    let id = VendorId::new(vendor);
    format!(
        "topic read {vendor}/#\ntopic write {vendor}/+/get\ntopic write {vendor}/+/set\n\
         topic read {}\ntopic write {}\n",
        ears(&id),
        said_on(&id)
    )
}
