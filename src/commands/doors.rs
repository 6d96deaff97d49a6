//! `doorward doors`: what is known of every door.

use std::path::Path;
use std::process::ExitCode;

use super::output;
use crate::local::{DoorView, FactView};

#[derive(clap::Args)]
pub struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let doors: Vec<DoorView> = output::client(config)?.get("/v1/doors", &()).await?;
    if args.json {
        output::json(&doors)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut rows =
        vec![["ENTRY", "POSITION", "LOCK", "ALARMS", "DEVICES"].map(str::to_owned).to_vec()];
    for door in &doors {
        let devices: Vec<String> = door
            .endpoints
            .iter()
            .map(|endpoint| {
                let state = match endpoint.online {
                    Some(true) => "online",
                    Some(false) => "OFFLINE",
                    None => "availability unknown",
                };
                let lossy = if endpoint.lossy_source { ", lossy (QoS 0)" } else { "" };
                let remotes = match endpoint.remote_lockout {
                    Some(true) => ", remote controls locked out",
                    _ => "",
                };
                format!("{} {}: {state}{lossy}{remotes}", endpoint.role, endpoint.endpoint)
            })
            .collect();
        let alarms = if door.alarms.is_empty() { "-".to_owned() } else { door.alarms.join(",") };
        rows.push(vec![
            door.entry.clone(),
            in_words(door, "position", &door.position),
            in_words(door, "lock", &door.lock),
            alarms,
            devices.join("; "),
        ]);
    }
    if doors.is_empty() {
        output::say("no entry is configured: add [[entry]] to doorward.toml");
    } else {
        output::table(&rows);
    }
    Ok(ExitCode::SUCCESS)
}

/// A fact for which no device of the door stands is none.
fn in_words(door: &DoorView, role: &str, fact: &FactView) -> String {
    if !door.endpoints.iter().any(|endpoint| endpoint.role == role) {
        return "-".to_owned();
    }
    match fact.observed_at {
        Some(at) => format!("{} ({}, {})", fact.value, fact.quality, output::ago(at)),
        None if fact.value == "unknown" => "unknown".to_owned(),
        None => format!("{} ({})", fact.value, fact.quality),
    }
}
