//! `doorward trust known`: which gateways believe a list, by what they said on the bus.
//!
//! A list goes out once, and a gateway in a cellar may take it days later. Each says which version
//! it believes when it starts and with every heartbeat; the newest word of each counts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use doorward_events::statement::Signer as _;
use doorward_events::types::{GatewayHeartbeat, GatewayStarted};
use doorward_events::{EventType, GatewayOrigin, Received};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::files;
use crate::commands::delivered::{Delivered, event};
use crate::commands::output;

/// Most gateways of a file.
const MOST: usize = 1_000_000;

#[derive(clap::Args)]
pub struct Args {
    /// What the gateways said, one JSON a line: events, or as EventBridge delivers them; - reads
    /// the standard input.
    file: PathBuf,
    /// The version that they are to believe, or a later one.
    #[arg(long, value_name = "NUMBER", required_unless_present = "list", conflicts_with = "list")]
    list_version: Option<u64>,
    /// The list that they are to believe, instead of its version.
    #[arg(long, value_name = "FILE", requires = "root")]
    list: Option<PathBuf>,
    /// The file with the root key's private half, which signed it.
    #[arg(long, value_name = "FILE", requires = "list")]
    root: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

/// What a gateway said last.
#[derive(Serialize)]
struct Gateway {
    tenant: String,
    gateway: String,
    /// Of the list that it believes; absent: it believes nobody over the bus.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    /// Whether that is the version asked for, or a later one.
    knows: bool,
    said: Timestamp,
    #[serde(skip)]
    origin: GatewayOrigin,
}

#[derive(Serialize)]
struct Report {
    /// The version asked for.
    version: u64,
    /// How many gateways believe it, or a later one.
    know: usize,
    gateways: Vec<Gateway>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let version = wanted(args)?;
    let mut lines = Delivered::open(&args.file)?;
    let mut newest: BTreeMap<(String, String), Gateway> = BTreeMap::new();
    while let Some(value) = lines.next()? {
        let said = said(event(&value), version);
        let said = said.map_err(|words| anyhow::anyhow!("{}: {words}", lines.place()))?;
        let Some(said) = said else { continue };
        let key = (said.tenant.clone(), said.gateway.clone());
        if newest.get(&key).is_none_or(|known| said.origin.is_later_than(&known.origin)) {
            newest.insert(key, said);
        }
        if newest.len() > MOST {
            bail!("{} holds more than {MOST} gateways", lines.name());
        }
    }
    if newest.is_empty() {
        bail!(
            "{} holds no gateway.started and no gateway.heartbeat\n  remedy: a rule that matches \
             both fills a queue with them; each gateway says one an hour",
            lines.name()
        );
    }
    let gateways: Vec<Gateway> = newest.into_values().collect();
    let know = gateways.iter().filter(|gateway| gateway.knows).count();
    let report = Report { version, know, gateways };
    let all = report.know == report.gateways.len();
    if args.json {
        output::json(&report)?;
    } else {
        in_words(&report);
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The version that the gateways are asked for.
fn wanted(args: &Args) -> anyhow::Result<u64> {
    let (Some(root), Some(file)) = (&args.root, &args.list) else {
        return Ok(args.list_version.unwrap_or_default());
    };
    let root = files::signer(root)?.public_key();
    match files::list(file, &root)? {
        Some(list) => Ok(list.version()),
        None => bail!("there is no list {}\n  remedy: doorward trust add", file.display()),
    }
}

/// What a gateway says in an event; nothing in an event of another type.
fn said(event: &Value, version: u64) -> Result<Option<Gateway>, String> {
    let kind = event.get("type").and_then(Value::as_str);
    let bytes = || event.to_string().into_bytes();
    if kind == Some(EventType::GatewayStarted.as_str()) {
        let received = doorward_events::read::<GatewayStarted>(&bytes());
        let received = received.map_err(|error| error.to_string())?;
        return Ok(of(&received, received.data.issuers_version, version));
    }
    if kind == Some(EventType::GatewayHeartbeat.as_str()) {
        let received = doorward_events::read::<GatewayHeartbeat>(&bytes());
        let received = received.map_err(|error| error.to_string())?;
        return Ok(of(&received, received.data.issuers_version, version));
    }
    Ok(None)
}

fn of<D>(received: &Received<D>, believed: Option<i64>, wanted: u64) -> Option<Gateway> {
    let origin = received.origin?;
    let believed = believed.and_then(|version| u64::try_from(version).ok());
    Some(Gateway {
        tenant: received.envelope.tenant_id.to_string(),
        gateway: received.envelope.publisher.instance.to_string(),
        version: believed,
        knows: believed.is_some_and(|version| version >= wanted),
        said: origin.recorded_at,
        origin,
    })
}

fn in_words(report: &Report) {
    let heading = ["GATEWAY", "TENANT", "BELIEVES", "SAID"];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    for gateway in &report.gateways {
        let believes = match gateway.version {
            None => "nobody".to_owned(),
            Some(version) if gateway.knows => format!("version {version}"),
            Some(version) => format!("version {version}: not yet"),
        };
        rows.push(vec![
            gateway.gateway.clone(),
            gateway.tenant.clone(),
            believes,
            format!("{:.0}, {}", gateway.said, output::ago(gateway.said)),
        ]);
    }
    output::table(&rows);
    output::say(&format!(
        "{} of {} gateways believe version {} or a later one",
        report.know,
        report.gateways.len(),
        report.version
    ));
}
