//! `doorward journal stats`: what the journal holds and how full it is.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::commands::{output, stopped};
use crate::journal::Figures;

#[derive(clap::Args)]
pub struct Args {
    /// Of this file, which no gateway may have open, instead of the running gateway's.
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let figures: Figures = match &args.file {
        Some(file) => stopped::inspect_whole(config, file)?.figures()?,
        None => output::client(config)?.get("/v1/journal", &()).await?,
    };
    if args.json {
        output::json(&figures)?;
    } else {
        for line in in_words(&figures) {
            if !output::say(&line) {
                break;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn in_words(figures: &Figures) -> Vec<String> {
    let statistics = &figures.statistics;
    let mut lines = vec![
        format!(
            "journal      {}, layout {}, open for {} in all its life",
            statistics.journal_id,
            figures.layout,
            span(figures.age_s)
        ),
        format!(
            "events       {} so far, {} wait{}",
            statistics.slot,
            statistics.waiting,
            since(statistics.oldest_waiting.as_deref())
        ),
    ];
    let classes: Vec<String> = statistics
        .waiting_bytes
        .iter()
        .map(|(class, bytes)| {
            let count = figures.waiting_by_class.as_ref().and_then(|counts| counts.get(class));
            let count = count.map_or_else(String::new, |count| format!("{count} in "));
            format!("{class} {count}{}", output::size(*bytes))
        })
        .collect();
    lines.push(format!("waiting      {}", classes.join(", ")));
    for (vendor, bytes) in &figures.waiting_bytes_by_vendor {
        lines.push(format!("  of {vendor}: {}", output::size(*bytes)));
    }
    let oldest = figures.oldest.as_ref().map_or_else(String::new, |oldest| {
        format!(", back to slot {}{}", oldest.slot, since(oldest.recorded_at.as_deref()))
    });
    lines.push(format!("history      {}{oldest}", output::size(figures.history_bytes)));
    lines.push(format!("quarantine   {} rows", statistics.quarantined));
    lines.push(format!(
        "disk         {} of {} in use",
        output::size(statistics.bytes_used),
        output::size(statistics.bytes_bound)
    ));
    if let Some(space) = statistics.space {
        let inodes =
            space.free_inodes.map_or_else(String::new, |free| format!(", {free} inodes free"));
        lines.push(format!(
            "file system  {} of {} free{inodes}",
            output::size(space.free_bytes),
            output::size(space.total_bytes)
        ));
    }
    for gap in &figures.gaps {
        let of = gap.journal_id.map_or_else(String::new, |id| format!(" of journal {id}"));
        lines.push(format!(
            "gap          {} events{of}, {}: sequences {}",
            gap.count,
            gap.reason.as_str(),
            output::ranges(&gap.ranges)
        ));
    }
    if !figures.carried.is_empty() {
        lines.push(format!("taken over   slots {}", output::ranges(&figures.carried)));
    }
    for (kind, through) in &statistics.delivered_through {
        lines.push(format!("delivered    {kind} through {through}"));
    }
    lines
}

fn since(at: Option<&str>) -> String {
    at.map_or_else(String::new, |at| format!(" (since {})", output::time(at)))
}

fn span(seconds: u64) -> String {
    match seconds {
        0..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}
