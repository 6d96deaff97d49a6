//! What the commands share of reading the configuration and writing answers.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::local::Client;

/// Says an error on the standard error, with its causes.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "doorward: {error:#}");
    ExitCode::from(2)
}

/// Writes a line; false when nobody reads any more.
pub fn line(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// Writes a value as JSON: indented for a person, one line for a pipe.
pub fn json<T: serde::Serialize>(value: &T) -> anyhow::Result<()> {
    let text = if std::io::stdout().is_terminal() {
        serde_json::to_string_pretty(value)?
    } else {
        serde_json::to_string(value)?
    };
    line(&text);
    Ok(())
}

/// A client of the gateway that `config` configures.
pub fn client(config: &Path) -> anyhow::Result<Client> {
    let configuration = crate::config::read(config).map_err(|findings| {
        let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", words.join("\n"))
    })?;
    Ok(Client::new(&configuration.gateway.socket))
}

/// A span of time as a person says it.
pub fn ago(since: jiff::Timestamp) -> String {
    let seconds = jiff::Timestamp::now().duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86400),
    }
}

/// Rows in columns, the first row being the heading.
pub fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|column| {
            rows.iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| {
                let pad = width.saturating_sub(cell.chars().count());
                format!("{cell}{}", " ".repeat(pad))
            })
            .collect();
        if !line(cells.join("  ").trim_end()) {
            return;
        }
    }
}
