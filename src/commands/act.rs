//! `doorward unlock|open|lock`: an operator's act at a door, through the same decision as any.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use doorward_translators::Act;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::output;
use crate::local::{Answer, Ask, Client, EventLine, EventQuery};

/// How long the outcome of a command is waited for: longer than any is given.
const PATIENCE: Duration = Duration::from_secs(150);
/// The exit status where nothing was moved.
const DENIED: u8 = 3;
/// The exit status where the door was told to move and that it did is not known.
const NOT_CONFIRMED: u8 = 4;

#[derive(clap::Args)]
pub struct Args {
    /// The entry's id, as in doorward.toml.
    entry: String,
    /// Do not wait for what becomes of it.
    #[arg(long)]
    no_wait: bool,
    /// One JSON object a line: the answer, then each step of the command.
    #[arg(long)]
    json: bool,
}

/// A step of a command.
#[derive(Serialize)]
struct Step<'a> {
    state: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

pub async fn run(config: &Path, act: Act, args: &Args) -> anyhow::Result<ExitCode> {
    let client = output::client(config)?;
    let after = last_sequence(&client).await?;
    let ask = Ask::Act { entry: args.entry.clone(), action: act };
    let answer = super::grants::ask(&client, &ask).await?;
    if args.json {
        output::json(&answer)?;
    }
    let command = match answer {
        Answer::Granted { command_id, .. } => command_id,
        Answer::Denied { reason, all, detail } => {
            if !args.json {
                output::say_error(&super::grants::denied(&reason, &all, &detail));
            }
            return Ok(ExitCode::from(DENIED));
        }
        other => anyhow::bail!("the gateway answered something else: {other:?}"),
    };
    if args.no_wait {
        return Ok(ExitCode::SUCCESS);
    }
    let end = tokio::time::timeout(PATIENCE, follow(&client, after, command, args)).await;
    match end {
        Ok(end) => end,
        Err(_) => anyhow::bail!(
            "nothing was heard of the command for {} s\n  remedy: look at doorward events",
            PATIENCE.as_secs()
        ),
    }
}

/// The newest event's sequence, after which the command's own come.
async fn last_sequence(client: &Client) -> anyhow::Result<u64> {
    let mut last = 0;
    let newest = EventQuery { limit: Some(1), ..EventQuery::default() };
    client
        .lines("/v1/events", &newest, |line: EventLine| {
            last = last.max(line.sequence);
            true
        })
        .await?;
    Ok(last)
}

async fn follow(
    client: &Client,
    after: u64,
    command: Uuid,
    args: &Args,
) -> anyhow::Result<ExitCode> {
    let query = EventQuery {
        after: Some(after),
        event_type: Some("command.state_changed".to_owned()),
        subject: Some(args.entry.clone()),
        follow: true,
        ..EventQuery::default()
    };
    let id = command.to_string();
    let mut end = None;
    client
        .lines("/v1/events", &query, |line: EventLine| {
            let data = line.event.get("data");
            let text = |name: &str| data.and_then(|data| data.get(name)).and_then(Value::as_str);
            if text("command_id") != Some(id.as_str()) {
                return true;
            }
            let state = text("state").unwrap_or("unknown");
            let step = Step { state, reason: text("reason") };
            let heard = if args.json {
                output::json(&step).is_ok()
            } else {
                let why = step.reason.map_or_else(String::new, |reason| format!(" ({reason})"));
                output::say(&format!("{state}{why}"))
            };
            end = match state {
                "confirmed" | "confirmed_assumed" => Some(ExitCode::SUCCESS),
                "accepted" | "dispatched" | "acknowledged" => None,
                _ => Some(ExitCode::from(NOT_CONFIRMED)),
            };
            heard && end.is_none()
        })
        .await?;
    match end {
        Some(end) => Ok(end),
        None => {
            anyhow::bail!("the gateway stopped before the command's end\n  remedy: doorward events")
        }
    }
}
