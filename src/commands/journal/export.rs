//! `doorward journal export`: events with their exact bytes, one a line.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use serde::Deserialize;

use crate::commands::{output, stopped};
use crate::local::{ExportQuery, export_header, export_lines};

/// Events of a file that are read at once.
const PAGE: usize = 512;

#[derive(clap::Args)]
pub struct Args {
    /// Of this file, which no gateway may have open, instead of the running gateway's.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Only events that the bus has not finally answered.
    #[arg(long)]
    waiting: bool,
    /// Only events after this slot.
    #[arg(long, value_name = "SLOT")]
    after: Option<u64>,
}

/// A line that names a row which cannot be read.
#[derive(Deserialize)]
struct Damaged {
    damaged: u64,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let mut written = Written::default();
    let outcome = match &args.file {
        Some(file) => of_file(config, file, args, &mut written),
        None => of_gateway(config, args, &mut written).await,
    };
    // A reader that goes is no fault.
    let flushed = written.out.flush();
    if written.gone || flushed.is_err() {
        return Ok(ExitCode::SUCCESS);
    }
    outcome.with_context(|| match written.last {
        Some(slot) => format!("the export broke off; go on with --after {slot}"),
        None => "nothing was exported".to_owned(),
    })?;
    if written.damaged > 0 {
        output::say_error(&format!("{} events cannot be read", written.damaged));
        return Ok(ExitCode::from(1));
    }
    Ok(ExitCode::SUCCESS)
}

async fn of_gateway(config: &Path, args: &Args, written: &mut Written) -> anyhow::Result<()> {
    let query = ExportQuery { after: args.after, waiting: args.waiting };
    let client = output::client(config)?;
    client.texts("/v1/journal/export", &query, |line| Ok(written.line(line))).await?;
    Ok(())
}

fn of_file(config: &Path, file: &Path, args: &Args, written: &mut Written) -> anyhow::Result<()> {
    let journal = stopped::inspect_whole(config, file)?;
    if !written.line(export_header(journal.journal_id())?.as_bytes()) {
        return Ok(());
    }
    let mut after = args.after.unwrap_or(0);
    let mut text = String::new();
    loop {
        let page = journal.export_page(after, u64::MAX, PAGE, args.waiting)?;
        text.clear();
        export_lines(&page, &mut text);
        for line in text.split_inclusive('\n') {
            if !written.line(line.as_bytes()) {
                return Ok(());
            }
        }
        match page.go_on {
            Some(slot) => after = slot,
            None => return Ok(()),
        }
    }
}

/// What has been written so far.
struct Written {
    out: std::io::BufWriter<std::io::Stdout>,
    last: Option<u64>,
    damaged: u64,
    /// Nobody reads any more.
    gone: bool,
}

impl Default for Written {
    fn default() -> Self {
        let out = std::io::BufWriter::with_capacity(1 << 16, std::io::stdout());
        Self { out, last: None, damaged: 0, gone: false }
    }
}

impl Written {
    /// False when nobody reads any more.
    fn line(&mut self, line: &[u8]) -> bool {
        if line.starts_with(b"{\"damaged\":")
            && let Ok(Damaged { damaged }) = serde_json::from_slice(line)
        {
            self.damaged += 1;
            output::say_error(&format!("the event in slot {damaged} cannot be read"));
            return true;
        }
        self.last = slot(line).or(self.last);
        self.gone |= self.out.write_all(line).is_err();
        !self.gone
    }
}

/// The slot that a line begins with.
fn slot(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(b"{\"slot\":")?;
    let digits = rest.split(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_its_slot() {
        assert_eq!(slot(b"{\"slot\":120,\"vendor\":null"), Some(120));
        assert_eq!(slot(b"{\"journal_id\":\"\"}"), None);
        assert_eq!(slot(b"{\"slot\":}"), None);
    }
}
