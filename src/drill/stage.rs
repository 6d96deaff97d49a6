//! The stage of one run: a folder, a broker, a bus, and a gateway with four vendors and their doors.
//! Each run has one of its own, so that no fault changes the next one's start.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use doorward_events::statement::{IssuerList, KeyId, LocalSigner, Signer as _};
use jiff::{SignedDuration, Timestamp, Unit};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::process::{Child, Command};

use super::broker::Broker;
use super::bus::Bus;
use super::field::Locks;
use super::names::{LOCKS, VENDORS, identity, lock, sensor};
use super::tape::Tape;

/// How long a gateway that was told to end may take.
const END: Duration = Duration::from_secs(5);
/// The issuer, as a registered publisher, and its key's id.
pub const ISSUER: &str = "acme.delivery";
pub const KID: &str = "drill";
/// Whose doors they are.
pub const TENANT: &str = "drill";

/// How a stage is made.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Mosquitto's program.
    pub mosquitto: PathBuf,
    /// The gateway's program.
    pub gateway: PathBuf,
    /// Sensors of each vendor.
    pub sensors: usize,
}

/// A running stage.
pub struct Stage {
    pub folder: PathBuf,
    pub broker: Broker,
    /// The key of who asks, until somebody does.
    pub signer: Option<LocalSigner>,
    pub core: u32,
    gateway: Child,
    pub locks: Arc<Locks>,
    /// Where events go.
    pub bus: Bus,
}

impl Stage {
    /// Starts everything in an empty folder. It does not wait until the gateway is ready.
    pub async fn start(plan: &Plan, folder: &Path, tape: &Arc<Tape>) -> anyhow::Result<Self> {
        let broker = Broker::start(&plan.mosquitto, folder).await?;
        // Before any vendor's process can say that it is there.
        let locks = Locks::start(broker.devices, Arc::clone(tape)).await?;
        let bus = Bus::start(Arc::clone(tape)).await?;
        let (signer, _) = LocalSigner::generate(KeyId::new(KID)?)?;
        let root_key = believe(&signer, &folder.join("issuers.jws")).await?;
        configure(plan, folder, &broker, bus.port, &root_key)?;
        let log = std::fs::File::create(folder.join("gateway.log"))?;
        let gateway = Command::new(&plan.gateway)
            .arg("--config")
            .arg(folder)
            .args(["run", "--drill"])
            .env_clear()
            .env("RUST_LOG", "info")
            // The bus of a drill asks nobody who he is.
            .envs([("AWS_ACCESS_KEY_ID", "drill"), ("AWS_SECRET_ACCESS_KEY", "drill")])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} cannot be started", plan.gateway.display()))?;
        let core = gateway.id().context("the gateway has no process id")?;
        Ok(Self {
            folder: folder.to_owned(),
            broker,
            signer: Some(signer),
            core,
            gateway,
            bus,
            locks: Arc::new(locks),
        })
    }

    /// The socket that operators ask.
    pub fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    /// Whether the gateway has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.gateway.try_wait(), Ok(None))
    }

    /// Ends everything.
    pub async fn stop(mut self) {
        if let Some(pid) = i32::try_from(self.core).ok().and_then(Pid::from_raw)
            && !self.has_ended()
        {
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(END, self.gateway.wait()).await.is_err() {
            let _ = self.gateway.kill().await;
        }
        self.broker.stop().await;
    }
}

/// Writes the list on which the signer's key stands; the root's public key.
async fn believe(signer: &LocalSigner, file: &Path) -> anyhow::Result<String> {
    let (root, _) = LocalSigner::generate(KeyId::new("root")?)?;
    let until = Timestamp::now().checked_add(SignedDuration::from_hours(24))?;
    let until = until.round(Unit::Second)?.to_string();
    let statement = serde_json::from_value(json!({
        "version": 1,
        "expires": until,
        "keys": [{
            "kid": KID,
            "alg": "EdDSA",
            "public_key": signer.public_key().to_base64url(),
            "issuer": ISSUER,
            "may": ["grant", "request"],
            "tenants": [TENANT],
            "longest_validity_s": 3600,
            "not_after": until,
        }],
    }))?;
    std::fs::write(file, IssuerList::sign(&root, &statement).await? + "\n")?;
    Ok(root.public_key().to_base64url())
}

fn configure(
    plan: &Plan,
    folder: &Path,
    broker: &Broker,
    bus: u16,
    root_key: &str,
) -> anyhow::Result<()> {
    let place = folder.display();
    // No time service need keep this machine's clock.
    let mut main = format!(
        "[gateway]\ninstance = \"drill\"\ntenant = \"{TENANT}\"\ntest = true\n\
         state_dir = \"{place}/state\"\nsocket = \"{place}/socket\"\n\
         [bus]\nkind = \"eventbridge\"\nname = \"drill\"\nregion = \"eu-central-1\"\n\
         endpoint_url = \"http://127.0.0.1:{bus}\"\n\
         [trust]\nroot_key = \"{root_key}\"\nissuers = \"{place}/issuers.jws\"\n\
         clock_error_ms = 500\n"
    );
    std::fs::create_dir_all(folder.join("vendors.d"))?;
    for (vendor, port) in VENDORS.iter().zip(broker.vendors) {
        let mut own = format!(
            "ecosystem = \"zigbee2mqtt\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = {port}\n\
             [settings]\nbase_topic = \"{vendor}\"\n"
        );
        let locks = (0..LOCKS).map(|number| (number, lock(vendor, number), "lock"));
        let sensors =
            (0..plan.sensors).map(|number| (LOCKS + number, sensor(vendor, number), "position"));
        for (number, name, role) in locks.chain(sensors) {
            let id = identity(vendor, number);
            writeln!(own, "[[endpoint]]\nid = \"{id}\"\naddress = \"{name}\"")?;
            writeln!(main, "[[entry]]\nid = \"{name}\"\nroles = {{ {role} = \"{vendor}:{id}\" }}")?;
        }
        std::fs::write(folder.join(format!("vendors.d/{vendor}.toml")), own)?;
    }
    std::fs::write(folder.join("doorward.toml"), main)?;
    Ok(())
}
