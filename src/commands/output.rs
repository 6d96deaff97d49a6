//! What the commands share of reading the configuration and writing answers.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use crate::config::Configuration;
use crate::local::Client;

/// Says an error on the standard error, with its causes.
pub fn failed(error: &anyhow::Error) -> ExitCode {
    say_error(&format!("doorward: {error:#}"));
    ExitCode::from(2)
}

/// Writes text for a person to the standard error.
pub fn say_error(text: &str) {
    let _ = writeln!(std::io::stderr(), "{}", harmless(text));
}

/// Writes a line as it is; false when nobody reads any more.
pub fn line(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).is_ok()
}

/// Writes a line for a person; false when nobody reads any more.
pub fn say(text: &str) -> bool {
    line(&harmless(text))
}

/// `text` without what a terminal would act upon: names and details are devices' own words.
fn harmless(text: &str) -> String {
    let acts = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut kept = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) {
            kept.extend(c.escape_unicode());
        } else {
            kept.push(c);
        }
    }
    kept
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

/// The configuration in the folder `config`.
pub fn configuration(config: &Path) -> anyhow::Result<Configuration> {
    crate::config::read(config).map_err(|findings| {
        let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("{}", words.join("\n"))
    })
}

/// A client of the gateway that `config` configures.
pub fn client(config: &Path) -> anyhow::Result<Client> {
    Ok(Client::new(&configuration(config)?.gateway.socket))
}

/// An amount of bytes as a person says it.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

/// What waits by class, ` (access 412 B, state 398 B)`; nothing where nothing does.
pub fn by_class(bytes: &BTreeMap<String, u64>) -> String {
    let words: Vec<String> = bytes
        .iter()
        .filter(|(_, bytes)| **bytes > 0)
        .map(|(class, bytes)| format!("{class} {}", size(*bytes)))
        .collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

/// Ranges as a person writes them: `1-4, 7`; the first twenty.
pub fn ranges(ranges: &[(u64, u64)]) -> String {
    const SHOWN: usize = 20;
    let mut words: Vec<String> = ranges
        .iter()
        .take(SHOWN)
        .map(
            |(first, last)| {
                if first == last { first.to_string() } else { format!("{first}-{last}") }
            },
        )
        .collect();
    if ranges.len() > SHOWN {
        words.push(format!("and {} more", ranges.len() - SHOWN));
    }
    words.join(", ")
}

/// A span of time as a person says it.
pub fn ago(since: Timestamp) -> String {
    let seconds = Timestamp::now().duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86400),
    }
}

/// A time of an event in UTC, to the millisecond; as it stands if it is none.
pub fn time(text: &str) -> String {
    text.parse::<Timestamp>().map_or_else(|_| text.to_owned(), |time| format!("{time:.3}"))
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
        if !say(cells.join("  ").trim_end()) {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_given_nothing_to_act_upon() {
        assert_eq!(harmless("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\nc");
        assert_eq!(harmless("\u{9b}x\u{202e}\u{7f}\t"), "\\u{9b}x\\u{202e}\\u{7f}\\u{9}");
        assert_eq!(harmless("Tür offen"), "Tür offen");
    }

    #[test]
    fn sizes_and_ranges_are_for_people() {
        let sizes = [0, 1023, 1024, 1_048_575, 1 << 20, 1 << 30, 1 << 40].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1 KiB", "1023 KiB", "1 MiB", "1 GiB", "1024 GiB"]);
        assert_eq!(ranges(&[(1, 4), (7, 7)]), "1-4, 7");
        let many: Vec<_> = (0..25).map(|n| (n * 2, n * 2)).collect();
        assert!(ranges(&many).ends_with("38, and 5 more"), "{}", ranges(&many));
    }

    #[test]
    fn times_are_utc_to_the_millisecond() {
        assert_eq!(time("2026-01-02T03:04:05.123456789Z"), "2026-01-02T03:04:05.123Z");
        assert_eq!(time("2026-01-02T03:04:05+01:00"), "2026-01-02T02:04:05.000Z");
        assert_eq!(time("-"), "-");
    }
}
