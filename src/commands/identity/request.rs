//! `doorward identity request`.

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use crate::commands::output;
use crate::identity::Folder;

#[derive(clap::Args)]
pub struct Args {
    /// As JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Told<'a> {
    key: &'a Path,
    request: &'a Path,
    subject: String,
    made: bool,
    pem: &'a str,
}

pub fn run(config: &Path, args: &Args) -> anyhow::Result<ExitCode> {
    let gateway = output::configuration(config)?.gateway;
    let folder = Folder::new(&gateway.identity.folder);
    let requested = folder.request(&gateway.instance)?;
    if args.json {
        output::json(&Told {
            key: &requested.key,
            request: &requested.request,
            subject: format!("CN={}", gateway.instance),
            made: requested.made,
            pem: &requested.pem,
        })?;
    } else {
        let made = if requested.made { "made" } else { "there already" };
        output::say_error(&format!("key {} ({made})", requested.key.display()));
        output::say_error(&format!("request {}, to be signed:", requested.request.display()));
        output::say(requested.pem.trim_end());
    }
    Ok(ExitCode::SUCCESS)
}
