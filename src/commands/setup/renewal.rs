//! `doorward setup --renew`: what the building's own authority signed is signed anew when it is due,
//! by a timer, as root: the authority's key is nobody else's to read.

use std::path::Path;
use std::process::ExitCode;

use super::certificates::{self, Renewed};
use super::written::{Fate, Files};
use super::{Args, restart, tell};
use crate::commands::output;

pub(super) async fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let mut files = Files::open(config, args.dry_run)?;
    let broker = args.mosquitto.join(super::broker::FOLDER);
    let Some(renewed) = certificates::renew(config, &broker, &mut files)? else {
        output::say("nothing to renew: there is no key of an authority here");
        return Ok(ExitCode::SUCCESS);
    };
    files.close()?;
    tell(&files);
    let Renewed { carried, mut failed } = renewed;
    for file in carried {
        output::say(&format!(
            "left       {}: due, and carried by hand: sudo doorward setup signs it anew, then \
             bring it to its devices or bridge, with ca.pem",
            file.display()
        ));
    }
    let is_new = files.told.iter().any(|(file, fate)| {
        file.starts_with(&broker) && matches!(fate, Fate::Created | Fate::Updated)
    });
    if is_new && !args.dry_run {
        if !restart::is_possible(&args.root) {
            output::say(&format!("let Mosquitto read it: {}", restart::RELOAD_BY_HAND));
        } else if let Err(error) = restart::reload().await {
            failed.push(format!(
                "Mosquitto was not told ({error})\n  remedy: {}",
                restart::RELOAD_BY_HAND
            ));
        } else {
            output::say("reloaded   mosquitto");
        }
    }
    for words in &failed {
        output::say_error(&format!("error: {words}"));
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
}
