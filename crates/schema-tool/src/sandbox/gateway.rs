//! The real gateway beside the simulated door: its configuration, the keys that it believes, and
//! when it is ready.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;

use super::aws::{BUS, REGION};
use super::door::{CONTACT, CONTACT_NAME, LOCK, LOCK_NAME};
use super::parts::Part;
use super::{ENTRY, GATEWAY, KID, TENANT, bus};

/// How long one of its commands may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it may take until it knows its door.
const START: Duration = Duration::from_secs(60);
/// The settings of the broker that the gateway relies on.
const BROKER: &str = "allow_anonymous true\nupgrade_outgoing_qos true\nset_tcp_nodelay true\n\
                      max_queued_messages 100000\nmax_inflight_messages 100\n";

/// Where it all lies.
pub struct Place<'a> {
    /// The folder of this sandbox.
    pub folder: &'a Path,
    /// The gateway's program.
    pub program: &'a Path,
    /// The site that its door belongs to.
    pub site: Option<&'a str>,
    /// Who may ask for the door: a registered publisher. Without one nothing is asked of it.
    pub issuer: Option<&'a str>,
}

/// Starts a broker at `port`.
pub fn broker(folder: &Path, program: &Path, port: u16) -> anyhow::Result<Part> {
    let file = folder.join("broker.conf");
    let user = std::env::var("USER").unwrap_or_else(|_| "root".to_owned());
    std::fs::write(&file, format!("listener {port} 127.0.0.1\nuser {user}\n{BROKER}"))?;
    Part::start("broker", folder, program, [Path::new("-c"), file.as_path()], &[])
}

impl Place<'_> {
    fn configuration(&self) -> PathBuf {
        self.folder.join("gateway")
    }

    /// The private key of whoever asks for the door.
    pub fn key(&self) -> PathBuf {
        self.folder.join("issuer.key")
    }

    /// Makes the root key, the issuer's key and the list that names it; what `doorward.toml` says
    /// of them.
    async fn trust(&self, issuer: &str) -> anyhow::Result<String> {
        let text = |path: PathBuf| path.display().to_string();
        let root = text(self.folder.join("root.key"));
        let list = text(self.folder.join("issuers.jws"));
        self.ask(&["trust", "key", &root]).await?;
        let public = self.ask(&["trust", "key", &text(self.key())]).await?;
        let told = self
            .ask(&[
                "trust",
                "add",
                "--root",
                &root,
                "--list",
                &list,
                "--tenant",
                TENANT,
                "--issuer",
                issuer,
                "--kid",
                KID,
                "--public-key",
                public.trim(),
            ])
            .await?;
        let from = told.find("[trust]").context("doorward trust add told no [trust]")?;
        Ok(told.get(from..).unwrap_or_default().to_owned())
    }

    /// Writes its configuration: the bus by way of `road`, the devices at `broker`.
    pub async fn configure(&self, road: u16, broker: u16) -> anyhow::Result<()> {
        let place = self.configuration();
        std::fs::create_dir_all(place.join("vendors.d"))?;
        let folder = self.folder.display();
        let mut text = format!(
            "[gateway]\ninstance = \"{GATEWAY}\"\ntenant = \"{TENANT}\"\n\
             state_dir = \"{folder}/state\"\nsocket = \"{folder}/socket\"\n"
        );
        if let Some(site) = self.site {
            writeln!(text, "site = \"{site}\"")?;
        }
        write!(
            text,
            "\n[bus]\nkind = \"eventbridge\"\nname = \"{BUS}\"\nregion = \"{REGION}\"\n\
             endpoint_url = \"http://127.0.0.1:{road}\"\n"
        )?;
        if let Some(issuer) = self.issuer {
            let requests = bus::url(road, bus::REQUESTS);
            let trust = self.trust(issuer).await?;
            write!(
                text,
                "\n[downlink]\nqueue_url = \"{requests}\"\n\n{trust}\nclock_error_ms = 500\n"
            )?;
        }
        write!(
            text,
            "\n[[entry]]\nid = \"{ENTRY}\"\n[entry.roles]\nlock = \"zigbee2mqtt:{LOCK}\"\n\
             position = \"zigbee2mqtt:{CONTACT}\"\n"
        )?;
        std::fs::write(place.join("doorward.toml"), text)?;
        std::fs::write(
            place.join("vendors.d/zigbee2mqtt.toml"),
            format!(
                "ecosystem = \"zigbee2mqtt\"\n[mqtt]\nhost = \"127.0.0.1\"\nport = {broker}\n\
                 [[endpoint]]\nid = \"{LOCK}\"\naddress = \"{LOCK_NAME}\"\n\
                 [[endpoint]]\nid = \"{CONTACT}\"\naddress = \"{CONTACT_NAME}\"\n"
            ),
        )?;
        Ok(())
    }

    /// Starts it, and waits until it knows its door.
    pub async fn start(&self) -> anyhow::Result<Part> {
        let place = self.configuration();
        let environment = [
            ("AWS_ACCESS_KEY_ID", "sandbox"),
            ("AWS_SECRET_ACCESS_KEY", "sandbox"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            // What says that commands can be sent is told at this level.
            ("RUST_LOG", "info"),
        ];
        let arguments = [OsStr::new("--config"), place.as_os_str(), OsStr::new("run")];
        let mut part = Part::start("gateway", self.folder, self.program, arguments, &environment)?;
        part.until(START, "know its door", || self.knows_its_door()).await?;
        Ok(part)
    }

    async fn knows_its_door(&self) -> Option<()> {
        let place = self.configuration().display().to_string();
        let told = self.ask(&["--config", &place, "doors", "--json"]).await.ok()?;
        let doors: Value = serde_json::from_str(&told).ok()?;
        let door = doors.as_array()?.first()?;
        let is_seen =
            |fact: &str| door.pointer(&format!("/{fact}/quality")) == Some(&"observed".into());
        let log = std::fs::read_to_string(self.folder.join("gateway.log")).unwrap_or_default();
        let can_command = log.contains("commands can be sent");
        (is_seen("lock") && is_seen("position") && can_command).then_some(())
    }

    async fn ask(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let called = Command::new(self.program).args(arguments).kill_on_drop(true).output();
        let answer: Output =
            timeout(PATIENCE, called).await.context("doorward does not answer")??;
        if !answer.status.success() {
            let why = String::from_utf8_lossy(&answer.stderr);
            bail!("doorward {}: {}", arguments.join(" "), why.trim());
        }
        Ok(String::from_utf8_lossy(&answer.stdout).into_owned())
    }
}
