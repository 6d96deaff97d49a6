//! `doorward events`: what happened.

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use super::output;
use crate::local::{EventLine, EventQuery};

#[derive(clap::Args)]
pub struct Args {
    /// Go on with events as they happen.
    #[arg(long, short)]
    follow: bool,
    /// Only events of this type, as `entry.lock_changed`.
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only events of this entry.
    #[arg(long, value_name = "ID", conflicts_with = "endpoint")]
    entry: Option<String>,
    /// Only events of this endpoint that belong to no entry.
    #[arg(long, value_name = "ID")]
    endpoint: Option<String>,
    /// Only events after this sequence; otherwise the newest.
    #[arg(long, value_name = "SEQUENCE")]
    after: Option<u64>,
    /// At most so many (1 to 1000).
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=1000))]
    limit: Option<u64>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    if let Some(name) = &args.event_type
        && name.parse::<doorward_events::EventType>().is_err()
    {
        let known: Vec<&str> =
            doorward_events::EventType::ALL.iter().map(|kind| kind.as_str()).collect();
        anyhow::bail!("there is no event type {name:?}\n  known: {}", known.join(", "));
    }
    let query = EventQuery {
        after: args.after,
        limit: args.limit.and_then(|limit| usize::try_from(limit).ok()),
        event_type: args.event_type.clone(),
        subject: args.entry.clone().or_else(|| args.endpoint.clone()),
        follow: args.follow,
    };
    let json = args.json;
    output::client(config)?
        .lines("/v1/events", &query, |line: EventLine| {
            if json {
                serde_json::to_string(&line).is_ok_and(|text| output::line(&text))
            } else {
                output::line(&in_words(&line))
            }
        })
        .await?;
    Ok(ExitCode::SUCCESS)
}

/// Sequence, time, type, subject, and the data's members.
fn in_words(line: &EventLine) -> String {
    let text = |name: &str| line.event.get(name).and_then(Value::as_str).unwrap_or("-");
    let subject = match (text("entry_id"), text("endpoint_id")) {
        ("-", endpoint) => endpoint,
        (entry, _) => entry,
    };
    let mark = if line.delivered { ' ' } else { '*' };
    let data = line.event.get("data").and_then(Value::as_object);
    let members: Vec<String> = data
        .into_iter()
        .flatten()
        .map(|(name, value)| match value {
            Value::String(value) => format!("{name}={value}"),
            other => format!("{name}={other}"),
        })
        .collect();
    format!(
        "{:>7}{mark} {:<27} {:<26} {subject:<20} {}",
        line.sequence,
        text("time"),
        text("type"),
        members.join(" ")
    )
}
