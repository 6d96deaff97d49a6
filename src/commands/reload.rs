//! `doorward reload`: the running gateway reads its files again.

use std::path::Path;
use std::process::ExitCode;

use super::output;
use crate::local::Reloaded;

/// The exit status where the new configuration is bad.
const REFUSED: u8 = 3;

#[derive(clap::Args)]
pub struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

pub async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let client = output::client(config)?;
    let mut answer: Option<Reloaded> = None;
    client
        .post("/v1/reload", &(), |line: Reloaded| {
            answer = Some(line);
            false
        })
        .await?;
    let Some(reloaded) = answer else {
        anyhow::bail!(
            "the gateway did not answer\n  remedy: look at its log, then at doorward vendors"
        )
    };
    if args.json {
        output::json(&reloaded)?;
    } else {
        tell(&reloaded);
    }
    Ok(if reloaded.applied { ExitCode::SUCCESS } else { ExitCode::from(REFUSED) })
}

fn tell(reloaded: &Reloaded) {
    for finding in &reloaded.findings {
        output::say_error(finding);
    }
    if !reloaded.applied {
        output::say_error("nothing was changed: the configuration from before goes on");
        return;
    }
    let changes = [
        ("vendors added", &reloaded.added),
        ("vendors changed", &reloaded.changed),
        ("vendors removed", &reloaded.removed),
        ("entries new or changed", &reloaded.entries),
        ("entries removed", &reloaded.removed_entries),
        ("at the next start only", &reloaded.at_next_start),
    ];
    let mut any = false;
    for (what, names) in changes {
        if !names.is_empty() {
            any = true;
            output::say(&format!("{what}: {}", names.join(", ")));
        }
    }
    if !any {
        output::say("nothing has changed");
    }
}
