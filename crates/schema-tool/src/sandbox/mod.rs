//! A whole platform on this machine, without an account: an emulated bus with a queue for each
//! subscription of the repository, and the real gateway with a simulated door, so that a service
//! team sees its first event and its first open door within minutes, and what happens when things
//! go wrong.
//!
//! Nothing of it outlives the command: every process, every file.

mod aws;
mod bus;
mod door;
mod gateway;
mod parts;
mod road;
pub mod running;
pub mod send;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::site::source::Catalogue;
pub use aws::{BUS, REGION};
pub use road::{Fault, Passed};
use running::Running;

/// The gateway's instance.
pub const GATEWAY: &str = "sandbox-gateway";
/// Whose building it is.
pub const TENANT: &str = "sandbox";
/// The door.
pub const ENTRY: &str = "front-door";
/// The id of the issuer's key.
pub const KID: &str = "sandbox-2026";

/// How long the emulated bus may take to start.
const BUS_START: Duration = Duration::from_secs(60);
/// How long the broker may take.
const BROKER_START: Duration = Duration::from_secs(15);
/// How long the gateway's first event may take.
const FIRST_EVENT: Duration = Duration::from_secs(60);
/// Events that wait to be shown; what passes beyond is not shown.
const SHOWN: usize = 4096;
/// What says that a folder is a sandbox's and whose, so that no other is ever removed.
const STAMP: &str = ".doorward-sandbox";
/// Members of data that say most of what happened.
const TELLING: [&str; 8] =
    ["reason", "state", "lock", "position", "action", "outcome", "alarm", "vendor"];
/// Most characters of an event's data in its line.
const LINE: usize = 120;
/// How to get the emulated bus.
const MOTO: &str = "python3 -m venv .venv && .venv/bin/pip install 'moto[server]==5.2.5'";

/// What a sandbox shall be.
#[derive(Debug)]
pub struct Options {
    /// Where its files lie while it runs; nothing may run there.
    pub folder: PathBuf,
    /// The port of bus and queues; 0 is any.
    pub port: u16,
    /// The site of its door.
    pub site: Option<String>,
    /// The gateway's program; by itself the one beside this one, or in `PATH`.
    pub doorward: Option<PathBuf>,
    /// A Python with moto; by itself that of the repository or of the system.
    pub python: Option<PathBuf>,
    /// Who may ask for the door; by itself the first publisher with an issuer key, and nobody where
    /// no type goes to gateways.
    pub issuer: Option<String>,
    /// What goes wrong.
    pub faults: Vec<Fault>,
}

/// What is told while it starts.
#[derive(Debug)]
pub enum Told<'a> {
    /// What happens now.
    Step(&'a str),
    /// An event that passed.
    Passed(&'a Passed),
}

/// A sandbox that is up.
pub struct Sandbox {
    folder: PathBuf,
    parts: Vec<parts::Part>,
    door: Option<door::Door>,
    road: Option<road::Road>,
    passed: mpsc::Receiver<Passed>,
    /// The queues, each with where it is reached.
    pub queues: Vec<(String, String)>,
    /// What `send` is told.
    pub running: Running,
}

impl Sandbox {
    /// Starts all of it; `tell` hears of each step and of each event that passes meanwhile.
    ///
    /// An error says what is missing and how to get it; nothing runs then.
    pub async fn start(
        root: &Path,
        catalogue: &Catalogue,
        options: Options,
        tell: &mut dyn FnMut(Told<'_>),
    ) -> anyhow::Result<Self> {
        let program = parts::find(options.doorward.as_deref(), "doorward").context(
            "there is no doorward beside this program or in PATH: build it with cargo build \
             --workspace, or name it with --doorward",
        )?;
        let mosquitto = parts::find(None, "mosquitto")
            .context("there is no mosquitto, the doors' broker: apt-get install mosquitto")?;
        let issuer = issuer(catalogue, options.issuer.as_deref())?;
        let python = python(root, options.python.as_deref()).await?;

        let folder = own_folder(&options.folder)?;
        tell(Told::Step("the bus starts (moto)"));
        let port = parts::free_port().await?;
        let number = port.to_string();
        let arguments = ["-m", "moto.server", "-H", "127.0.0.1", "-p", &number];
        let mut moto = parts::Part::start("moto", &folder, &python, arguments, &[])?;
        let answers = || async move {
            aws::call(port, "events", "AWSEvents.ListEventBuses", &json!({})).await.ok()
        };
        moto.until(BUS_START, "answer", answers).await?;
        let queues = bus::queues(catalogue, GATEWAY);
        bus::make(port, &queues).await?;
        let (told, mut passed) = mpsc::channel(SHOWN);
        let road = road::Road::open(options.port, port, options.faults, told).await?;

        tell(Told::Step("the door starts (mosquitto, a lock and a contact)"));
        let broker_port = parts::free_port().await?;
        let mut broker = gateway::broker(&folder, &mosquitto, broker_port)?;
        let listens =
            || async move { tokio::net::TcpStream::connect(("127.0.0.1", broker_port)).await.ok() };
        broker.until(BROKER_START, "listen", listens).await?;
        let door = door::Door::start(broker_port);

        tell(Told::Step("the gateway starts (doorward)"));
        let place = gateway::Place {
            folder: &folder,
            program: &program,
            site: options.site.as_deref(),
            issuer: issuer.as_deref(),
        };
        place.configure(road.port, broker_port).await?;
        let gateway = place.start().await?;
        let key = place.key();
        let journal_id = timeout(FIRST_EVENT, journal(&mut passed, tell)).await;
        let journal_id =
            journal_id.context("the gateway's first event did not reach the bus")??;
        let running = Running {
            process: std::process::id(),
            port: road.port,
            journal_id,
            site: options.site,
            issuer,
            key,
            last_grant: None,
            sequence: 0,
        };
        running.write(&folder)?;
        let url = |queue: &bus::Queue| (queue.name.clone(), bus::url(road.port, &queue.name));
        Ok(Self {
            queues: queues.iter().map(url).collect(),
            parts: vec![moto, broker, gateway],
            door: Some(door),
            road: Some(road),
            folder,
            passed,
            running,
        })
    }

    /// The next event that passes; an error when a part ends by itself.
    pub async fn next(&mut self) -> anyhow::Result<Passed> {
        let [moto, broker, gateway] = self.parts.as_mut_slice() else { bail!("a part is missing") };
        tokio::select! {
            passed = self.passed.recv() => passed.context("the road has ended"),
            error = moto.ended() => Err(error),
            error = broker.ended() => Err(error),
            error = gateway.ended() => Err(error),
        }
    }

    /// Ends all of it, the gateway first, and removes what it left.
    pub async fn end(mut self) {
        while let Some(part) = self.parts.pop() {
            part.end().await;
        }
        self.door.take();
        self.road.take();
        leave(&self.folder);
    }
}

/// The id of the gateway's journal, from its first events.
async fn journal(
    passed: &mut mpsc::Receiver<Passed>,
    tell: &mut dyn FnMut(Told<'_>),
) -> anyhow::Result<String> {
    loop {
        let event = passed.recv().await.context("the road has ended")?;
        tell(Told::Passed(&event));
        let journal = event.event.pointer("/gateway/journal_id").and_then(Value::as_str);
        if let Some(journal) = journal.filter(|_| event.fate.starts_with("accepted")) {
            return Ok(journal.to_owned());
        }
    }
}

/// An event that passed, in a line.
pub fn line(passed: &Passed) -> String {
    let text = |pointer: &str| passed.event.pointer(pointer).and_then(Value::as_str);
    let time = text("/time").and_then(|time| time.get(11..19)).unwrap_or("--:--:--");
    let place = text("/entry_id").or(text("/endpoint_id")).unwrap_or("-");
    // What matters most first, since the line is cut.
    let told = |name: &&str| Some(format!("{name} {}", text(&format!("/data/{name}"))?));
    let mut data: Vec<String> = TELLING.iter().filter_map(told).collect();
    data.extend(passed.event.get("data").map(Value::to_string));
    let mut data: String = data.join(", ").chars().take(LINE).collect();
    if data.chars().count() == LINE {
        data.push('…');
    }
    let fate =
        if passed.fate == "accepted" { String::new() } else { format!(" [{}]", passed.fate) };
    format!("{time} {:<28} {:<28} {place:<12}{fate} {data}", passed.detail_type, passed.source)
}

/// Puts one event on the bus of the sandbox that runs.
pub async fn put(running: &Running, ready: &send::Ready, name: &str) -> anyhow::Result<()> {
    let entry = json!({
        "EventBusName": BUS,
        "Source": ready.source,
        "DetailType": name,
        "Detail": ready.event.to_string(),
    });
    let call = json!({ "Entries": [entry] });
    let answer = aws::call(running.port, "events", "AWSEvents.PutEvents", &call).await;
    let answer = match answer {
        Err(error) if error.to_string().contains("ThrottlingException") => {
            bail!("the bus refused it: ThrottlingException; send it again")
        }
        answer => answer?,
    };
    let result = answer.pointer("/Entries/0").cloned().unwrap_or_default();
    if let Some(code) = result.get("ErrorCode").and_then(Value::as_str) {
        bail!("the bus refused it: {code}; send it again");
    }
    Ok(())
}

/// The folder, empty but for its stamp. What one that was killed left behind is removed; what runs
/// there or somebody else left is not.
fn own_folder(folder: &Path) -> anyhow::Result<PathBuf> {
    if let Some(process) = owner(folder) {
        ensure!(
            !running::is_alive(process),
            "a sandbox runs in {} already: end it, or name another folder with --folder",
            folder.display()
        );
        std::fs::remove_dir_all(folder)?;
    }
    if let Ok(mut inside) = std::fs::read_dir(folder) {
        ensure!(
            inside.next().is_none(),
            "{} holds files of somebody else: name an empty folder with --folder",
            folder.display()
        );
    }
    std::fs::create_dir_all(folder).with_context(|| format!("{}", folder.display()))?;
    std::fs::write(folder.join(STAMP), format!("{}\n", std::process::id()))?;
    Ok(folder.canonicalize()?)
}

/// The process whose sandbox this folder is, if it is one's.
fn owner(folder: &Path) -> Option<u32> {
    std::fs::read_to_string(folder.join(STAMP)).ok()?.trim().parse().ok()
}

/// Removes the folder of this process's sandbox, and no other.
pub fn leave(folder: &Path) {
    if owner(folder) == Some(std::process::id()) {
        let _ = std::fs::remove_dir_all(folder);
    }
}

fn issuer(catalogue: &Catalogue, given: Option<&str>) -> anyhow::Result<Option<String>> {
    if given.is_none() && catalogue.types.iter().all(|known| known.statement.is_none()) {
        return Ok(None);
    }
    let mut publishers = catalogue.publishers.iter();
    let found = match given {
        Some(name) => publishers.find(|publisher| publisher.name == name),
        None => publishers.find(|publisher| !publisher.keys.is_empty()),
    };
    let found = found.with_context(|| match given {
        Some(name) => format!("{name} is no publisher of schemas/publishers.json"),
        None => "no publisher has an issuer key: name one with --issuer".to_owned(),
    })?;
    Ok(Some(found.name.clone()))
}

/// The first Python that has moto.
async fn python(root: &Path, given: Option<&Path>) -> anyhow::Result<PathBuf> {
    let mut places: Vec<PathBuf> = given.map(Path::to_owned).into_iter().collect();
    if given.is_none() {
        places.extend(std::env::var_os("DOORWARD_PYTHON").map(PathBuf::from));
        places.push(root.join(".venv/bin/python"));
        places.push(PathBuf::from("python3"));
    }
    for place in &places {
        let asked = Command::new(place)
            .args(["-c", "import moto.server"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .status();
        let status = timeout(BUS_START, asked).await;
        if status.is_ok_and(|status| status.is_ok_and(|status| status.success())) {
            return Ok(place.clone());
        }
    }
    let looked: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
    bail!(
        "no Python with moto, the emulated bus (looked for {}): {MOTO}, then --python \
         .venv/bin/python",
        looked.join(", ")
    )
}
