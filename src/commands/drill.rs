//! `doorward drill`: what the others notice when one vendor goes wrong.

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::output;
use crate::drill::{self, Drill, Plan, ROUNDS, Report, TROUBLES, Windows};

/// The exit status where something does not hold.
const FAILED: u8 = 1;
/// The exit status of what a signal ended.
const INTERRUPTED: u8 = 130;
/// How often it is tried to remove the folder, 50 ms apart.
const REMOVALS: u32 = 40;
/// How many sensors each vendor has.
const SENSORS: usize = 20;
/// Messages a second of all of them together, and in a quick drill.
const RATE: f64 = 200.0;
const QUICK_RATE: f64 = 100.0;
/// Milliseconds in which it is looked what is left of a fault: of the three others' requests there
/// are more than a hundred in them, of fewer a p99 is but the greatest.
const AFTER: u64 = 7_000;
/// Turns at once in a quick drill, where no latency is judged.
const QUICK_AT_ONCE: usize = 3;

#[derive(clap::Args)]
pub struct Args {
    /// One round with short windows: whether everything is stopped, not what it costs.
    #[arg(long, conflicts_with = "rounds")]
    quick: bool,
    /// How often everything goes wrong once. Absent: as often as latencies need to be judged.
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// This fault alone; may be given again. `undisturbed` is the noise.
    #[arg(long, value_name = "NAME", value_parser = names())]
    fault: Vec<String>,
    /// The report as JSON.
    #[arg(long)]
    json: bool,
    /// Mosquitto's program.
    #[arg(long, value_name = "PROGRAM")]
    mosquitto: Option<PathBuf>,
    /// The gateway's program. Absent: this one.
    #[arg(long, value_name = "PROGRAM")]
    gateway: Option<PathBuf>,
    /// The folder in which everything is put. Absent: a new one in the folder for temporary files.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// Leave the folders of all turns, with configurations and logs.
    #[arg(long)]
    keep: bool,
    /// Add each turn to this file, and do not do again what stands there: a long drill may be cut.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// What the random order follows from.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
}

fn names() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(TROUBLES.iter().map(|trouble| trouble.name))
}

pub async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let gateway = match &args.gateway {
        Some(program) => std::fs::canonicalize(program)
            .with_context(|| format!("{} cannot be found", program.display()))?,
        None => std::env::current_exe()?,
    };
    let mosquitto = drill::find_mosquitto(args.mosquitto.as_deref())?;
    let is_ours = args.folder.is_none();
    let folder = args.folder.clone().unwrap_or_else(|| {
        let name = format!("doorward-drill-{}-{:08x}", std::process::id(), fastrand::u32(..));
        std::env::temp_dir().join(name)
    });
    let folder = std::path::absolute(folder)?;
    make(&folder)?;
    let troubles = TROUBLES
        .iter()
        .filter(|one| args.fault.is_empty() || args.fault.iter().any(|name| name == one.name));
    let [warm, before, during, after] =
        if args.quick { [500, 600, 500, 600] } else { [1_500, 3_000, 1_000, AFTER] }
            .map(Duration::from_millis);
    let rate = if args.quick { QUICK_RATE } else { RATE };
    let drill = Drill {
        plan: Plan { mosquitto, gateway, sensors: SENSORS },
        windows: Windows { before, after, warm, during, rate },
        troubles: troubles.collect(),
        rounds: if args.quick { 1 } else { args.rounds.map_or(ROUNDS, usize::from) },
        seed: args.seed,
        at_once: if args.quick { QUICK_AT_ONCE } else { 1 },
        folder: folder.clone(),
        keep: args.keep,
        record: args.record.clone(),
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let done = tokio::select! {
        done = drill.run(progress) => Some(done),
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
    };
    clear();
    if is_ours && !args.keep {
        remove(&folder).await;
    } else {
        output::say_error(&format!("what is left of it: {}", folder.display()));
    }
    match done {
        Some(report) => tell(&report?, args.json),
        None => Ok(ExitCode::from(INTERRUPTED)),
    }
}

/// A folder that nobody else may look into.
fn make(folder: &std::path::Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("{} cannot be made", folder.display()))
}

/// Removes the folder; a gateway that was interrupted may still be writing for a moment.
async fn remove(folder: &std::path::Path) {
    for _ in 0..REMOVALS {
        if std::fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    output::say_error(&format!("{} could not be removed", folder.display()));
}

/// One line that is written over on a terminal, and a line each elsewhere.
fn progress(text: &str) {
    let mut errors = std::io::stderr();
    let is_terminal = errors.is_terminal();
    let _ = if is_terminal {
        write!(errors, "\r\x1b[K{text}").and_then(|()| errors.flush())
    } else {
        writeln!(errors, "{text}")
    };
}

fn clear() {
    let mut errors = std::io::stderr();
    if errors.is_terminal() {
        let _ = write!(errors, "\r\x1b[K");
    }
}

fn tell(report: &Report, as_json: bool) -> anyhow::Result<ExitCode> {
    if as_json {
        output::json(report)?;
    } else {
        output::table(&drill::rows(report));
        for remark in drill::remarks(report) {
            output::say(&remark);
        }
    }
    Ok(if report.holds { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}
