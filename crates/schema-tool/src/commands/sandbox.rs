//! `sandbox` and `send`: a platform on this machine, and events on its bus.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use doorward_schema_repository::references::nearest;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};

use super::publish::say;
use crate::sandbox::running::Running;
use crate::sandbox::send::{self, Order};
use crate::sandbox::{self, BUS, Fault, GATEWAY, Options, Passed, REGION, TENANT, Told};
use crate::site::source::Catalogue;

/// Where a sandbox lies unless it is told otherwise.
const FOLDER: &str = "target/sandbox";

/// Runs a bus, a gateway with a simulated door, and a queue for each subscription, on this machine.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It needs Python with moto, mosquitto, and doorward; it says how to get what is missing.
Every event that passes is shown, a line each. Ctrl-C ends it and leaves nothing.

Examples:
  doorward-schema sandbox
  doorward-schema sandbox --port 4599 --fail throttle --fail duplicate
  doorward-schema send grant.issued                in another terminal
  doorward-schema send entry.unlock_requested      the simulated door opens"
)]
pub struct Sandbox {
    /// The port of bus and queues; 0 is any that is free.
    #[arg(long, default_value_t = 0, value_name = "PORT")]
    port: u16,
    /// The site that the simulated door belongs to.
    #[arg(long, value_name = "NAME", value_parser = logical_id)]
    site: Option<String>,
    /// What goes wrong between publishers and bus.
    #[arg(long, value_name = "FAULT")]
    fail: Vec<Fault>,
    /// Who may ask for the door: a publisher that the gateway's program knows; by itself the first
    /// with an issuer key, and nobody where no type goes to gateways.
    #[arg(long, value_name = "NAME")]
    issuer: Option<String>,
    /// The gateway's program; by itself the one beside this one or in PATH.
    #[arg(long, value_name = "FILE")]
    doorward: Option<PathBuf>,
    /// A Python with moto; by itself the repository's .venv or the system's.
    #[arg(long, value_name = "FILE")]
    python: Option<PathBuf>,
    /// Where its files lie while it runs.
    #[arg(long, default_value = FOLDER, value_name = "FOLDER")]
    folder: PathBuf,
    /// One JSON object a line: each event, and one with `endpoint` when all is up.
    #[arg(long)]
    json: bool,
}

/// Puts an example of a type on the bus of the sandbox that runs.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "What carries authority is signed with the sandbox's issuer key and names its gateway; a request
relies on the grant that was sent last. A pointer leads into the event, or into /statement.

Examples:
  doorward-schema send grant.issued --set /statement/max_uses=1
  doorward-schema send entry.unlock_requested
  doorward-schema send delivery.scheduled --set '/data/parcels=3'
  doorward-schema send access.granted --from resident-locks-by-console"
)]
pub struct SendExample {
    /// The type, as in grant.issued.
    #[arg(value_name = "TYPE")]
    name: String,
    /// The example to begin with; by itself the first.
    #[arg(long, value_name = "EXAMPLE")]
    from: Option<String>,
    /// What shall stand where: JSON, or else a text.
    #[arg(long, value_name = "POINTER=VALUE", value_parser = setting)]
    set: Vec<(String, Value)>,
    /// Where the sandbox runs.
    #[arg(long, default_value = FOLDER, value_name = "FOLDER")]
    folder: PathBuf,
    /// The whole event as JSON.
    #[arg(long)]
    json: bool,
}

impl Sandbox {
    /// 0 ended as asked, 1 something is missing or ended by itself, 2 the call is wrong.
    pub fn run(self, root: &Path) -> ExitCode {
        within(root, |catalogue, runtime| runtime.block_on(self.serve(root, catalogue)))
    }

    async fn serve(self, root: &Path, catalogue: &Catalogue) -> anyhow::Result<()> {
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut terminated = signal(SignalKind::terminate())?;
        let is_json = self.json;
        let folder = self.folder.clone();
        let options = Options {
            folder: self.folder,
            port: self.port,
            site: self.site,
            doorward: self.doorward,
            python: self.python,
            issuer: self.issuer,
            faults: self.fail,
        };
        let mut tell = |told: Told<'_>| match told {
            Told::Passed(passed) => show(passed, is_json),
            Told::Step(_) if is_json => {}
            Told::Step(step) => say(step),
        };
        let started = tokio::select! {
            started = sandbox::Sandbox::start(root, catalogue, options, &mut tell) => Some(started),
            _ = interrupted.recv() => None,
            _ = terminated.recv() => None,
        };
        let mut sandbox = match started {
            Some(Ok(sandbox)) => sandbox,
            ended => {
                sandbox::leave(&folder);
                return ended.map_or(Ok(()), |failed| failed.map(|_| ()));
            }
        };
        introduce(&sandbox, is_json);
        let ended = loop {
            tokio::select! {
                passed = sandbox.next() => match passed {
                    Ok(passed) => show(&passed, is_json),
                    Err(error) => break Err(error),
                },
                _ = interrupted.recv() => break Ok(()),
                _ = terminated.recv() => break Ok(()),
            }
        };
        sandbox.end().await;
        ended
    }
}

fn introduce(sandbox: &sandbox::Sandbox, is_json: bool) {
    let endpoint = format!("http://127.0.0.1:{}", sandbox.running.port);
    if is_json {
        let queues: serde_json::Map<String, Value> =
            sandbox.queues.iter().map(|(name, url)| (name.clone(), json!(url))).collect();
        let told = json!({
            "endpoint": endpoint, "region": REGION, "bus": BUS, "access_key_id": "sandbox",
            "secret_access_key": "sandbox", "tenant": TENANT, "gateway": GATEWAY,
            "entry": sandbox::ENTRY, "journal_id": sandbox.running.journal_id, "queues": queues,
        });
        say(&told.to_string());
        return;
    }
    say("\nThe sandbox is up; Ctrl-C ends it.\n");
    // Of the SDKs some read the one, some the other.
    let region = format!("AWS_REGION={REGION} AWS_DEFAULT_REGION={REGION}");
    say(&format!("  export AWS_ENDPOINT_URL={endpoint} {region}"));
    say("  export AWS_ACCESS_KEY_ID=sandbox AWS_SECRET_ACCESS_KEY=sandbox\n");
    say(&format!("  bus      {BUS}"));
    say(&format!("  gateway  {GATEWAY}, tenant {TENANT}, entry {}", sandbox::ENTRY));
    for (name, url) in &sandbox.queues {
        say(&format!("  queue    {name}  {url}"));
    }
    if sandbox.running.issuer.is_some() {
        say("\nIn another terminal: doorward-schema send grant.issued\n");
    } else {
        say("\nNo type of this repository goes to gateways: nobody asks for the door.");
        say("In another terminal: doorward-schema send TYPE\n");
    }
}

fn show(passed: &Passed, is_json: bool) {
    if is_json {
        let told = json!({
            "type": passed.detail_type, "source": passed.source, "fate": passed.fate,
            "event": passed.event,
        });
        say(&told.to_string());
    } else {
        say(&sandbox::line(passed));
    }
}

impl SendExample {
    /// 0 the bus took it, 1 it did not or nothing runs, 2 the call is wrong.
    pub fn run(&self, root: &Path) -> ExitCode {
        within(root, |catalogue, runtime| {
            let event_type = catalogue.find(&self.name);
            let event_type = event_type.ok_or_else(|| {
                let names = catalogue.types.iter().map(|known| known.name.as_str());
                let near = nearest(&self.name, names);
                let hint = near.map_or_else(
                    || "doorward-schema docs lists them".to_owned(),
                    |near| format!("did you mean {near}?"),
                );
                anyhow::anyhow!("there is no type {}; {hint}", self.name)
            })?;
            let mut running = Running::read(&self.folder)?;
            let order = Order { event_type, from: self.from.as_deref(), set: &self.set };
            let ready = send::prepare(catalogue, &running, &order)?;
            runtime.block_on(sandbox::put(&running, &ready, &self.name))?;
            running.sequence += 1;
            if ready.grant.is_some() {
                running.last_grant.clone_from(&ready.grant);
            }
            running.write(&self.folder)?;
            if self.json {
                say(&ready.event.to_string());
            } else {
                let id = ready.event.get("id").and_then(Value::as_str).unwrap_or_default();
                say(&format!("sent {} {id} as {}", self.name, ready.source));
            }
            Ok(())
        })
    }
}

/// Reads the repository, has it done, and says what went wrong.
fn within(
    root: &Path,
    act: impl FnOnce(&Catalogue, &tokio::runtime::Runtime) -> anyhow::Result<()>,
) -> ExitCode {
    let done = Catalogue::load(root).map_err(anyhow::Error::from).and_then(|catalogue| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        act(&catalogue, &runtime)
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::ended(1, &format!("{error:#}")),
    }
}

/// `/data/parcels=3`: a JSON pointer and JSON, or a text where it is none.
fn setting(text: &str) -> Result<(String, Value), String> {
    let parts = text.split_once('=').filter(|(pointer, _)| pointer.starts_with('/'));
    let (pointer, value) =
        parts.ok_or("it is a JSON pointer, = and a value, as in /data/parcels=3")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| json!(value));
    Ok((pointer.to_owned(), value))
}

/// What a site may be called: it goes into configuration and events.
fn logical_id(text: &str) -> Result<String, String> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    let begins = text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric());
    if text.len() <= 64 && begins && text.bytes().all(harmless) {
        return Ok(text.to_owned());
    }
    Err("a site is 1 to 64 letters, digits, '.', '-' and '_', the first a letter or digit"
        .to_owned())
}
