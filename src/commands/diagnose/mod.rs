//! `doorward diagnose`: one archive for whoever helps from afar, with no secret in it.

mod archive;
mod contents;
mod redaction;
mod systemd;

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use jiff::Timestamp;

use super::output;
use contents::Contents;

/// Longest archive, in bytes: it goes by mail. What comes last is left out then.
pub(super) const MAX_ARCHIVE: usize = 4 << 20;

#[derive(clap::Args)]
pub struct Args {
    /// The archive to make. Absent: doorward-diagnose-TIME.tar, in the present folder.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The gateway's log, where it is a file and not systemd's.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// Reach no broker.
    #[arg(long)]
    offline: bool,
    /// Where the machine's own files begin.
    #[arg(long, hide = true, default_value = "/", value_name = "FOLDER")]
    root: PathBuf,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let now = Timestamp::now();
    let file = args.output.clone().unwrap_or_else(|| {
        PathBuf::from(format!("doorward-diagnose-{}.tar", now.strftime("%Y%m%dT%H%M%SZ")))
    });
    let contents = Contents::gather(config, args.log.as_deref(), args.offline, &args.root).await;
    let manifest = contents.manifest();
    let bytes = contents.archive(now);
    let write = || -> std::io::Result<()> {
        let mut options = std::fs::OpenOptions::new();
        let mut made = options.write(true).create_new(true).mode(0o600).open(&file)?;
        made.write_all(&bytes)?;
        made.sync_all()
    };
    write().with_context(|| format!("{} cannot be made", file.display()))?;
    output::say(manifest.trim_end());
    output::say(&format!("\n{}: {}", file.display(), output::size(bytes.len() as u64)));
    Ok(ExitCode::SUCCESS)
}
