//! Events in a file, one JSON a line, as a list or a bus handed them out.

use std::io::{BufRead, Read};
use std::path::Path;

use anyhow::{Context, bail};
use doorward_events::MAX_EVENT_BYTES;
use serde_json::Value;

/// Longest line: an event, and what a bus or a list puts around it.
const MAX_LINE: u64 = MAX_EVENT_BYTES as u64 + 8192;

/// The lines of such a file.
pub struct Delivered {
    name: String,
    lines: Box<dyn BufRead>,
    number: u64,
}

impl Delivered {
    /// Opens the file; `-` is the standard input.
    pub fn open(file: &Path) -> anyhow::Result<Self> {
        if file == Path::new("-") {
            let lines = Box::new(std::io::stdin().lock());
            return Ok(Self { name: "standard input".to_owned(), lines, number: 0 });
        }
        let name = file.display().to_string();
        let open = std::fs::File::open(file).with_context(|| format!("{name} cannot be read"))?;
        Ok(Self { name, lines: Box::new(std::io::BufReader::new(open)), number: 0 })
    }

    /// The next line's JSON; `None` at the end.
    ///
    /// # Errors
    /// It cannot be read, is longer than an event can be, or is no JSON.
    pub fn next(&mut self) -> anyhow::Result<Option<Value>> {
        loop {
            self.number += 1;
            let mut line = Vec::new();
            let bounded = (&mut self.lines).take(MAX_LINE).read_until(b'\n', &mut line);
            if bounded.with_context(|| format!("{} cannot be read", self.name))? == 0 {
                return Ok(None);
            }
            if line.len() as u64 == MAX_LINE {
                bail!("{}: it is longer than an event can be", self.place());
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            return match serde_json::from_slice(&line) {
                Ok(value) => Ok(Some(value)),
                Err(_) => bail!("{}: it is no JSON", self.place()),
            };
        }
    }

    /// What was opened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where the line stands that was read last.
    pub fn place(&self) -> String {
        format!("{}, line {}", self.name, self.number)
    }
}

/// The event in it: a line of `doorward events --json` or of a sandbox has it in `event`, what
/// EventBridge delivers in `detail`; else it is one, or an event's `data`.
pub fn event(value: &Value) -> &Value {
    let inner = ["event", "detail"].iter().find_map(|name| value.get(name));
    match inner.filter(|inner| inner.is_object()) {
        Some(inner) => event(inner),
        None => value,
    }
}
