//! `doorward events`: what happened.

use std::path::Path;
use std::process::ExitCode;

use serde_json::Value;

use super::output;
use crate::local::{ClientError, EventLine, EventQuery, ListEnd};

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
    let mut written = Written { json: args.json, ..Written::default() };
    let client = output::client(config)?;
    let end = client.lines("/v1/events", &query, |line: EventLine| written.line(&line)).await;
    match end {
        Ok(ListEnd::Reader) => {}
        Ok(ListEnd::Gateway) if !args.follow => {
            if !args.json && written.last.is_none() {
                output::say("no event matches");
            }
        }
        Ok(ListEnd::Gateway) | Err(ClientError::Broken(_)) if args.follow => {
            let after = written.last.map_or_else(String::new, |last| format!(" --after {last}"));
            anyhow::bail!(
                "the gateway has stopped, or stopped answering\n  \
                 remedy: when it runs again, go on with doorward events --follow{after}"
            );
        }
        end => {
            end?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What has been written so far.
#[derive(Default)]
struct Written {
    json: bool,
    last: Option<u64>,
}

impl Written {
    /// False when nobody reads any more.
    fn line(&mut self, line: &EventLine) -> bool {
        let first = self.last.replace(line.sequence).is_none();
        if self.json {
            return serde_json::to_string(line).is_ok_and(|text| output::line(&text));
        }
        (!first || output::say(&heading())) && output::say(&in_words(line))
    }
}

fn heading() -> String {
    columns(
        "SEQUENCE",
        ' ',
        ["TIME (UTC)", "TYPE", "ENTRY OR ENDPOINT", "DATA   (*: not yet delivered to the bus)"],
    )
}

fn in_words(line: &EventLine) -> String {
    let text = |name: &str| line.event.get(name).and_then(Value::as_str).unwrap_or("-");
    let subject = match (text("entry_id"), text("endpoint_id")) {
        ("-", endpoint) => endpoint,
        (entry, _) => entry,
    };
    let data = line.event.get("data").and_then(Value::as_object);
    // Names of other things come last: a narrow terminal cuts there.
    let (names, words): (Vec<_>, Vec<_>) =
        data.into_iter().flatten().partition(|(name, _)| name.ends_with("_id"));
    let mut members: Vec<String> = words
        .into_iter()
        .chain(names)
        .map(|(name, value)| match value {
            Value::String(value) => format!("{name}={value}"),
            other => format!("{name}={other}"),
        })
        .collect();
    // What happened and who did it come as two events; the later names the earlier.
    if let Some(id) = line.event.get("correlation_id").and_then(Value::as_str) {
        members.push(format!("correlation_id={id}"));
    }
    columns(
        &line.sequence.to_string(),
        if line.delivered { ' ' } else { '*' },
        [&output::time(text("time")), text("type"), subject, &members.join(" ")],
    )
}

/// The columns are as wide as what usually stands in them: a list that goes on cannot wait for
/// the widest.
fn columns(sequence: &str, mark: char, [time, kind, subject, data]: [&str; 4]) -> String {
    format!("{sequence:>8}{mark} {time:<24} {kind:<25} {subject:<30} {data}").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_stand_in_columns_under_their_heading() {
        let line = EventLine {
            sequence: 12,
            delivered: false,
            event: serde_json::json!({
                "time": "2026-01-02T03:04:05.1Z", "type": "entry.lock_changed",
                "entry_id": "front-door", "endpoint_id": "z:1",
                "data": {"command_id": "c-1", "state": "locked", "n": 1},
            }),
        };
        let (heading, text) = (heading(), in_words(&line));
        let subject = heading.find("ENTRY").unwrap();
        assert!(
            text.starts_with("      12* 2026-01-02T03:04:05.100Z entry.lock_changed"),
            "{text}"
        );
        assert_eq!(text.find("front-door"), Some(subject));
        assert_eq!(text.find("state=locked n=1 command_id=c-1"), heading.find("DATA"));
        assert!(heading.contains("*: not yet delivered"));
    }
}
